// SPDX-License-Identifier: Apache-2.0
// The keys of the section `extract_features`.
#include "steps/06_extract_features/extract_features.h"

namespace kingpost::steps::extract_features {
namespace {

Field choice(std::string_view name, std::string_view doc, std::vector<std::string_view> choices) {
  return {.name = name, .kind = FieldKind::kChoice, .doc = doc, .choices = std::move(choices)};
}

Field expr(std::string_view doc) {
  return {.name = "expr", .kind = FieldKind::kExpression, .doc = doc};
}

std::vector<Field> number_fields() {
  return {
      choice("missing", "What stands for no value; keep leaves NaN, which only trees can take",
             {"median", "mean", "constant", "keep"}),
      {.name = "fill",
       .kind = FieldKind::kNumber,
       .doc = "The value that missing: constant puts in"},
      {.name = "indicator",
       .kind = FieldKind::kBoolean,
       .doc = "Add a column that says whether there was no value, where training rows lack one"},
      choice("scale", "zscore: mean 0 and deviation 1; robust: median 0 and quartile distance 1",
             {"none", "zscore", "robust"}),
      choice("transform", "log1p: the logarithm of 1 + value; a value below 0 counts as missing",
             {"none", "log1p"}),
      {.name = "clip_min", .kind = FieldKind::kNumber, .doc = "Lower values are raised to it"},
      {.name = "clip_max", .kind = FieldKind::kNumber, .doc = "Higher values are lowered to it"},
  };
}

std::vector<Field> category_fields() {
  return {
      choice(
          "encode",
          "native: codes that each model treats as categories; one_hot: a column per category; "
          "ordinal: the rank among the sorted categories; frequency: the share of training rows; "
          "target: the smoothed mean of the target, out of fold on training rows",
          {"native", "one_hot", "ordinal", "frequency", "target"}),
      {.name = "min_count",
       .kind = FieldKind::kInteger,
       .doc = "Categories with fewer training rows are grouped as other",
       .least = 1},
      {.name = "max_levels",
       .kind = FieldKind::kInteger,
       .doc = "Only the most frequent categories are kept",
       .least = 1,
       .most = 100000},
      {.name = "smoothing",
       .kind = FieldKind::kNumber,
       .doc = "Of target: the overall mean counts as this many rows",
       .least = 0},
      choice("unseen", "A category that training rows do not have counts as", {"other", "missing"}),
      choice("missing", "No value is a category of its own, or counts as other",
             {"own_level", "other"}),
  };
}

std::vector<Field> with_expr(std::vector<Field> fields, std::string_view doc) {
  fields.insert(fields.begin(), expr(doc));
  return fields;
}

Field columns() {
  Shape column;
  column.fields = {{.name = "name",
                    .kind = FieldKind::kName,
                    .doc = "The feature's name; without expr also the column it is",
                    .required = true}};
  column.tag = "type";
  const std::string_view doc = "Its value, of the columns of a curated row";
  Field parts = list_of({.name = "parts", .doc = "What is taken from the time"},
                        choice("", "A part of a time",
                               {"year", "quarter", "month", "day", "dayofyear", "isodow", "hour",
                                "minute", "minute_of_day"}));
  column.variants = {
      {"number", "A quantity", with_expr(number_fields(), doc), {}},
      {"category", "One of some kinds", with_expr(category_fields(), doc), {}},
      {"boolean", "True or false; no value is 0 and has an indicator", {expr(doc)}, {}},
      {"cyclic",
       "A number on a circle, as sine and cosine; no value is the centre",
       {expr(doc),
        {.name = "period",
         .kind = FieldKind::kInteger,
         .doc = "After how many whole steps it comes round",
         .required = true,
         .least = 2,
         .most = 100000}},
       {}},
      {"timestamp",
       "A time, as numbers for its parts",
       {expr(doc),
        parts,
        {.name = "tz",
         .kind = FieldKind::kText,
         .doc = "The zone the parts are read in; default: defaults.tz"}},
       {}},
  };
  return list_of({.name = "columns",
                  .doc = "The features; default: every column that is fit for it (see the report)"},
                 object_of({.doc = "A feature"}, std::move(column)));
}

Field defaults() {
  Shape category{.fields = category_fields()};
  Shape number{.fields = number_fields()};
  Shape shape{
      .fields = {
          object_of({.name = "category", .doc = "Of category features"}, std::move(category)),
          object_of({.name = "number", .doc = "Of number features"}, std::move(number)),
          {.name = "tz",
           .kind = FieldKind::kText,
           .doc = "The zone in which parts of instants are read",
           .fallback = "UTC"},
      }};
  return object_of({.name = "defaults", .doc = "Treatment where a feature says none"},
                   std::move(shape));
}

}  // namespace

const Field& spec() {
  static const Field field = [] {
    Field exclude = list_of(
        {.name = "exclude", .doc = "Columns that make no feature when `columns` is not given"},
        {.kind = FieldKind::kColumn, .doc = "A column"});
    Shape top{.fields = {columns(), exclude, defaults()}};
    return object_of({.name = "extract_features", .doc = "Features of curated rows, as one graph"},
                     std::move(top));
  }();
  return field;
}

}  // namespace kingpost::steps::extract_features
