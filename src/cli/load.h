// SPDX-License-Identifier: Apache-2.0
// What most commands begin with: the pipeline file, its store, and the report of its faults.
#pragma once

#include "cli/cli.h"
#include "lifecycle/workspace.h"
#include "steps/bundle.h"

namespace kingpost::cli {

/// Loads the file of the arguments. Its faults are printed; then the answer is the error
/// `file.faulty`, which says how many.
Result<lifecycle::Pipeline> load(const Arguments& arguments);

/// The store that a command without steps looks into: that of the pipeline file, or, where none is
/// named, the `.kingpost` of this folder.
Result<lifecycle::Workspace> open_store(const Arguments& arguments);

/// The first option of those that speak of the pipeline file, as it was typed: "--file",
/// "--profile", "--set"; "" where none is given.
std::string_view file_option(const Arguments& arguments);
/// An option that is given where it changes nothing: "{option} has no effect {why}".
Error refuse(std::string_view id, std::string_view option, std::string_view why);

/// A bundle by the word that a user calls it.
struct NamedBundle {
  steps::Bundle bundle;
  /// Where it lies; empty for a version of the registry, which `version` then is.
  std::string folder;
  store::ModelVersion version;

  /// "the folder late", "version 3 of late".
  std::string words() const;
};
/// A folder, if there is one of that name, else a version of the registry. Nothing but the list of
/// files is read yet. Fails with `infer.model_missing` where there is no store either, as a bundle
/// does, or as the registry does.
Result<NamedBundle> find_bundle(const Arguments& arguments, const std::string& name);

void print_faults(Faults& faults);
/// Prints each fault and answers the error that ends the command. Requires: faults is not empty.
Error report_faults(Faults& faults, const std::string& file);

/// A table of a step: "weather", "weather@clean", "flights.rejected@ingest", or a digest.
struct Found {
  records::Table table;
  std::string step;
};
Result<Found> find_table(const lifecycle::Pipeline& pipeline, lifecycle::Workspace& workspace,
                         const std::string& name);

/// A file that a step left: "features.json", "matrix.npy@extract_features"; nothing when there is
/// none of that name.
struct FoundFile {
  records::File file;
  std::string step;
};
Result<std::optional<FoundFile>> find_file(const lifecycle::Pipeline& pipeline,
                                           lifecycle::Workspace& workspace,
                                           const std::string& name);

/// The manifests of the steps that have one, in step order: those sealed for this very file, else
/// the last ones there are.
struct StepManifest {
  const lifecycle::StepRow* step = nullptr;
  bool current = false;
  lifecycle::Manifest manifest;
};
Result<std::vector<StepManifest>> manifests(const lifecycle::Pipeline& pipeline,
                                            lifecycle::Workspace& workspace);

/// A session for reading the store.
Result<std::unique_ptr<sql::Session>> open_session(const lifecycle::Pipeline& pipeline);

}  // namespace kingpost::cli
