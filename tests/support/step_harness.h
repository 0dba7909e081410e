// SPDX-License-Identifier: Apache-2.0
// Runs one step on tables made by SQL, in a fresh temporary folder, without the runner.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/node.h"
#include "base/spec.h"
#include "engines/sql/session.h"
#include "steps/step.h"

namespace kingpost::test {

/// A folder that is removed with its contents at the end.
class TempFolder {
 public:
  TempFolder();
  ~TempFolder();
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;
  const std::string& path() const { return path_; }
  /// Writes a file below the folder, making folders as needed, and answers its path.
  std::string write(const std::string& name, const std::string& bytes) const;

 private:
  std::string path_;
};

class StepHarness {
 public:
  StepHarness();

  /// Seals the rows of a query as an input table. Column types are those of the query.
  records::Table& add_table(const std::string& name, const std::string& query,
                            std::vector<std::string> key = {});
  /// Parses YAML text as the section of a step; its faults go to `faults`.
  const Node& section(const std::string& yaml, const Field& field, const std::string& owner);
  /// Adds another step's section to the pipeline, for steps that read it. Call it after `section`.
  void other_section(const std::string& yaml, const std::string& step);
  /// All sections that it was given.
  const Node& pipeline() const { return pipeline_; }
  void other_section(const std::string& yaml, const Field& field, const std::string& owner);
  /// Seals bytes as an input file.
  void add_file(const std::string& name, const std::string& bytes);
  /// Passes an outcome's tables and files on as the input of the next run.
  void pass_on(const steps::Outcome& outcome) { input = outcome.output; }
  /// What runs from now on has an engine of so many threads, by its settings: two at least.
  void use_threads(int threads);
  /// Runs a check on the input tables' schemas; answers the catalog as it leaves.
  records::Catalog check(steps::Check work);
  /// Runs the step on the input tables.
  Result<steps::Outcome> run(steps::Run work);
  /// Rows of a query over a table of an outcome, each cell as text, with `{}` for the table.
  std::vector<std::vector<std::string>> rows(const records::Table& table, const std::string& query);

  TempFolder folder;
  steps::Settings settings;
  std::unique_ptr<sql::Session> session;
  std::unique_ptr<store::Objects> objects;
  records::Dataset input;
  Faults faults;
  /// What `run` hands to the step; null unless a test sets it.
  store::Journal* journal = nullptr;

 private:
  std::vector<std::shared_ptr<const SourceText>> sources_;
  Node section_;
  Node pipeline_;
};

/// The ids of the faults, in order.
std::vector<std::string> fault_ids(const Faults& faults);

}  // namespace kingpost::test
