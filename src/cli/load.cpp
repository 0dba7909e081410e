// SPDX-License-Identifier: Apache-2.0
// What most commands begin with.
#include "cli/load.h"

#include "base/digest.h"
#include "base/files.h"
#include "base/text.h"
#include "cli/output.h"

namespace kingpost::cli {

void print_faults(Faults& faults) {
  faults.sort();
  for (const Error& fault : faults.errors()) print_error(render(fault) + "\n");
}

Error report_faults(Faults& faults, const std::string& file) {
  if (auto obstacle = lifecycle::obstacle_of(faults)) return std::move(*obstacle);
  print_faults(faults);
  return fail(Code::kInvalidInput, "file.faulty", "{} has {} fault{}; nothing was run", file,
              faults.size(), faults.size() == 1 ? "" : "s");
}

Result<lifecycle::Pipeline> load(const Arguments& arguments) {
  TRY(const std::string file, lifecycle::find_pipeline_file(arguments.file));
  lifecycle::LoadOptions options{file, arguments.profile, arguments.sets, arguments.range.to};
  Faults faults;
  auto pipeline = lifecycle::load_pipeline(options, faults);
  if (!pipeline) {
    // A file that does not exist is one plain error, not a report.
    if (faults.size() == 1 && faults.errors()[0].code() != Code::kInvalidInput) {
      return Error(faults.errors()[0]);
    }
    return report_faults(faults, file);
  }
  return std::move(*pipeline);
}

Result<lifecycle::Workspace> open_store(const Arguments& arguments) {
  const std::string folder = absolute_path(".kingpost");
  // What is said of the file is said of one that must be there.
  if (!file_option(arguments).empty() || !exists(folder + "/kingpost.db")) {
    TRY(const auto pipeline, load(arguments));
    return lifecycle::Workspace::open(pipeline);
  }
  // A file says no more than where the objects are, so its faults are not for now; that of a folder
  // may be one that others extend.
  if (const auto file = lifecycle::find_pipeline_file({})) {
    Faults ignored;
    const lifecycle::LoadOptions options{*file, {}, {}, {}};
    if (const auto pipeline = lifecycle::load_pipeline(options, ignored)) {
      return lifecycle::Workspace::open(*pipeline);
    }
  }
  TRY(auto objects, store::Objects::open(folder, folder + "/objects"));
  TRY(auto journal, store::Journal::open(folder));
  return lifecycle::Workspace{std::move(objects), std::move(journal)};
}

std::string_view file_option(const Arguments& arguments) {
  if (!arguments.file.empty()) return "--file";
  if (!arguments.profile.empty()) return "--profile";
  return arguments.sets.empty() ? "" : "--set";
}

Error refuse(std::string_view id, std::string_view option, std::string_view why) {
  return fail(Code::kInvalidInput, id, "{} has no effect {}", option, why).hint("take it out");
}

std::string NamedBundle::words() const {
  if (!folder.empty()) return format("the folder {}", shown(folder, 200));
  return format("version {} of {}", version.version, version.model);
}

Result<NamedBundle> find_bundle(const Arguments& arguments, const std::string& name) {
  if (is_folder(name)) {
    TRY(auto bundle, steps::Bundle::in_folder(name));
    return NamedBundle{std::move(bundle), name, {}};
  }
  auto store = open_store(arguments);
  if (!store) {
    const bool is_none =
        store.error().id() == "file.pipeline_missing" && file_option(arguments).empty();
    if (!is_none) return std::move(store).error();
    return fail(Code::kNotFound, "infer.model_missing",
                "\"{}\" is no folder, and there is no store here to look it up in", shown(name))
        .hint("name a bundle's folder, or the pipeline file: -f FILE");
  }
  TRY(auto version, store->journal->registry().resolve(name));
  TRY(auto bundle, steps::Bundle::of_version(store->objects, version));
  return NamedBundle{std::move(bundle), {}, std::move(version)};
}

Result<std::vector<StepManifest>> manifests(const lifecycle::Pipeline& pipeline,
                                            lifecycle::Workspace& workspace) {
  TRY(const auto plan, lifecycle::make_plan(pipeline, workspace, {}));
  std::vector<StepManifest> out;
  for (const lifecycle::PlanRow& row : plan) {
    if (row.manifest) {
      out.push_back({row.step, true, *row.manifest});
      continue;
    }
    TRY(const auto last,
        workspace.journal->last_report(name_of(pipeline.path), std::string(row.step->word)));
    if (!last) continue;
    auto manifest = lifecycle::read_manifest(workspace.objects, last->manifest);
    if (manifest) out.push_back({row.step, false, std::move(manifest).value()});
  }
  return out;
}

namespace {

std::vector<records::Table> tables_of(const lifecycle::Manifest& manifest) {
  std::vector<records::Table> out = manifest.output.tables;
  out.insert(out.end(), manifest.beside.tables.begin(), manifest.beside.tables.end());
  return out;
}

// By its name, or by its digest or the beginning of that.
bool is_called(const records::Table& table, const std::string& name) {
  constexpr std::size_t kEnough = 8;
  return table.name == name || (name.size() >= kEnough && starts_with(table.digest, name));
}

}  // namespace

Result<Found> find_table(const lifecycle::Pipeline& pipeline, lifecycle::Workspace& workspace,
                         const std::string& name) {
  const std::size_t at = name.rfind('@');
  const std::string table = name.substr(0, at);
  const std::string step = at == std::string::npos ? "" : name.substr(at + 1);
  if (!step.empty() && lifecycle::find_row(step) == nullptr) {
    return fail(Code::kInvalidInput, "data.unknown_step", "\"{}\" is not a step", shown(step))
        .hint(did_you_mean(step, lifecycle::words()));
  }
  TRY(const auto all, manifests(pipeline, workspace));
  std::vector<std::string> names;
  std::optional<Found> found;
  // What an earlier run left of a later step does not stand for what is there now.
  bool is_current = false;
  for (const StepManifest& each : all) {
    if (!step.empty() && each.step->word != step) continue;
    for (const records::Table& candidate : tables_of(each.manifest)) {
      names.push_back(candidate.name);
      if (!is_called(candidate, table)) continue;
      // Later steps pass it on; the first that has it made it.
      const bool passed_on =
          found && (found->table.digest == candidate.digest || (is_current && !each.current));
      if (passed_on) continue;
      found = Found{candidate, std::string(each.step->word)};
      is_current = each.current;
    }
  }
  if (found) return std::move(*found);
  if (names.empty()) {
    return fail(Code::kPrecondition, "data.nothing_sealed", "nothing is sealed yet{}",
                step.empty() ? "" : format(" by {}", step))
        .hint("run the pipeline first: kingpost run");
  }
  return fail(Code::kNotFound, "data.unknown_table", "there is no table \"{}\"", shown(name))
      .hint(did_you_mean(table, names, "kingpost data list shows them"));
}

Result<std::optional<FoundFile>> find_file(const lifecycle::Pipeline& pipeline,
                                           lifecycle::Workspace& workspace,
                                           const std::string& name) {
  const std::size_t at = name.rfind('@');
  const std::string step = at == std::string::npos ? "" : name.substr(at + 1);
  TRY(const auto all, manifests(pipeline, workspace));
  std::optional<FoundFile> found;
  bool is_current = false;
  for (const StepManifest& each : all) {
    if (!step.empty() && each.step->word != step) continue;
    const records::File* file = each.manifest.output.find_file(name.substr(0, at));
    if (file == nullptr) continue;
    const bool passed_on =
        found && (found->file.digest == file->digest || (is_current && !each.current));
    if (passed_on) continue;
    found = FoundFile{*file, std::string(each.step->word)};
    is_current = each.current;
  }
  return found;
}

Result<std::unique_ptr<sql::Session>> open_session(const lifecycle::Pipeline& pipeline) {
  TRY_STATUS(make_folders(pipeline.settings.engine.temp_folder));
  return sql::Session::open(pipeline.settings.engine);
}

}  // namespace kingpost::cli
