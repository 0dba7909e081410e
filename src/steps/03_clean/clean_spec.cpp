// SPDX-License-Identifier: Apache-2.0
// The field table of the section `clean`: a list of rules per table.
#include "steps/03_clean/clean.h"

namespace kingpost::steps::clean {
namespace {

Field column() {
  return {.name = "column",
          .kind = FieldKind::kColumn,
          .doc = "The column to change",
          .required = true};
}

Field columns(std::string_view doc, bool required = true) {
  return list_of({.name = "columns", .doc = doc, .required = required, .least = 1},
                 {.kind = FieldKind::kColumn, .doc = "A column"});
}

Field where(bool required) {
  return {.name = "where",
          .kind = FieldKind::kExpression,
          .doc = "A SQL condition on one row; where it is null the row is left alone",
          .required = required};
}

Field scalar(std::string_view name, std::string_view doc, bool required) {
  return {.name = name, .kind = FieldKind::kScalar, .doc = doc, .required = required};
}

Variant drop_duplicates() {
  Field by{.name = "by",
           .kind = FieldKind::kChoice,
           .doc = "What two rows must share: the table's key, the whole row, or `columns`",
           .fallback = "key",
           .choices = {"key", "row", "columns"}};
  Field keep{.name = "keep",
             .kind = FieldKind::kChoice,
             .doc = "Which of the rows stays, in the order of the table",
             .fallback = "first",
             .choices = {"first", "last"}};
  return {"drop_duplicates",
          "Keeps one of the rows that agree; nulls agree with each other",
          {by, columns("The columns to compare, with by: columns", false), keep},
          {}};
}

std::vector<Variant> variants() {
  return {
      drop_duplicates(),
      {"drop_rows", "Takes out the rows for which the condition is true", {where(true)}, {}},
      {"set_null",
       "Makes a value null, by a condition or by value",
       {column(), where(false),
        list_of({.name = "values", .doc = "The values that stand for null", .least = 1},
                scalar("", "A value", false))},
       {}},
      {"set",
       "Gives a column the value of a SQL expression",
       {column(),
        {.name = "expr",
         .kind = FieldKind::kExpression,
         .doc = "The new value; its type must fit into the column's",
         .required = true},
        where(false)},
       {}},
      {"fill_null",
       "Puts a constant in place of null",
       {column(), scalar("value", "The constant", true)},
       {}},
      {"replace",
       "Replaces values by others, all at once",
       {column(), map_of({.name = "values",
                          .doc = "Old value to new value; a new value may be null",
                          .required = true},
                         scalar("", "The new value", false))},
       {}},
      {"clip",
       "Moves numbers and times that lie outside of a range to its ends; NaN stays",
       {column(), scalar("min", "The least value", false),
        scalar("max", "The largest value", false)},
       {}},
      {"hhmm_to_minutes",
       "Reads a local clock such as 517, 0517 or 05:17 as minutes since midnight (int32); 2400 is "
       "1440, and what is no time of day becomes null and is counted",
       {columns("Columns of whole numbers or texts")},
       {}},
      {"trim", "Takes white space off both ends of texts", {columns("Columns of texts")}, {}},
      {"empty_to_null", "Makes empty texts null", {columns("Columns of texts")}, {}},
  };
}

Field make_spec() {
  Shape shape;
  shape.tag = "rule";
  shape.variants = variants();
  Field rule = object_of({.name = "rule", .doc = "A rule"}, std::move(shape));
  Field rules = list_of({.doc = "The rules of one table, applied in their order"}, std::move(rule));
  return map_of(
      {.name = "clean", .doc = "Repairs values and takes out rows: a list of rules per table"},
      std::move(rules));
}

}  // namespace

const Field& spec() {
  static const Field field = make_spec();
  return field;
}

}  // namespace kingpost::steps::clean
