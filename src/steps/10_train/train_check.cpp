// SPDX-License-Identifier: Apache-2.0
// What can be told of the section before anything runs.
#include "base/text.h"
#include "steps/10_train/options.h"
#include "steps/10_train/train.h"
#include "steps/trained_models.h"

namespace kingpost::steps::train {
namespace {

void not_built(CheckContext& context, std::string_view key, std::string_view otherwise) {
  const Node& node = context.section.at("search").at(key);
  if (!node.is_scalar() || node.text == otherwise) return;
  context.faults.add(fault_at(node.mark, "train.not_built",
                              format("{} \"{}\" is not built yet", key, shown(node.text)),
                              format("use {}: {}", key, otherwise)));
}

void check_binary(CheckContext& context) {
  if (task_of(context.pipeline) == records::Task::kBinary) return;
  const std::string_view word = records::task_word(task_of(context.pipeline));
  const Node& calibrate = context.section.at("calibrate");
  if (calibrate.is_scalar() && calibrate.text != "none") {
    context.faults.add(fault_at(calibrate.mark, "train.calibration_unsuitable",
                                format("calibration is for two classes, not a {} target", word),
                                "leave the key out"));
  }
  const Node& by = context.section.at("threshold").at("by");
  if (by.is_scalar() && by.text != "fixed") {
    context.faults.add(fault_at(by.mark, "train.threshold_unsuitable",
                                format("a threshold is for two classes, not a {} target", word),
                                "leave the key out"));
  }
}

void check_weight(CheckContext& context) {
  const Node& weight = context.section.at("weight");
  const records::TableSchema* rows = context.catalog.find("training");
  if (!weight.is_scalar() || rows == nullptr) return;
  const records::Column* column = rows->find(weight.text);
  if (column == nullptr) {
    context.faults.add(fault_at(weight.mark, "train.column_missing",
                                format("a curated row has no column \"{}\"", shown(weight.text)),
                                did_you_mean(weight.text, rows->names(),
                                             format("columns: {}", listed(rows->names(), 30)))));
  } else if (!records::is_numeric(column->type)) {
    context.faults.add(
        fault_at(weight.mark, "train.weight_unsuitable",
                 format("\"{}\" is {}, not a number", shown(weight.text), column->type)));
  }
}

}  // namespace

void check(CheckContext& context) {
  if (!context.section.is_map()) return;
  const Node& metric = context.section.at("metric");
  if (metric.is_scalar()) {
    check_metric(metric, context.pipeline, "train.metric_unknown", context.faults);
  }
  not_built(context, "sampler", "random");
  not_built(context, "pruner", "none");
  check_binary(context);
  check_weight(context);
  const Node& memory = context.section.at("memory");
  if (memory.is_scalar() && !bytes_of_amount(memory.text)) {
    context.faults.add(fault_at(memory.mark, "train.memory_malformed",
                                format("\"{}\" is no amount of memory", shown(memory.text)),
                                "write e.g. 4GB"));
  }
}

}  // namespace kingpost::steps::train
