// SPDX-License-Identifier: Apache-2.0
// The keys of the section `select_best`.
#include "steps/14_select_best/select_best.h"

namespace kingpost::steps::select_best {

const Field& spec() {
  static const Field field = [] {
    Shape limit{.fields = {{.name = "metric",
                            .kind = FieldKind::kText,
                            .doc = "a metric, or worst_slice_METRIC over the slices of evaluate",
                            .required = true},
                           {.name = "op",
                            .kind = FieldKind::kChoice,
                            .doc = "how it compares to the limit",
                            .required = true,
                            .choices = {"<", "<=", ">", ">="}},
                           {.name = "value", .kind = FieldKind::kNumber, .doc = "the limit"},
                           {.name = "times",
                            .kind = FieldKind::kNumber,
                            .doc = "the limit as a multiple of the metric `of`",
                            .least = 0},
                           {.name = "of", .kind = FieldKind::kText, .doc = "another metric"}}};
    Shape top{.fields = {
                  {.name = "metric",
                   .kind = FieldKind::kText,
                   .doc = "what decides; default the metric of train"},
                  {.name = "rule",
                   .kind = FieldKind::kChoice,
                   .doc = "the best, or the smallest within one standard error of the best",
                   .fallback = "best",
                   .choices = {"best", "one_standard_error"}},
                  list_of({.name = "require", .doc = "what the winner must keep"},
                          object_of({}, std::move(limit))),
                  {.name = "tie",
                   .kind = FieldKind::kChoice,
                   .doc = "among equals: fewer bytes, or fewer leaves visited for a row",
                   .fallback = "smallest",
                   .choices = {"smallest", "fastest"}},
              }};
    return object_of({.name = "select_best", .doc = "14: one winner under constraints"},
                     std::move(top));
  }();
  return field;
}

}  // namespace kingpost::steps::select_best
