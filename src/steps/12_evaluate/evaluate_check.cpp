// SPDX-License-Identifier: Apache-2.0
// Names of metrics and columns are looked up before anything runs.
#include "base/text.h"
#include "steps/12_evaluate/evaluate.h"
#include "steps/12_evaluate/measuring.h"

namespace kingpost::steps::evaluate {
namespace {

void check_column(CheckContext& context, const Node& name, const records::TableSchema& rows) {
  if (rows.find(name.text) != nullptr) return;
  context.faults.add(fault_at(name.mark, "evaluate.column_missing",
                              format("a curated row has no column \"{}\"", shown(name.text)),
                              did_you_mean(name.text, rows.names(), "see curate: kingpost data")));
}

void check_block(CheckContext& context, const records::TableSchema& rows) {
  const Node& intervals = context.section.at("intervals");
  if (!intervals.has("block")) return;
  const Mark& mark = intervals.at("block").mark;
  const std::string name = block_column(context.section, context.pipeline);
  if (name.empty()) {
    context.faults.add(fault_at(mark, "evaluate.block_column_missing",
                                "there is no time that says in which block a row is",
                                "name it: column: TIME"));
    return;
  }
  const records::Column* column = rows.find(name);
  if (column == nullptr) {
    context.faults.add(fault_at(mark, "evaluate.block_column_missing",
                                format("a curated row has no column \"{}\"", shown(name)),
                                "name a time column that curate keeps: column: TIME"));
  } else if (!records::is_temporal(column->type)) {
    context.faults.add(fault_at(mark, "evaluate.block_column_missing",
                                format("\"{}\" is {}, not a time", shown(name), column->type),
                                "name a time column: column: TIME"));
  }
}

}  // namespace

void check(CheckContext& context) {
  if (!context.section.is_map()) return;
  for (const Node& metric : context.section.list("metrics")) {
    check_metric(metric, context.pipeline, "evaluate.metric_unknown", context.faults);
  }
  const records::TableSchema* rows = context.catalog.find("training");
  if (rows == nullptr) return;
  for (const Node& slice : context.section.list("slices")) {
    for (const Node& name : slice.items) check_column(context, name, *rows);
  }
  check_block(context, *rows);
}

}  // namespace kingpost::steps::evaluate
