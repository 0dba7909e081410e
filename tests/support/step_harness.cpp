// SPDX-License-Identifier: Apache-2.0
// Runs one step without the runner.
#include "support/step_harness.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>

#include "base/files.h"
#include "base/text.h"
#include "engines/sql/dialect.h"
#include "engines/yaml/yaml.h"
#include "lifecycle/lifecycle.h"

namespace kingpost::test {
namespace {

// A harness that cannot be set up is a fault of the test, so it throws.
template <typename T>
T required(Result<T> result) {
  if (!result) throw std::runtime_error(render(result.error()));
  return std::move(result).value();
}

}  // namespace

TempFolder::TempFolder() {
  std::string pattern = (std::filesystem::temp_directory_path() / "kingpost-XXXXXX").string();
  if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("mkdtemp failed");
  path_ = pattern;
}

TempFolder::~TempFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::string TempFolder::write(const std::string& name, const std::string& bytes) const {
  const std::filesystem::path path = std::filesystem::path(path_) / name;
  std::filesystem::create_directories(path.parent_path());
  std::ofstream(path, std::ios::binary) << bytes;
  return path.string();
}

StepHarness::StepHarness() {
  settings.project = "test";
  settings.folder = folder.path();
  settings.now = 1'388'620'800'000'000;  // 2014-01-02T00:00:00Z
  settings.now_given = true;
  settings.engine.temp_folder = folder.path() + "/spill";
  settings.engine.threads = 2;
  session = required(sql::Session::open(settings.engine));
  const std::string store = folder.path() + "/.kingpost";
  objects =
      std::make_unique<store::Objects>(required(store::Objects::open(store, store + "/objects")));
}

records::Table& StepHarness::add_table(const std::string& name, const std::string& query,
                                       std::vector<std::string> key) {
  const Node none;
  steps::RunContext context{none, none, settings, input, *session, *objects};
  records::TableSchema schema;
  schema.name = name;
  schema.key = std::move(key);
  schema.columns = required(steps::describe(*session, query));
  for (records::Column& column : schema.columns) column.origin = name + "." + column.name;
  input.put(required(steps::write_table(context, schema, query)));
  return *input.find(name);
}

const Node& StepHarness::section(const std::string& yaml, const Field& field,
                                 const std::string& owner) {
  pipeline_ = Node{};
  pipeline_.kind = Node::Kind::kMap;
  other_section(yaml, field, owner);
  section_ = pipeline_.at(owner);
  return section_;
}

void StepHarness::other_section(const std::string& yaml, const std::string& step) {
  other_section(yaml, lifecycle::find_row(step)->spec(), step);
}

void StepHarness::other_section(const std::string& yaml, const Field& field,
                                const std::string& owner) {
  sources_.push_back(std::make_shared<const SourceText>("test.yaml", yaml));
  const auto node = yaml::parse(sources_.back(), faults);
  Node resolved = node ? resolve(*node, field, owner, faults) : Node{};
  pipeline_.entries.push_back({owner, resolved.mark, std::move(resolved)});
}

void StepHarness::add_file(const std::string& name, const std::string& bytes) {
  const auto sealed = required(objects->seal_text(bytes));
  input.put(records::File{name, sealed.digest, sealed.bytes});
}

void StepHarness::use_threads(int threads) {
  settings.engine.threads = threads;
  session = required(sql::Session::open(settings.engine));
}

records::Catalog StepHarness::check(steps::Check work) {
  records::Catalog catalog;
  for (const records::Table& table : input.tables) catalog.tables.push_back(table.schema);
  steps::CheckContext context{section_, pipeline_, settings, *session, catalog, faults};
  work(context);
  return catalog;
}

Result<steps::Outcome> StepHarness::run(steps::Run work) {
  steps::RunContext context{section_, pipeline_, settings, input, *session, *objects};
  context.journal = journal;
  return work(context);
}

std::vector<std::vector<std::string>> StepHarness::rows(const records::Table& table,
                                                        const std::string& query) {
  const std::string from = sql::parquet(objects->path_of(table.digest));
  const auto result = required(session->query(replace_all(query, "{}", from)));
  std::vector<std::vector<std::string>> out;
  for (const auto& row : result.rows) {
    std::vector<std::string> cells;
    for (const Json& cell : row) cells.push_back(steps::cell_text(cell));
    out.push_back(std::move(cells));
  }
  return out;
}

std::vector<std::string> fault_ids(const Faults& faults) {
  std::vector<std::string> out;
  for (const Error& error : faults.errors()) out.push_back(error.id());
  return out;
}

}  // namespace kingpost::test
