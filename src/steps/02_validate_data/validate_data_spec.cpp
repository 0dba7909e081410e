// SPDX-License-Identifier: Apache-2.0
// The field table of validate_data: one variant per check.
#include "records/schema.h"
#include "steps/02_validate_data/validate_data.h"

namespace kingpost::steps::validate_data {
namespace {

Field column() {
  return {.name = "column", .kind = FieldKind::kColumn, .doc = "the column", .required = true};
}

Field columns(std::string_view doc) {
  return list_of({.name = "columns", .doc = doc, .required = true, .least = 1},
                 {.kind = FieldKind::kColumn});
}

Field values(std::string_view doc) {
  return list_of({.name = "values", .doc = doc, .required = true, .least = 1},
                 {.kind = FieldKind::kScalar});
}

std::vector<Field> whole_bounds(std::string_view what_min, std::string_view what_max) {
  return {{.name = "min", .kind = FieldKind::kInteger, .doc = what_min, .least = 0},
          {.name = "max", .kind = FieldKind::kInteger, .doc = what_max, .least = 0}};
}

std::vector<Field> with_column(std::vector<Field> others) {
  others.insert(others.begin(), column());
  return others;
}

Variant statistic(std::string_view name, std::string_view doc, std::string_view alias) {
  return {.name = name,
          .doc = doc,
          .fields =
              with_column({{.name = "min", .kind = FieldKind::kNumber, .doc = "the least allowed"},
                           {.name = "max", .kind = FieldKind::kNumber, .doc = "the most allowed"}}),
          .aliases = {alias}};
}

std::vector<Field> common_fields() {
  return {
      {.name = "name", .doc = "how reports call the check; its own description otherwise"},
      {.name = "severity",
       .kind = FieldKind::kChoice,
       .doc = "how grave a failure is",
       .fallback = "critical",
       .choices = {"critical", "warning", "info"}},
      {.name = "on_fail",
       .kind = FieldKind::kChoice,
       .doc = "what follows; by default fail when critical, else warn",
       .choices = {"fail", "warn", "quarantine", "drop"}},
      {.name = "mostly",
       .kind = FieldKind::kNumber,
       .doc = "the share of the evaluated rows that must pass, 1 by default",
       .least = 0,
       .most = 1},
      {.name = "where",
       .kind = FieldKind::kExpression,
       .doc = "only rows for which this condition holds are looked at"},
  };
}

std::vector<Variant> row_checks() {
  return {
      {.name = "not_null",
       .doc = "every row has a value",
       .fields = {column()},
       .aliases = {"expect_column_values_to_not_be_null"}},
      {.name = "unique",
       .doc = "no two rows have the same values in these columns; rows without any are ignored",
       .fields = {columns("the columns that tell rows apart")},
       .aliases = {"expect_column_values_to_be_unique", "expect_compound_columns_to_be_unique"}},
      {.name = "in_set",
       .doc = "every value is one of the listed",
       .fields = {column(), values("the values allowed")},
       .aliases = {"expect_column_values_to_be_in_set", "accepted_values"}},
      {.name = "not_in_set",
       .doc = "no value is one of the listed",
       .fields = {column(), values("the values refused")},
       .aliases = {"expect_column_values_to_not_be_in_set"}},
      {.name = "between",
       .doc = "every number, date, time or timestamp lies within the bounds",
       .fields = {column(),
                  {.name = "min", .kind = FieldKind::kScalar, .doc = "the least allowed"},
                  {.name = "max", .kind = FieldKind::kScalar, .doc = "the most allowed"},
                  {.name = "strict_min",
                   .kind = FieldKind::kBoolean,
                   .doc = "min itself is refused",
                   .fallback = "false"},
                  {.name = "strict_max",
                   .kind = FieldKind::kBoolean,
                   .doc = "max itself is refused",
                   .fallback = "false"}},
       .aliases = {"expect_column_values_to_be_between"}},
      {.name = "relationships",
       .doc = "every value stands in a column of another table",
       .fields = {column(),
                  {.name = "to", .doc = "the other column as table.column", .required = true}}},
      {.name = "increasing",
       .doc = "no value is smaller than the one before it, in the order of the rows",
       .fields = {column(),
                  {.name = "strictly",
                   .kind = FieldKind::kBoolean,
                   .doc = "equal neighbours are refused too",
                   .fallback = "false"}},
       .aliases = {"expect_column_values_to_be_increasing"}},
  };
}

std::vector<Variant> text_checks() {
  return {
      {.name = "length",
       .doc = "every text has so many characters (Unicode code points)",
       .fields = with_column(whole_bounds("the fewest characters", "the most characters")),
       .aliases = {"expect_column_value_lengths_to_be_between"}},
      {.name = "matches",
       .doc = "the regular expression (RE2) is found in every text",
       .fields = {column(),
                  {.name = "pattern",
                   .doc = "the expression; ^ and $ anchor it",
                   .required = true}},
       .aliases = {"expect_column_values_to_match_regex"}},
      {.name = "not_matches",
       .doc = "the regular expression (RE2) is found in no text",
       .fields = {column(),
                  {.name = "pattern",
                   .doc = "the expression; ^ and $ anchor it",
                   .required = true}},
       .aliases = {"expect_column_values_to_not_match_regex"}},
  };
}

std::vector<Variant> column_checks() {
  Field type{.name = "type",
             .kind = FieldKind::kChoice,
             .doc = "the type",
             .required = true,
             .choices = records::type_words()};
  return {
      {.name = "type",
       .doc = "the column has this type",
       .fields = {column(), std::move(type)},
       .aliases = {"expect_column_values_to_be_of_type"}},
      {.name = "distinct_count",
       .doc = "the column has so many different values",
       .fields = with_column(whole_bounds("the fewest", "the most")),
       .aliases = {"expect_column_unique_value_count_to_be_between"}},
      statistic("mean", "the mean of the values lies within the bounds",
                "expect_column_mean_to_be_between"),
      statistic("median", "the median of the values lies within the bounds",
                "expect_column_median_to_be_between"),
      statistic("stdev", "the sample standard deviation (n - 1) lies within the bounds",
                "expect_column_stdev_to_be_between"),
      statistic("sum", "the sum of the values lies within the bounds",
                "expect_column_sum_to_be_between"),
      {.name = "freshness",
       .doc = "the newest value is not older than this, seen from the run's clock",
       .fields = {column(),
                  {.name = "warn_after",
                   .kind = FieldKind::kDuration,
                   .doc = "an older value is a warning",
                   .least = 0},
                  {.name = "error_after",
                   .kind = FieldKind::kDuration,
                   .doc = "an older value fails the check",
                   .least = 0}}},
  };
}

std::vector<Variant> table_checks() {
  std::vector<Field> counts = whole_bounds("the fewest rows", "the most rows");
  counts.push_back(
      {.name = "equals", .kind = FieldKind::kInteger, .doc = "exactly so many rows", .least = 0});
  return {
      {.name = "row_count",
       .doc = "the table has so many rows",
       .fields = std::move(counts),
       .aliases = {"expect_table_row_count_to_be_between", "expect_table_row_count_to_equal"}},
      {.name = "row_count_equals",
       .doc = "the table has as many rows as another",
       .fields = {{.name = "table", .doc = "the other table", .required = true}},
       .aliases = {"expect_table_row_count_to_equal_other_table"}},
      {.name = "columns_exist",
       .doc = "the table has these columns",
       .fields = {columns("the columns"),
                  {.name = "exactly",
                   .kind = FieldKind::kBoolean,
                   .doc = "and no others",
                   .fallback = "false"}},
       .aliases = {"expect_table_columns_to_match_set", "expect_column_to_exist"}},
      {.name = "column_order",
       .doc = "the table has exactly these columns in this order",
       .fields = {columns("the columns, in order")},
       .aliases = {"expect_table_columns_to_match_ordered_list"}},
      {.name = "sql",
       .doc = "a query over the tables, under their names, that returns the failures",
       .fields = {{.name = "query", .kind = FieldKind::kSql, .doc = "the query"},
                  {.name = "file",
                   .kind = FieldKind::kPath,
                   .doc = "a file with the query, relative to the pipeline file"}},
       .aliases = {"unexpected_rows_expectation"}},
  };
}

Field section() {
  Shape shape{.fields = common_fields(), .tag = "check", .variants = row_checks()};
  for (auto& more : {text_checks(), column_checks(), table_checks()}) {
    shape.variants.insert(shape.variants.end(), more.begin(), more.end());
  }
  Field each = object_of({.doc = "one check"}, std::move(shape));
  Field list = list_of({.doc = "the checks of a table"}, std::move(each));
  return map_of({.name = "validate_data", .doc = "checks per table, and what follows a failure"},
                std::move(list));
}

}  // namespace

const Field& spec() {
  static const Field field = section();
  return field;
}

}  // namespace kingpost::steps::validate_data
