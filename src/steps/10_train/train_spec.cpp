// SPDX-License-Identifier: Apache-2.0
// The keys of the section `train`.
#include "steps/10_train/train.h"

namespace kingpost::steps::train {
namespace {

Field choice(std::string_view name, std::string_view doc, std::string_view fallback,
             std::vector<std::string_view> choices) {
  return {.name = name,
          .kind = FieldKind::kChoice,
          .doc = doc,
          .fallback = fallback,
          .choices = std::move(choices)};
}

Field whole(std::string_view name, std::string_view doc, std::string_view fallback, double least,
            double most) {
  return {.name = name,
          .kind = FieldKind::kInteger,
          .doc = doc,
          .fallback = fallback,
          .least = least,
          .most = most};
}

Field search() {
  Shape shape{
      .fields = {
          choice("sampler", "how parameters are drawn", "random", {"random", "tpe"}),
          choice("pruner", "how bad trials are ended early", "none", {"none", "hyperband"}),
          whole("trials", "how many for each candidate that says none itself", "20", 1, 10000),
          whole("seed", "another seed draws other parameters", "13", 0, 1e15),
      }};
  return object_of({.name = "search", .doc = "the search for parameters", .fallback = "{}"},
                   std::move(shape));
}

Field threshold() {
  Shape shape{.fields = {
                  choice("by", "what is highest at the threshold, on validation rows", "fixed",
                         {"fixed", "f1", "accuracy", "youden"}),
                  {.name = "value",
                   .kind = FieldKind::kNumber,
                   .doc = "the threshold of by: fixed",
                   .fallback = "0.5",
                   .least = 0,
                   .most = 1},
              }};
  return object_of({.name = "threshold",
                    .doc = "the probability from which on a row counts as true",
                    .fallback = "{}"},
                   std::move(shape));
}

}  // namespace

const Field& spec() {
  static const Field field = [] {
    Shape top{
        .fields = {
            {.name = "metric",
             .kind = FieldKind::kText,
             .doc = "what trials are compared by; default mae for numbers, logloss for "
                    "classes. Objectives follow it"},
            search(),
            whole("rounds", "rounds of boosting, at most", "1000", 1, 100000),
            whole("early_stopping",
                  "boosting ends when so many rounds brought nothing better on validation "
                  "rows; 0 is never",
                  "50", 0, 100000),
            {.name = "weight",
             .kind = FieldKind::kColumn,
             .doc = "a column that says how much a row counts"},
            whole("threads", "0 is all that the machine has; the models are the same", "0", 0,
                  1024),
            {.name = "memory",
             .kind = FieldKind::kText,
             .doc = "training that would need more than e.g. 4GB is refused"},
            choice("refit", "train_and_validation: the best trial is trained once more, on both",
                   "none", {"none", "train_and_validation"}),
            choice("calibrate", "of two classes: probabilities are corrected on validation rows",
                   "none", {"none", "sigmoid", "isotonic"}),
            threshold(),
        }};
    return object_of({.name = "train", .doc = "10: trials, and the best model of each candidate"},
                     std::move(top));
  }();
  return field;
}

}  // namespace kingpost::steps::train
