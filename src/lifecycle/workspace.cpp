// SPDX-License-Identifier: Apache-2.0
// Keys, and the search for what is sealed under them.
#include "lifecycle/workspace.h"

#include <algorithm>
#include <cstdlib>

#include "base/digest.h"
#include "base/text.h"

namespace kingpost::lifecycle {
namespace {

std::string brief(const Json& value) {
  if (value.is_null()) return "nothing";
  return shown(
      value.is_string() && is_digest(value.text()) ? value.text().substr(0, 12) : value.dump(),
      120);
}

bool holds_maps(const Json& list) {
  const auto& items = list.items();
  return std::any_of(items.begin(), items.end(), [](const Json& item) { return item.is_object(); });
}

class Comparison {
 public:
  void compare(const std::string& path, const Json& before, const Json& now) {
    if (before.canonical() == now.canonical()) return;
    if (before.is_object() && now.is_object()) {
      maps(path, before, now);
    } else if (before.is_array() && now.is_array() && (holds_maps(before) || holds_maps(now))) {
      lists(path, before.items(), now.items());
    } else {
      out.push_back(format("{} was {}, is {}", path, brief(before), brief(now)));
    }
  }

  std::vector<std::string> out;

 private:
  void maps(const std::string& path, const Json& before, const Json& now) {
    const auto below = [&](const std::string& key) {
      return path.empty() ? key : path + "." + key;
    };
    for (const auto& [key, value] : now.entries()) compare(below(key), before[key], value);
    for (const auto& [key, value] : before.entries()) {
      if (!now.has(key)) compare(below(key), value, Json());
    }
  }

  // An item that came or went is named as such, and not every item behind it as changed.
  void lists(const std::string& path, const Json::Array& before, const Json::Array& now) {
    const std::size_t shorter = std::min(before.size(), now.size());
    const auto same = [](const Json& a, const Json& b) { return a.canonical() == b.canonical(); };
    std::size_t head = 0;
    while (head < shorter && same(before[head], now[head])) ++head;
    std::size_t tail = 0;
    while (tail < shorter - head &&
           same(before[before.size() - 1 - tail], now[now.size() - 1 - tail])) {
      ++tail;
    }
    const std::size_t longer = std::max(before.size(), now.size()) - tail;
    for (std::size_t i = head; i < longer; ++i) {
      compare(format("{}[{}]", path, i), i + tail < before.size() ? before[i] : Json(),
              i + tail < now.size() ? now[i] : Json());
    }
  }
};

}  // namespace

Result<Workspace> Workspace::open(const Pipeline& pipeline) {
  TRY(auto objects, store::Objects::open(pipeline.store_folder, pipeline.objects_folder));
  TRY(auto journal, store::Journal::open(pipeline.store_folder));
  return Workspace{std::move(objects), std::move(journal)};
}

int version_of(const StepRow& row) {
  const char* raised = std::getenv("KINGPOST_TEST_STEP_VERSION");
  if (raised == nullptr) return row.version;
  const auto parts = split(raised, '=');
  if (parts.size() != 2 || parts[0] != row.word) return row.version;
  return static_cast<int>(parse_integer(parts[1]).value_or(row.version));
}

Result<StepKey> step_key(const StepRow& row, const Pipeline& pipeline,
                         const records::Dataset& input, store::Journal& journal) {
  StepKey out;
  const Node& section = pipeline.section(row.word);
  out.parts.set("version", version_of(row));
  out.parts.set("section", section.json());
  Json inputs = Json::object();
  for (const records::Table& table : input.tables) {
    // The schema carries keys and knowledge times, which are not in the bytes of the table.
    inputs.set(table.name,
               Json::object()
                   .set("rows", table.digest)
                   .set("schema", sha256_of(records::to_json(table.schema).canonical())));
  }
  for (const records::File& file : input.files) inputs.set(file.name, file.digest);
  out.parts.set("inputs", std::move(inputs));
  if (row.key_parts != nullptr) {
    steps::KeyContext context{section, pipeline.root, pipeline.settings, journal, &input};
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
    for (const auto& part : dataset->parts()) {
      const std::int64_t size = workspace.objects.size_of(part.digest);
      if (size == part.bytes) continue;
      out.reason =
          format("{} is {} the store", part.what, size < 0 ? "missing from" : "damaged in");
      return out;
    }
  }
  out.execution = *execution;
  out.manifest = std::move(manifest).value();
  return out;
}

std::vector<std::string> differences(const StepRow& row, const Json& before, const Json& now) {
  Comparison comparison;
  const std::string word(row.word);
  comparison.compare(word, before["section"], now["section"]);
  comparison.compare(word + "'s version", before["version"], now["version"]);
  Json others_before = before;
  Json others_now = now;
  for (const char* named : {"section", "version"}) {
    others_before.set(named, Json());
    others_now.set(named, Json());
  }
  comparison.compare("", others_before, others_now);
  return std::move(comparison.out);
}

Result<std::vector<std::string>> why_stale(Workspace& workspace, const StepRow& row,
                                           const StepKey& key) {
  TRY(const Sealed sealed, find_sealed(workspace, row, key));
  if (!sealed.reason.empty()) return std::vector<std::string>{sealed.reason};
  TRY(const auto executions, workspace.journal->executions());
  std::optional<std::vector<std::string>> fewest;
  for (auto each = executions.rbegin(); each != executions.rend(); ++each) {
    if (each->step != row.word || (each->state != "sealed" && each->state != "damaged")) continue;
    const auto parts = parse_json(each->parts);
    if (!parts) continue;
    auto changes = differences(row, *parts, key.parts);
    if (!fewest || changes.size() < fewest->size()) fewest = std::move(changes);
  }
  if (!fewest) return std::vector<std::string>{"it has not run before"};
  if (fewest->empty()) fewest->emplace_back("its last result was damaged or lost in the store");
  return std::move(*fewest);
}

}  // namespace kingpost::lifecycle
