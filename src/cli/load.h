// SPDX-License-Identifier: Apache-2.0
// What most commands begin with: the pipeline file, its store, and the report of its faults.
#pragma once

#include "cli/cli.h"
#include "lifecycle/workspace.h"

namespace kingpost::cli {

/// Loads the file of the arguments. Its faults are printed; then the answer is the error
/// `file.faulty`, which says how many.
Result<lifecycle::Pipeline> load(const Arguments& arguments);

/// The store that a command without steps looks into: that of the pipeline file, or, where none is
/// named, the `.kingpost` of this folder.
Result<lifecycle::Workspace> open_store(const Arguments& arguments);

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
