// SPDX-License-Identifier: Apache-2.0
// kingpost verify, gc.
#include <set>

#include "base/clock.h"
#include "base/digest.h"
#include "base/text.h"
#include "cli/cli.h"
#include "cli/load.h"
#include "cli/output.h"
#include "store/lock.h"

namespace kingpost::cli {
namespace {

// Every object that the journal names, directly or through a manifest.
struct Reach {
  std::set<std::string> digests;
  std::vector<std::string> broken;
};

Result<Reach> reach_of(lifecycle::Workspace& workspace) {
  Reach out;
  TRY(const auto executions, workspace.journal->executions());
  for (const auto& execution : executions) {
    if (execution.manifest.empty() || !out.digests.insert(execution.manifest).second) continue;
    const auto manifest = lifecycle::read_manifest(workspace.objects, execution.manifest);
    if (!manifest) {
      out.broken.push_back(format("manifest of {} (execution {}): {}", execution.step,
                                  execution.id, manifest.error().what()));
      continue;
    }
    for (const std::string& digest : manifest->digests()) out.digests.insert(digest);
  }
  return out;
}

// What the present file is sealed with, and the newest execution of each step in each run that was
// begun in the last thirty days: other files of the folder share this store.
Result<std::set<std::string>> kept_digests(const lifecycle::Pipeline& pipeline,
                                           lifecycle::Workspace& workspace) {
  std::set<std::string> kept;
  TRY(const auto current, manifests(pipeline, workspace));
  for (const StepManifest& each : current) {
    kept.insert(sha256_of(lifecycle::to_text(each.manifest)));
    for (const std::string& digest : each.manifest.digests()) kept.insert(digest);
  }
  TRY(const auto executions, workspace.journal->executions());
  std::set<std::string> newest;
  const Micros recent = wall_clock() - 30 * 86'400'000'000;
  for (auto each = executions.rbegin(); each != executions.rend(); ++each) {
    if (each->manifest.empty()) continue;
    const bool first = newest.insert(each->step).second;
    if (!first && each->started < recent) continue;
    kept.insert(each->manifest);
    if (const auto manifest = lifecycle::read_manifest(workspace.objects, each->manifest)) {
      for (const std::string& digest : manifest->digests()) kept.insert(digest);
    }
  }
  return kept;
}

}  // namespace

Status verify_command(const Arguments& arguments) {
  TRY(const auto pipeline, load(arguments));
  TRY(auto workspace, lifecycle::Workspace::open(pipeline));
  TRY(Reach reach, reach_of(workspace));
  const auto present = workspace.objects.list();
  std::int64_t bytes = 0;
  std::size_t fine = 0;
  std::vector<std::string> damaged;
  for (const std::string& digest : present) {
    bytes += workspace.objects.size_of(digest);
    if (workspace.objects.verify(digest)) {
      ++fine;
    } else {
      damaged.push_back(digest);
    }
  }
  std::size_t missing = 0;
  for (const std::string& digest : reach.digests) {
    if (workspace.objects.size_of(digest) < 0) ++missing;
  }
  print(format("{} objects, {}: {} whole, {} damaged, {} missing\n", present.size(),
               human_bytes(bytes), fine, damaged.size(), missing));
  if (damaged.empty() && missing == 0) return {};
  TRY(const auto lock, store::Lock::acquire(pipeline.store_folder, arguments.line));
  for (const std::string& digest : damaged) {
    print(format("  damaged: {}\n", digest));
    TRY_STATUS(workspace.objects.set_aside(digest));
  }
  return fail(Code::kCorrupt, "store.damaged", "{} damaged and {} missing objects", damaged.size(),
              missing)
      .hint("the next run makes them anew; damaged ones were moved to .kingpost/damaged");
}

Status gc_command(const Arguments& arguments) {
  TRY(const auto pipeline, load(arguments));
  TRY(const auto lock, store::Lock::acquire(pipeline.store_folder, arguments.line));
  TRY(auto workspace, lifecycle::Workspace::open(pipeline));
  TRY(const auto kept, kept_digests(pipeline, workspace));
  std::int64_t bytes = 0;
  std::size_t count = 0;
  for (const std::string& digest : workspace.objects.list()) {
    if (kept.contains(digest)) continue;
    ++count;
    bytes += workspace.objects.size_of(digest);
    if (!arguments.dry_run) TRY_STATUS(workspace.objects.remove(digest));
  }
  print(format("{} {} objects that no result of the last 30 days needs, {}; {} kept\n",
               arguments.dry_run ? "would remove" : "removed", count, human_bytes(bytes),
               kept.size()));
  return {};
}

}  // namespace kingpost::cli
