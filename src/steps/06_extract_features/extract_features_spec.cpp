// SPDX-License-Identifier: Apache-2.0
// The keys of the section `extract_features`.
#include "steps/06_extract_features/extract_features.h"

namespace kingpost::steps::extract_features {

const Field& spec() {
  static const Field field = [] {
    Shape column{.fields = {
                     {.name = "name",
                      .kind = FieldKind::kName,
                      .doc = "the feature's name; without expr also the column it is",
                      .required = true},
                     {.name = "type",
                      .kind = FieldKind::kChoice,
                      .doc = "how it is treated",
                      .required = true,
                      .choices = {"number", "category", "boolean", "cyclic", "timestamp"}},
                     {.name = "expr",
                      .kind = FieldKind::kExpression,
                      .doc = "its value, of the columns of a curated row"},
                     {.name = "min_count",
                      .kind = FieldKind::kInteger,
                      .doc = "rarer categories are grouped",
                      .least = 1},
                     {.name = "period",
                      .kind = FieldKind::kInteger,
                      .doc = "of a cyclic feature",
                      .least = 2},
                 }};
    Shape category{.fields = {{.name = "unseen",
                               .kind = FieldKind::kChoice,
                               .doc = "a category that the training rows do not have",
                               .fallback = "other",
                               .choices = {"other", "missing"}},
                              {.name = "missing",
                               .kind = FieldKind::kChoice,
                               .doc = "no value",
                               .fallback = "own_level",
                               .choices = {"own_level", "other"}}}};
    Shape number{.fields = {{.name = "missing",
                             .kind = FieldKind::kChoice,
                             .doc = "what stands for no value",
                             .fallback = "median",
                             .choices = {"median", "mean", "zero", "keep"}},
                            {.name = "indicator",
                             .kind = FieldKind::kBoolean,
                             .doc = "add a feature that says whether there was a value",
                             .fallback = "true"}}};
    Shape defaults{
        .fields = {
            object_of({.name = "category", .doc = "of category features"}, std::move(category)),
            object_of({.name = "number", .doc = "of number features"}, std::move(number))}};
    Shape top{
        .fields = {list_of({.name = "columns", .doc = "the features; default: every column"},
                           object_of({}, std::move(column))),
                   object_of({.name = "defaults", .doc = "treatment where a feature says none"},
                             std::move(defaults))}};
    return object_of({.name = "extract_features", .doc = "6: features of curated rows"},
                     std::move(top));
  }();
  return field;
}

}  // namespace kingpost::steps::extract_features
