// SPDX-License-Identifier: Apache-2.0
// The keys of the section `evaluate`.
#include "steps/12_evaluate/evaluate.h"

namespace kingpost::steps::evaluate {
namespace {

Field whole(std::string_view name, std::string_view doc, std::string_view fallback, double least,
            double most) {
  return {.name = name,
          .kind = FieldKind::kInteger,
          .doc = doc,
          .fallback = fallback,
          .least = least,
          .most = most};
}

Field seed() {
  return whole("seed", "another seed draws other samples", "13", 0, 1e9);
}

Field intervals() {
  Shape shape{
      .fields = {{.name = "method",
                  .kind = FieldKind::kChoice,
                  .doc = "how intervals are made",
                  .fallback = "bootstrap",
                  .choices = {"bootstrap", "none"}},
                 whole("samples", "number of samples drawn", "1000", 20, 100'000),
                 {.name = "level",
                  .kind = FieldKind::kNumber,
                  .doc = "share of samples inside of the interval",
                  .fallback = "0.95",
                  .least = 0.5,
                  .most = 0.999},
                 {.name = "block",
                  .kind = FieldKind::kDuration,
                  .doc = "rows of one such stretch of time are drawn together, e.g. 1d",
                  .least = 1},
                 {.name = "column",
                  .kind = FieldKind::kColumn,
                  .doc = "the time of a row; default that of predict_at, then of the split"},
                 seed()}};
  return object_of({.name = "intervals", .doc = "how sure each number is", .fallback = "{}"},
                   std::move(shape));
}

Field importances() {
  Shape shape{.fields = {whole("rows", "test rows to shuffle, evenly taken", "2000", 0, 1e7),
                         whole("repeats", "shuffles of each feature", "3", 1, 100), seed()}};
  return object_of({.name = "importances",
                    .doc = "how much worse the train metric is without a feature",
                    .fallback = "{}"},
                   std::move(shape));
}

Field explain() {
  Shape shape{.fields = {whole("rows", "test rows to explain, evenly taken", "500", 0, 1e7)}};
  return object_of(
      {.name = "explain", .doc = "exact Shapley values of the score", .fallback = "{}"},
      std::move(shape));
}

}  // namespace

const Field& spec() {
  static const Field field = [] {
    Field metrics =
        list_of({.name = "metrics", .doc = "what is measured beside the metric of train"},
                {.kind = FieldKind::kText});
    Field slice =
        list_of({.doc = "columns of a curated row", .least = 1}, {.kind = FieldKind::kColumn});
    Field slices = list_of({.name = "slices", .doc = "groups of rows that are measured apart"},
                           std::move(slice));
    Shape top{
        .fields = {std::move(metrics), std::move(slices),
                   whole("small_below", "slices with fewer rows are marked as small", "30", 1, 1e9),
                   intervals(), importances(), explain()}};
    return object_of({.name = "evaluate", .doc = "12: metrics on test rows"}, std::move(top));
  }();
  return field;
}

}  // namespace kingpost::steps::evaluate
