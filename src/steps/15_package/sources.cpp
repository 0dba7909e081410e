// SPDX-License-Identifier: Apache-2.0
// Manifests say what an execution left, its key says what it read.
#include "steps/15_package/sources.h"

#include <algorithm>
#include <map>

#include "base/files.h"

namespace kingpost::steps::package {
namespace {

/// Digests of tables by name.
using Tables = std::map<std::string, std::string>;

class Walk {
 public:
  Walk(const store::Objects& objects, std::vector<store::Execution> executions)
      : objects_(objects), executions_(std::move(executions)) {}

  // The newest sealed execution of the step that left all of these tables.
  const store::Execution* find(std::string_view step, const Tables& tables) const {
    for (auto each = executions_.rbegin(); each != executions_.rend(); ++each) {
      if (each->step == step && each->state == "sealed" && left(*each, tables)) return &*each;
    }
    return nullptr;
  }

 private:
  bool left(const store::Execution& execution, const Tables& tables) const {
    const auto text = objects_.read(execution.manifest);
    if (!text) return false;
    const auto manifest = parse_json(*text);
    if (!manifest) return false;
    const auto output = records::dataset_from_json((*manifest)["output"]);
    return std::all_of(tables.begin(), tables.end(), [&](const auto& wanted) {
      const records::Table* table = output.find(wanted.first);
      return table != nullptr && table->digest == wanted.second;
    });
  }

  const store::Objects& objects_;
  std::vector<store::Execution> executions_;
};

Tables inputs_of(const Json& parts) {
  Tables out;
  for (const auto& [name, input] : parts["inputs"].entries()) {
    if (input.is_object()) out[name] = input["rows"].text();
  }
  return out;
}

// Folders are left out: they are those of this machine.
Json files_of(const Json& files) {
  std::vector<std::pair<std::string, std::string>> found;
  for (const auto& [path, digest] : files.entries()) {
    found.emplace_back(name_of(path), digest.text());
  }
  std::sort(found.begin(), found.end());
  Json out = Json::array();
  for (const auto& [name, digest] : found) {
    out.push(Json::object().set("file", name).set("sha256", digest));
  }
  return out;
}

}  // namespace

Result<Json> sources_of(const RunContext& context) {
  if (context.journal == nullptr) return Json();
  TRY(auto executions, context.journal->executions());
  const Walk walk(context.objects, std::move(executions));
  Tables tables = {{"training", context.input.find("training")->digest}};
  Json parts;
  for (const char* step : {"curate", "standardise", "clean", "validate_data", "ingest"}) {
    const store::Execution* execution = walk.find(step, tables);
    if (execution == nullptr) return Json();
    TRY(parts, parse_json(execution->parts));
    tables = inputs_of(parts);
  }
  Json out = Json::object();
  for (const auto& [table, files] : parts["sources"].entries()) out.set(table, files_of(files));
  return out;
}

}  // namespace kingpost::steps::package
