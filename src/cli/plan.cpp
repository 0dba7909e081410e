// SPDX-License-Identifier: Apache-2.0
// kingpost plan, why, status.
#include "base/clock.h"
#include "base/files.h"
#include "base/text.h"
#include "cli/cli.h"
#include "cli/load.h"
#include "cli/output.h"
#include "store/lock.h"

namespace kingpost::cli {
namespace {

Json plan_json(const std::vector<lifecycle::PlanRow>& plan) {
  Json rows = Json::array();
  for (const auto& row : plan) {
    Json each = Json::object();
    each.set("number", row.step->number).set("step", row.step->word);
    each.set("state", lifecycle::plan_word(row.state)).set("reason", row.reason);
    if (!row.key.key.empty()) each.set("key", row.key.key);
    if (row.rows_expected) each.set("rows_expected", *row.rows_expected);
    rows.push(std::move(each));
  }
  return rows;
}

std::string first_line_of_counts(const lifecycle::PlanRow& row) {
  return row.manifest ? lifecycle::counts_text(row.manifest->counts) : row.reason;
}

Result<std::vector<lifecycle::PlanRow>> plan_of(const lifecycle::Pipeline& pipeline,
                                                const Arguments& arguments) {
  TRY(auto workspace, lifecycle::Workspace::open(pipeline));
  return lifecycle::make_plan(pipeline, workspace, arguments.range);
}

}  // namespace

Status plan_command(const Arguments& arguments) {
  TRY(const auto pipeline, load(arguments));
  TRY(const auto plan, plan_of(pipeline, arguments));
  if (arguments.json) {
    print(plan_json(plan).pretty());
    return {};
  }
  std::vector<std::vector<std::string>> table;
  for (const auto& row : plan) {
    table.push_back({format("{}", row.step->number), std::string(row.step->word),
                     std::string(lifecycle::plan_word(row.state)),
                     row.rows_expected ? grouped(*row.rows_expected) : "",
                     shown(row.state == lifecycle::PlanState::kSealed ? "" : row.reason, 100)});
  }
  print(table_text({"#", "step", "state", "rows", "why"}, table));
  return {};
}

Status why_command(const Arguments& arguments) {
  TRY(const auto pipeline, load(arguments));
  const std::string& word = arguments.words.at(0);
  lifecycle::RunOptions options;
  options.to = word;
  TRY_STATUS(lifecycle::check_options(options));
  TRY(auto workspace, lifecycle::Workspace::open(pipeline));
  TRY(const auto plan, lifecycle::make_plan(pipeline, workspace, options));
  for (const auto& row : plan) {
    if (row.step->word != word) continue;
    if (row.state == lifecycle::PlanState::kSealed) {
      print(format("{} is sealed: nothing it depends on has changed\n", word));
    } else if (row.state == lifecycle::PlanState::kAfter) {
      print(format("{} will run {}; see: kingpost why {}\n", word, row.reason,
                   split(row.reason, ' ')[1]));
    } else {
      print(format("{} will run because:\n", word));
      TRY(const auto changes, lifecycle::why_stale(workspace, *row.step, row.key));
      for (const std::string& change : changes) print(format("  {}\n", change));
    }
  }
  return {};
}

Status status_command(const Arguments& arguments) {
  TRY(const auto pipeline, load(arguments));
  TRY(auto workspace, lifecycle::Workspace::open(pipeline));
  TRY(const auto plan, lifecycle::make_plan(pipeline, workspace, arguments.range));
  if (arguments.json) {
    print(plan_json(plan).pretty());
    return {};
  }
  std::vector<std::vector<std::string>> table;
  for (const auto& row : plan) {
    const std::string rows = row.manifest ? grouped(row.manifest->output.rows()) : "";
    const std::string disk = row.manifest ? human_bytes(row.manifest->bytes()) : "";
    table.push_back({format("{}", row.step->number), std::string(row.step->word),
                     std::string(lifecycle::plan_word(row.state)), rows, disk,
                     shown(first_line_of_counts(row), 90)});
  }
  print(table_text({"#", "step", "state", "rows", "disk", ""}, table));
  TRY(const auto runs, workspace.journal->runs(1));
  const auto holder = store::Lock::holder(pipeline.store_folder);
  if (!runs.empty()) {
    const auto& run = runs.front();
    const bool died = run.state == "running" && !holder;
    print(format("\n  last work: run {} of {}, {} at {}\n", run.id, run.file,
                 died ? "broke off, begun" : run.state,
                 second_text(run.ended != 0 ? run.ended : run.started)));
  }
  if (holder) print(format("  at work now: {}\n", *holder));
  return {};
}

}  // namespace kingpost::cli
