// SPDX-License-Identifier: Apache-2.0
// kingpost run, kingpost check.
#include <memory>

#include "base/clock.h"
#include "base/files.h"
#include "base/text.h"
#include "cli/cli.h"
#include "cli/load.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "lifecycle/cancellation.h"
#include "lifecycle/runner.h"

namespace kingpost::cli {
namespace {

Style style_of(const Arguments& arguments) {
  if (arguments.json) return Style::kJson;
  if (arguments.quiet) return Style::kQuiet;
  return is_terminal() ? Style::kLive : Style::kPlain;
}

void print_end(const Arguments& arguments, const lifecycle::RunSummary& summary) {
  std::size_t reused = 0;
  for (const auto& step : summary.steps) reused += step.reused ? 1U : 0U;
  if (arguments.json) {
    Json line = Json::object();
    line.set("event", "run_done").set("steps", summary.steps.size()).set("reused", reused);
    line.set("seconds", summary.seconds);
    print(line.dump() + "\n");
    return;
  }
  if (arguments.quiet) return;
  if (reused == summary.steps.size()) {
    print(format("nothing to do: all {} steps are sealed ({})\n", reused,
                 elapsed_text(summary.seconds)));
    return;
  }
  print(format("done in {}: {} run, {} reused\n", elapsed_text(summary.seconds),
               counted(static_cast<std::int64_t>(summary.steps.size() - reused), "steps"), reused));
}

}  // namespace

Status run_command(const Arguments& arguments) {
  if (arguments.json && arguments.quiet) return refuse("run.no_effect", "-q", "beside --json");
  lifecycle::Cancellation::install();
  TRY(const auto pipeline, load(arguments));
  TRY_STATUS(lifecycle::check_options(arguments.range));
  const auto asked = lifecycle::asked_steps(pipeline, arguments.range);
  Faults faults;
  auto progress = make_progress(style_of(arguments), asked);
  auto summary =
      lifecycle::run_pipeline(pipeline, arguments.range, arguments.line, *progress, faults);
  progress.reset();
  print_faults(faults);
  if (!summary) return std::move(summary).error();
  print_end(arguments, *summary);
  return {};
}

Status check_command(const Arguments& arguments) {
  TRY(const auto pipeline, load(arguments));
  TRY_STATUS(lifecycle::check_options(arguments.range));
  TRY(const auto session, open_session(pipeline));
  Faults faults;
  std::unique_ptr<store::Journal> journal;
  if (exists(pipeline.store_folder + "/kingpost.db")) {
    TRY(journal, store::Journal::open(pipeline.store_folder));
  }
  lifecycle::check_pipeline(pipeline, *session, journal.get(), faults);
  if (!faults.empty()) return report_faults(faults, pipeline.path);
  if (!arguments.quiet) print(format("{}: no faults\n", pipeline.path));
  return {};
}

}  // namespace kingpost::cli
