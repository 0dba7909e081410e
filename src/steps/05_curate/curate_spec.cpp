// SPDX-License-Identifier: Apache-2.0
// The keys of the section `curate`.
#include "steps/05_curate/curate.h"

namespace kingpost::steps::curate {
namespace {

Field columns(std::string_view name, std::string_view doc, bool required) {
  return list_of({.name = name, .doc = doc, .required = required, .least = required ? 1.0 : 0.0},
                 {.kind = FieldKind::kColumn});
}

Field share(std::string_view name, std::string_view doc, std::string_view fallback) {
  return {.name = name,
          .kind = FieldKind::kNumber,
          .doc = doc,
          .fallback = fallback,
          .least = 0,
          .most = 0.9};
}

Field seed() {
  return {.name = "seed",
          .kind = FieldKind::kInteger,
          .doc = "another seed gives another split",
          .fallback = "13"};
}

std::vector<Field> shares() {
  return {share("validation", "share of the labelled rows", "0.15"),
          share("test", "share of the labelled rows", "0.15"), seed()};
}

std::vector<Field> shares_and(Field first) {
  std::vector<Field> out = shares();
  out.insert(out.begin(), std::move(first));
  return out;
}

Field split_field() {
  Shape shape;
  shape.tag = "type";
  shape.variants = {
      {.name = "time",
       .doc = "before validation_from: train; from test_from on: test",
       .fields = {{.name = "column",
                   .kind = FieldKind::kColumn,
                   .doc = "the time of a row",
                   .required = true},
                  {.name = "tz",
                   .kind = FieldKind::kText,
                   .doc = "the zone in which the two dates begin",
                   .fallback = "UTC"},
                  {.name = "validation_from",
                   .kind = FieldKind::kTimestamp,
                   .doc = "the first moment of validation",
                   .required = true},
                  {.name = "test_from",
                   .kind = FieldKind::kTimestamp,
                   .doc = "the first moment of test",
                   .required = true},
                  {.name = "gap",
                   .kind = FieldKind::kDuration,
                   .doc = "rows this close before either moment are set apart",
                   .fallback = "0",
                   .least = 0}}},
      {.name = "random", .doc = "by chance", .fields = shares()},
      {.name = "stratified",
       .doc = "by chance, with equal shares of each value of a column",
       .fields = shares_and(
           {.name = "by", .kind = FieldKind::kColumn, .doc = "a column; default the target"})},
      {.name = "group",
       .doc = "whole groups of rows together",
       .fields = shares_and(columns("by", "rows with equal values stay together", true))},
      {.name = "key_hash",
       .doc = "by the hash of columns: a row keeps its side when others come",
       .fields = shares_and(columns("by", "default the key of the spine", false))},
      {.name = "kfold",
       .doc = "folds for cross-validation, beside a test share",
       .fields = {{.name = "folds",
                   .kind = FieldKind::kInteger,
                   .doc = "number of folds",
                   .fallback = "5",
                   .least = 2,
                   .most = 100},
                  share("test", "share of the labelled rows", "0.15"),
                  seed()}},
  };
  return object_of({.name = "split",
                    .doc = "which rows train, validate and test; default: random, stratified where "
                           "the target is a class"},
                   std::move(shape));
}

Field joins_field() {
  Shape shape{
      .fields = {
          {.name = "table",
           .kind = FieldKind::kName,
           .doc = "the table on the right",
           .required = true},
          map_of({.name = "match",
                  .doc = "columns on the left and their equals on the right",
                  .required = true},
                 {.kind = FieldKind::kColumn}),
          {.name = "asof",
           .kind = FieldKind::kColumn,
           .doc = "time column on the right: the last row known at the prediction is taken"},
          {.name = "ttl",
           .kind = FieldKind::kDuration,
           .doc = "how old that row may be at the prediction",
           .least = 0},
          columns("take", "columns of the right to take", true),
          {.name = "prefix",
           .kind = FieldKind::kName,
           .doc = "put before the names of the columns taken"},
      }};
  return list_of({.name = "joins", .doc = "tables joined to the spine, left, in this order"},
                 object_of({}, std::move(shape)));
}

Field checks_field() {
  Shape shape;
  shape.tag = "check";
  shape.fields = {{.name = "severity",
                   .kind = FieldKind::kChoice,
                   .doc = "critical ends the run",
                   .fallback = "critical",
                   .choices = {"critical", "warning"}}};
  shape.variants = {
      {.name = "row_count_equals",
       .doc = "all curated rows, labelled or not, are as many as the rows of a table",
       .fields = {{.name = "table",
                   .kind = FieldKind::kName,
                   .doc = "a table that enters",
                   .required = true}}},
      {.name = "not_null",
       .doc = "a column has values",
       .fields = {{.name = "column", .kind = FieldKind::kColumn, .required = true},
                  {.name = "mostly",
                   .kind = FieldKind::kNumber,
                   .doc = "share of rows that must have one",
                   .fallback = "1",
                   .least = 0,
                   .most = 1}}},
      {.name = "unique",
       .doc = "no two rows agree in these columns",
       .fields = {columns("columns", "the columns together", true)}},
  };
  return list_of({.name = "checks", .doc = "of the curated rows"}, object_of({}, std::move(shape)));
}

}  // namespace

const Field& spec() {
  static const Field field = [] {
    Shape predict_at{.fields = {{.name = "column",
                                 .kind = FieldKind::kColumn,
                                 .doc = "a time column of the spine",
                                 .required = true},
                                {.name = "offset",
                                 .kind = FieldKind::kDuration,
                                 .doc = "added to it, e.g. -2h",
                                 .fallback = "0"}}};
    Shape target{.fields = {{.name = "name",
                             .kind = FieldKind::kName,
                             .doc = "the column's name",
                             .required = true},
                            {.name = "type",
                             .kind = FieldKind::kChoice,
                             .doc = "what is predicted",
                             .required = true,
                             .choices = {"number", "binary", "multiclass"}},
                            {.name = "expr",
                             .kind = FieldKind::kExpression,
                             .doc = "its value; null where a row has no label",
                             .required = true}}};
    Shape top{.fields = {{.name = "spine",
                          .kind = FieldKind::kName,
                          .doc = "the table whose rows are the rows to learn from",
                          .required = true},
                         object_of({.name = "predict_at",
                                    .doc = "the moment of prediction: nothing known later is used"},
                                   std::move(predict_at)),
                         joins_field(),
                         checks_field(),
                         split_field(),
                         object_of({.name = "target", .doc = "what is learned", .required = true},
                                   std::move(target))}};
    return object_of({.name = "curate", .doc = "5: one training set of curated rows"},
                     std::move(top));
  }();
  return field;
}

}  // namespace kingpost::steps::curate
