// SPDX-License-Identifier: Apache-2.0
// The list of gates of the section `validate_models`.
#include "steps/11_validate_models/validate_models.h"

namespace kingpost::steps::validate_models {
namespace {

Field whole(std::string_view name, std::string_view doc, std::string_view fallback = {}) {
  return {.name = name,
          .kind = FieldKind::kInteger,
          .doc = doc,
          .fallback = fallback,
          .least = 1,
          .most = 1e15};
}

Field number(std::string_view name, std::string_view doc, std::string_view fallback = {}) {
  return {.name = name, .kind = FieldKind::kNumber, .doc = doc, .fallback = fallback, .least = 0};
}

Field metric(std::string_view doc, bool required) {
  return {.name = "metric", .kind = FieldKind::kText, .doc = doc, .required = required};
}

Variant beats() {
  return {.name = "beats",
          .doc = "is better than another candidate, which itself cannot be selected then",
          .fields = {{.name = "other",
                      .kind = FieldKind::kName,
                      .doc = "the candidate to beat; default the constant"},
                     metric("by which metric; default that of train", false),
                     {.name = "margin",
                      .kind = FieldKind::kScalar,
                      .doc = "by which share of the other's value at least, e.g. 1% or 0.01",
                      .fallback = "0"}}};
}

Variant survives() {
  Field rows = list_of(
      {.name = "rows",
       .doc = "odd rows to answer",
       .fallback = "[all_null, unseen_category, extra_column]",
       .least = 1},
      {.kind = FieldKind::kChoice, .choices = {"all_null", "unseen_category", "extra_column"}});
  return {.name = "survives",
          .doc = "the whole graph gives finite answers for odd rows",
          .fields = {std::move(rows)}};
}

Variant limit_of_metric() {
  return {.name = "metric",
          .doc = "a metric on validation rows keeps a limit",
          .fields = {metric("the metric", true),
                     {.name = "op",
                      .kind = FieldKind::kChoice,
                      .doc = "how it compares to the limit",
                      .required = true,
                      .choices = {"<", "<=", ">", ">="}},
                     {.name = "value", .kind = FieldKind::kNumber, .doc = "the limit"},
                     number("times", "the limit as a multiple of the metric `of`"),
                     {.name = "of", .kind = FieldKind::kText, .doc = "another metric"}}};
}

std::vector<Variant> variants() {
  return {
      beats(),
      {.name = "answers",
       .doc = "the whole graph gives finite answers for validation rows",
       .fields = {whole("rows", "the first so many rows", "100")}},
      {.name = "parity",
       .doc = "the graph answers as the trained model itself does, its decisions exactly",
       .fields = {whole("rows", "validation rows to compare, evenly taken", "1000"),
                  number("max_abs", "largest difference, of values beyond 1 relative to them",
                         "0.00001")}},
      survives(),
      {.name = "single_feature_share",
       .doc = "no feature has more than a share of all importance",
       .fields = {number("max", "the largest share", "0.6"),
                  whole("rows", "validation rows to shuffle, evenly taken", "2000")}},
      limit_of_metric(),
      {.name = "work",
       .doc = "the model is small enough",
       .fields = {whole("nodes", "at most so many nodes of the graph and its trees"),
                  whole("leaves_visited", "at most so many leaves for a row"),
                  whole("bytes", "at most so many bytes")}},
      {.name = "calibration",
       .doc = "probabilities are near to the shares that they promise",
       .fields = {number("max", "the largest expected calibration error", "0.05")}},
  };
}

}  // namespace

const Field& spec() {
  static const Field field = [] {
    Shape gate;
    gate.tag = "gate";
    gate.fields = {{.name = "severity",
                    .kind = FieldKind::kChoice,
                    .doc = "a model that fails a critical gate is not valid",
                    .fallback = "critical",
                    .choices = {"critical", "warning"}}};
    gate.variants = variants();
    return list_of(
        {.name = "validate_models",
         .doc = "11: gates that each model must pass; default beats, answers, parity and "
                "survives"},
        object_of({}, std::move(gate)));
  }();
  return field;
}

}  // namespace kingpost::steps::validate_models
