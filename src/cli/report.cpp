// SPDX-License-Identifier: Apache-2.0
// kingpost report: one HTML page of the last run.
#include "lifecycle/report/report.h"

#include "base/files.h"
#include "base/text.h"
#include "cli/cli.h"
#include "cli/load.h"
#include "cli/output.h"

namespace kingpost::cli {

Status report_command(const Arguments& arguments) {
  const std::string out = arguments.out.empty() ? "report.html" : arguments.out;
  // The page replaces the one of an earlier run, so it must not be able to replace anything else.
  if (!out.ends_with(".html") && !out.ends_with(".htm")) {
    return fail(Code::kInvalidInput, "report.no_page", "\"{}\" is no name of an HTML page",
                shown(out))
        .hint("end the name with .html");
  }
  TRY(const auto pipeline, load(arguments));
  TRY(auto workspace, lifecycle::Workspace::open(pipeline));
  TRY(auto all, manifests(pipeline, workspace));
  std::vector<lifecycle::report::Left> left;
  for (StepManifest& each : all) {
    left.push_back({each.step, each.current, std::move(each.manifest)});
  }
  TRY(const auto facts,
      lifecycle::report::facts_of(pipeline, workspace, std::move(left), version()));
  if (!facts.any()) {
    return fail(Code::kPrecondition, "data.nothing_sealed", "nothing has run yet")
        .hint("run the pipeline first: kingpost run");
  }
  const std::string page = lifecycle::report::page_of(facts);
  TRY_STATUS(write_durably(out, page));
  print(format("{}: {}{}\n", out, human_bytes(static_cast<std::int64_t>(page.size())),
               facts.run ? format(", run {} of {}", facts.run->id, facts.run->file) : ""));
  return {};
}

}  // namespace kingpost::cli
