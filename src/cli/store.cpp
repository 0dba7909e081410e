// SPDX-License-Identifier: Apache-2.0
// kingpost verify, gc.
#include <algorithm>
#include <filesystem>
#include <optional>
#include <set>

#include "base/clock.h"
#include "base/failpoint.h"
#include "base/files.h"
#include "base/text.h"
#include "cli/cli.h"
#include "cli/load.h"
#include "cli/output.h"
#include "steps/bundle.h"
#include "store/lock.h"

namespace kingpost::cli {
namespace {

constexpr Micros kKeep = 30 * 86'400'000'000;

struct Findings {
  std::vector<std::string> damaged;
  std::set<std::string> missing;
  /// Executions that name one of those.
  std::vector<std::int64_t> executions;
  /// Versions of models of which something is damaged or missing: "late/3".
  std::vector<std::string> versions;
  std::size_t present = 0;
  std::int64_t bytes = 0;

  bool clean() const { return damaged.empty() && missing.empty(); }
};

// The objects of a registered version: its bundle, and what its facts name. False where the bundle
// is damaged, so that its files cannot be told.
bool add_digests(const store::Objects& objects, const store::ModelVersion& version,
                 std::vector<std::string>& out) {
  out.push_back(version.bundle);
  const auto bundle = steps::Bundle::in_store(objects, version.bundle);
  if (bundle) {
    for (const auto& file : bundle->files()) out.push_back(file.digest);
  }
  for (const auto& [name, digest] : version.facts["objects"].entries()) {
    out.push_back(digest.text());
  }
  return bundle.has_value();
}

// The same for what the registry names.
Status look_at_models(lifecycle::Workspace& workspace, const std::set<std::string>& fine,
                      Findings& out) {
  TRY(const auto versions, workspace.journal->registry().all_versions());
  for (const auto& version : versions) {
    std::vector<std::string> digests;
    bool whole = add_digests(workspace.objects, version, digests);
    for (const std::string& digest : digests) {
      if (fine.contains(digest)) continue;
      whole = false;
      if (workspace.objects.size_of(digest) < 0) out.missing.insert(digest);
    }
    if (!whole) out.versions.push_back(format("{}/{}", version.model, version.version));
  }
  return {};
}

// Hashes every object, and looks for each that the journal names, directly or through a manifest.
Result<Findings> look(lifecycle::Workspace& workspace) {
  Findings out;
  TRY(const auto executions, workspace.journal->executions());
  std::set<std::string> fine;
  for (const std::string& digest : workspace.objects.list()) {
    ++out.present;
    out.bytes += workspace.objects.size_of(digest);
    if (workspace.objects.verify(digest)) {
      fine.insert(digest);
    } else {
      out.damaged.push_back(digest);
    }
  }
  for (const auto& execution : executions) {
    if (execution.manifest.empty()) continue;
    std::vector<std::string> named = {execution.manifest};
    if (const auto manifest = lifecycle::read_manifest(workspace.objects, execution.manifest)) {
      for (const std::string& digest : manifest->digests()) named.push_back(digest);
    }
    bool whole = true;
    for (const std::string& digest : named) {
      if (fine.contains(digest)) continue;
      whole = false;
      if (workspace.objects.size_of(digest) < 0) out.missing.insert(digest);
    }
    if (!whole) out.executions.push_back(execution.id);
  }
  TRY_STATUS(look_at_models(workspace, fine, out));
  return out;
}

// Moves damaged objects out and tells the journal that nothing is sealed with them any more.
Status mend(lifecycle::Workspace& workspace, const Findings& findings) {
  TRY_STATUS(workspace.journal->withdraw(findings.executions, "damaged"));
  for (const std::string& digest : findings.damaged) {
    TRY_STATUS(workspace.objects.set_aside(digest));
  }
  return {};
}

// What gc leaves alone, by digest.
struct Kept {
  std::set<std::string> manifests;
  std::set<std::string> digests;
};

Status keep(const lifecycle::Workspace& workspace, const std::string& manifest, Kept& kept) {
  if (manifest.empty() || !kept.manifests.insert(manifest).second) return {};
  const auto read = lifecycle::read_manifest(workspace.objects, manifest);
  if (!read) {
    return fail(Code::kPrecondition, "store.damaged", "{}; nothing was removed",
                read.error().what())
        .hint("run `kingpost verify`, then `kingpost gc` again");
  }
  kept.digests.insert(manifest);
  for (const std::string& digest : read->digests()) kept.digests.insert(digest);
  return {};
}

// What a file of this folder was sealed with last, and what was used or made in the last thirty
// days: other files, profiles and --set share this store. And the registered models.
Status keep_of_journal(const lifecycle::Workspace& workspace, const std::string& folder,
                       Kept& kept) {
  TRY(const auto executions, workspace.journal->executions());
  TRY(const auto uses, workspace.journal->uses());
  const Micros recent = wall_clock() - kKeep;
  std::set<std::int64_t> used;
  std::set<std::pair<std::string, std::string>> seen;
  for (const store::Use& use : uses) {
    const bool newest = seen.insert({use.file, use.step}).second;
    if (use.used >= recent || (newest && exists(resolve_path(folder, use.file)))) {
      used.insert(use.execution);
    }
  }
  for (const auto& execution : executions) {
    if (execution.started < recent && !used.contains(execution.id)) continue;
    TRY_STATUS(keep(workspace, execution.manifest, kept));
  }
  // Every registered version, however old: it may be served, compared or gone back to.
  TRY(const auto versions, workspace.journal->registry().all_versions());
  for (const auto& version : versions) {
    std::vector<std::string> digests;
    if (!add_digests(workspace.objects, version, digests)) {
      return fail(Code::kPrecondition, "store.damaged",
                  "the bundle of {}/{} does not tell its files any more; nothing was removed",
                  version.model, version.version)
          .hint("run the pipeline file that made it, which makes its bundle anew");
    }
    kept.digests.insert(digests.begin(), digests.end());
  }
  return {};
}

// The locks and the results of the other stores that keep their objects in the same folder.
Result<std::vector<store::Lock>> keep_of_others(const lifecycle::Pipeline& pipeline,
                                                const lifecycle::Workspace& workspace,
                                                const std::string& command, Kept& kept) {
  std::vector<store::Lock> locks;
  for (const std::string& folder : workspace.objects.other_stores()) {
    if (!exists(folder + "/kingpost.db")) {
      return fail(Code::kPrecondition, "store.other_missing",
                  "the store \"{}\" keeps objects in \"{}\" too, and is not there to be asked",
                  folder, pipeline.objects_folder)
          .hint(format("if it is gone for good, remove its name from {}/stores",
                       pipeline.objects_folder));
    }
    TRY(auto lock, store::Lock::acquire(folder, command));
    locks.push_back(std::move(lock));
    TRY(auto objects, store::Objects::open(folder, pipeline.objects_folder));
    TRY(auto journal, store::Journal::open(folder));
    const lifecycle::Workspace other{std::move(objects), std::move(journal)};
    TRY_STATUS(keep_of_journal(other, parent_of(folder), kept));
  }
  return locks;
}

// The executions whose objects are about to go.
Result<std::vector<std::int64_t>> left_over(const lifecycle::Workspace& workspace,
                                            const Kept& kept) {
  std::vector<std::int64_t> out;
  TRY(const auto executions, workspace.journal->executions());
  for (const auto& execution : executions) {
    if (!execution.manifest.empty() && !kept.manifests.contains(execution.manifest)) {
      out.push_back(execution.id);
    }
  }
  return out;
}

struct Removal {
  std::int64_t count = 0;
  std::int64_t bytes = 0;
};

Result<Removal> remove_objects(const lifecycle::Workspace& workspace, const Kept& kept,
                               bool dry_run) {
  Removal out;
  for (const std::string& digest : workspace.objects.list()) {
    if (kept.digests.contains(digest)) continue;
    ++out.count;
    out.bytes += workspace.objects.size_of(digest);
    if (!dry_run) TRY_STATUS(workspace.objects.remove(digest));
    failpoint("gc_removed");
  }
  return out;
}

// Kept trials of searches that were killed and not taken up again since.
Result<Removal> remove_trials(const std::string& store, bool dry_run) {
  Removal out;
  const Micros recent = wall_clock() - kKeep;
  for (const std::string& name : entries_of(store + "/trials")) {
    const std::string folder = format("{}/trials/{}", store, name);
    std::int64_t bytes = 0;
    Micros newest = 0;
    for (const std::string& file : entries_of(folder)) {
      TRY(const FileStamp stamp, stamp_of(resolve_path(folder, file)));
      bytes += stamp.size;
      newest = std::max(newest, stamp.mtime_ns / 1000);
    }
    if (newest >= recent) continue;
    ++out.count;
    out.bytes += bytes;
    std::error_code ignored;
    if (!dry_run) std::filesystem::remove_all(folder, ignored);
  }
  return out;
}

// A file, or one that is called as if it were to be one: no folder and no model.
bool is_pipeline_word(const std::string& word) {
  return !is_folder(word) && (exists(word) || word.ends_with(".yaml") || word.ends_with(".yml"));
}

Status verify_store(const Arguments& arguments) {
  TRY(const auto pipeline, load(arguments));
  TRY(auto workspace, lifecycle::Workspace::open(pipeline));
  TRY_STATUS(workspace.journal->verify());
  TRY(Findings findings, look(workspace));
  std::optional<store::Lock> lock;
  if (!findings.clean()) {
    // A gc may have been at work meanwhile: what is said and done holds under the lock.
    TRY(lock, store::Lock::acquire(pipeline.store_folder, arguments.line));
    TRY(findings, look(workspace));
  }
  print(format("{}, {}: {} whole, {} damaged, {} missing\n",
               counted(static_cast<std::int64_t>(findings.present), "objects"),
               human_bytes(findings.bytes), findings.present - findings.damaged.size(),
               findings.damaged.size(), findings.missing.size()));
  if (findings.clean()) return {};
  for (const std::string& digest : findings.damaged) print(format("  damaged: {}\n", digest));
  for (const std::string& digest : findings.missing) print(format("  missing: {}\n", digest));
  for (const std::string& version : findings.versions) {
    print(format("  not whole: {}; the run that made it makes its bundle anew\n", version));
  }
  TRY_STATUS(mend(workspace, findings));
  std::string hint = "the next run makes anew what it needs of them";
  if (!findings.damaged.empty()) {
    hint += format("; damaged ones were moved to {}", workspace.objects.damaged_folder());
  }
  return fail(Code::kCorrupt, "store.damaged", "{} damaged and {} missing objects",
              findings.damaged.size(), findings.missing.size())
      .hint(hint);
}

}  // namespace

Status verify_command(const Arguments& arguments) {
  const std::string word = arguments.words.empty() ? "" : arguments.words[0];
  if (!word.empty() && !is_pipeline_word(word)) return verify_bundle(arguments);
  if (!arguments.keys.empty()) {
    return refuse("verify.no_effect", "--key", "without a bundle's folder or a model to verify");
  }
  if (!word.empty() && !arguments.file.empty()) {
    return refuse("verify.no_effect", "--file",
                  format("beside {}, which is a pipeline file itself", shown(word, 200)));
  }
  Arguments named = arguments;
  if (!word.empty()) named.file = word;
  return verify_store(named);
}

Status gc_command(const Arguments& arguments) {
  TRY(const auto pipeline, load(arguments));
  TRY_STATUS(make_folders(pipeline.store_folder));
  TRY(const auto lock, store::Lock::acquire(pipeline.store_folder, arguments.line));
  TRY(auto workspace, lifecycle::Workspace::open(pipeline));
  Kept kept;
  TRY(const auto plan, lifecycle::make_plan(pipeline, workspace, {}));
  for (const auto& row : plan) TRY_STATUS(keep(workspace, row.manifest_digest, kept));
  TRY_STATUS(keep_of_journal(workspace, pipeline.settings.folder, kept));
  TRY(const auto others, keep_of_others(pipeline, workspace, arguments.line, kept));
  TRY(const auto gone, left_over(workspace, kept));
  // The journal first, so that it never names what is not there. It may have no room to be written
  // when the disk is full; then the objects that go first make room.
  Status withdrawn;
  if (!arguments.dry_run) withdrawn = workspace.journal->withdraw(gone, "collected");
  if (!withdrawn && withdrawn.error().code() != Code::kExhausted) return withdrawn;
  TRY(const Removal removed, remove_objects(workspace, kept, arguments.dry_run));
  if (!withdrawn) TRY_STATUS(workspace.journal->withdraw(gone, "collected"));
  TRY(const Removal trials, remove_trials(pipeline.store_folder, arguments.dry_run));
  const std::string doing = arguments.dry_run ? "would remove" : "removed";
  print(format("{} {} that no file here needs and no result of the last 30 days, {}; {} kept\n",
               doing, counted(removed.count, "objects"), human_bytes(removed.bytes),
               kept.digests.size()));
  if (trials.count > 0) {
    print(format("{} the trials of {} broken off more than 30 days ago, {}\n", doing,
                 trials.count == 1 ? "1 search" : format("{} searches", trials.count),
                 human_bytes(trials.bytes)));
  }
  return {};
}

}  // namespace kingpost::cli
