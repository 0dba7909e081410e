// SPDX-License-Identifier: Apache-2.0
// The keys of the section `candidates`.
#include "steps/08_candidates/candidates.h"

namespace kingpost::steps::candidates {
namespace {

Field space() {
  Shape shape{
      .fields = {
          {.name = "from", .kind = FieldKind::kNumber, .doc = "the lowest value"},
          {.name = "to", .kind = FieldKind::kNumber, .doc = "the highest value"},
          {.name = "scale",
           .kind = FieldKind::kChoice,
           .doc = "log draws as many values from 0.01 to 0.1 as from 0.1 to 1",
           .fallback = "linear",
           .choices = {"linear", "log"}},
          {.name = "integer",
           .kind = FieldKind::kBoolean,
           .doc = "whole numbers only",
           .fallback = "false"},
          list_of({.name = "values", .doc = "instead of a range: one of these"},
                  {.kind = FieldKind::kScalar}),
          {.name = "value", .kind = FieldKind::kScalar, .doc = "instead of a range: always this"},
      }};
  return map_of({.name = "space",
                 .doc = "parameters that trials draw, by name; default: a space of the family's"},
                object_of({.doc = "where a parameter's values come from"}, std::move(shape)));
}

std::vector<Field> searched() {
  return {space(),
          map_of({.name = "parameters", .doc = "parameters that are the same in every trial"},
                 {.kind = FieldKind::kScalar}),
          {.name = "trials",
           .kind = FieldKind::kInteger,
           .doc = "how many; default: those of train.search, and at most 5 of a linear family",
           .least = 1,
           .most = 10000}};
}

}  // namespace

const Field& spec() {
  static const Field field = [] {
    Shape shape;
    shape.tag = "family";
    shape.variants = {
        {.name = "constant", .doc = "the best constant: median, mean, or the shares of classes"},
        {.name = "ridge", .doc = "linear regression with a penalty; alpha", .fields = searched()},
        {.name = "logistic", .doc = "logistic regression with a penalty; c", .fields = searched()},
        {.name = "lightgbm",
         .doc = "boosted trees; the parameters' names are LightGBM's",
         .fields = searched()},
        {.name = "code",
         .doc = "a trainer of your own, of the section code",
         .fields = {{.name = "use", .kind = FieldKind::kName, .doc = "its name there"}}},
    };
    return map_of({.name = "candidates",
                   .doc = "8: models to try, by name; default: a constant, a linear model, boosted "
                          "trees"},
                  object_of({.doc = "a candidate"}, std::move(shape)));
  }();
  return field;
}

}  // namespace kingpost::steps::candidates
