// SPDX-License-Identifier: Apache-2.0
// Keys, and the search for what is sealed under them.
#include "lifecycle/workspace.h"

#include "base/digest.h"
#include "base/text.h"

namespace kingpost::lifecycle {
namespace {

std::string brief(const Json& value) {
  if (value.is_null()) return "nothing";
  return shown(value.is_string() && is_digest(value.text()) ? value.text().substr(0, 12)
                                                            : value.dump(),
               120);
}

void compare(const std::string& path, const Json& before, const Json& now,
             std::vector<std::string>& out) {
  if (before.canonical() == now.canonical()) return;
  if (before.is_object() && now.is_object()) {
    for (const auto& [key, value] : now.entries()) {
      compare(path.empty() ? key : path + "." + key, before[key], value, out);
    }
    for (const auto& [key, value] : before.entries()) {
      if (!now.has(key)) compare(path.empty() ? key : path + "." + key, value, Json(), out);
    }
    return;
  }
  out.push_back(format("{} was {}, is {}", path, brief(before), brief(now)));
}

std::size_t equal_parts(const Json& a, const Json& b) {
  std::size_t equal = 0;
  for (const auto& [name, value] : a.entries()) {
    if (value.canonical() == b[name].canonical()) ++equal;
  }
  return equal;
}

}  // namespace

Result<Workspace> Workspace::open(const Pipeline& pipeline) {
  TRY(auto objects, store::Objects::open(pipeline.store_folder, pipeline.objects_folder));
  TRY(auto journal, store::Journal::open(pipeline.store_folder));
  return Workspace{std::move(objects), std::move(journal)};
}

Result<StepKey> step_key(const StepRow& row, const Pipeline& pipeline,
                         const records::Dataset& input, store::Journal& journal) {
  StepKey out;
  const Node& section = pipeline.section(row.word);
  out.parts.set("version", row.version);
  out.parts.set("section", section.json());
  Json inputs = Json::object();
  for (const records::Table& table : input.tables) {
    // The schema carries keys and knowledge times, which are not in the bytes of the table.
    inputs.set(table.name, Json::object()
                               .set("rows", table.digest)
                               .set("schema", sha256_of(records::to_json(table.schema).canonical())));
  }
  out.parts.set("inputs", std::move(inputs));
  if (row.key_parts != nullptr) {
    steps::KeyContext context{section, pipeline.settings, journal};
    TRY(const Json more, row.key_parts(context));
    for (const auto& [name, value] : more.entries()) out.parts.set(name, value);
  }
  out.key = sha256_of(format("{} {}", row.word, out.parts.canonical()));
  return out;
}

Result<Sealed> find_sealed(Workspace& workspace, const StepRow& row, const StepKey& key) {
  TRY(const auto execution, workspace.journal->sealed(std::string(row.word), key.key));
  Sealed out;
  if (!execution) return out;
  auto manifest = read_manifest(workspace.objects, execution->manifest);
  if (!manifest) {
    out.reason = format("its manifest is gone ({})", manifest.error().what());
    return out;
  }
  for (const auto* dataset : {&manifest->output, &manifest->beside}) {
    for (const records::Table& table : dataset->tables) {
      const std::int64_t size = workspace.objects.size_of(table.digest);
      if (size == table.bytes) continue;
      out.reason = size < 0 ? format("table \"{}\" is missing from the store", table.name)
                            : format("table \"{}\" is damaged in the store", table.name);
      return out;
    }
  }
  out.manifest_digest = execution->manifest;
  out.manifest = std::move(manifest).value();
  return out;
}

std::vector<std::string> differences(const Json& before, const Json& now) {
  std::vector<std::string> out;
  compare("", before, now, out);
  return out;
}

Result<std::vector<std::string>> why_stale(Workspace& workspace, const StepRow& row,
                                           const StepKey& key) {
  TRY(const auto executions, workspace.journal->executions());
  Json nearest;
  std::size_t best = 0;
  for (const store::Execution& execution : executions) {
    if (execution.step != row.word || execution.state != "sealed") continue;
    const auto parts = parse_json(execution.parts);
    if (!parts) continue;
    const std::size_t equal = equal_parts(key.parts, *parts) + 1;
    if (equal >= best) {
      best = equal;
      nearest = *parts;
    }
  }
  if (best == 0) return std::vector<std::string>{"it has not run before"};
  auto changes = differences(nearest, key.parts);
  if (changes.empty()) changes.emplace_back("its last result is gone from the store");
  return changes;
}

}  // namespace kingpost::lifecycle
