// SPDX-License-Identifier: Apache-2.0
// The recipe: the file's list or the default one, each candidate held against the data.
#include "steps/08_candidates/candidates.h"

#include <algorithm>

#include "base/text.h"
#include "steps/08_candidates/families.h"
#include "steps/training_rows.h"

namespace kingpost::steps::candidates {
namespace {

using records::Task;

struct Candidate {
  std::string name;
  std::string family;
  /// The section of the file; null of a default.
  const Node* section = nullptr;
};

std::vector<Candidate> asked_for(const Node& section) {
  std::vector<Candidate> out;
  if (!section.is_map()) return out;
  for (const Entry& entry : section.entries) {
    out.push_back({entry.key, entry.value.text_at("family"), &entry.value});
  }
  return out;
}

// The file's candidates, or a linear model and boosted trees; the constant first in any case.
std::vector<Candidate> all_candidates(const Node& section, Task task) {
  std::vector<Candidate> out = asked_for(section);
  if (out.empty()) {
    return {{"baseline", "constant"},
            {"linear", task == Task::kNumber ? "ridge" : "logistic"},
            {"gbdt", "lightgbm"}};
  }
  std::stable_partition(out.begin(), out.end(),
                        [](const Candidate& each) { return each.family == "constant"; });
  if (out.front().family == "constant") return out;
  const auto taken = [&](std::string_view name) {
    return std::any_of(out.begin(), out.end(), [&](const auto& each) { return each.name == name; });
  };
  std::string name = "baseline";
  while (taken(name)) name += "_constant";
  out.insert(out.begin(), {name, "constant"});
  return out;
}

// Keys that say nothing, such as the scale of a list of values, are left out.
Json entry_json(const Node& space) {
  Json out = Json::object();
  if (space.has("value")) return out.set("value", space.at("value").value);
  if (space.has("values")) {
    Json values = Json::array();
    for (const Node& each : space.list("values")) values.push(each.value);
    return out.set("values", std::move(values));
  }
  out.set("from", space.number("from")).set("to", space.number("to"));
  out.set("scale", space.text_at("scale"));
  if (space.flag("integer")) out.set("integer", true);
  return out;
}

// A space in the file takes the place of the default one as a whole.
Json space_of(const Candidate& candidate, std::int64_t rows) {
  if (candidate.section == nullptr) return default_space(candidate.family, rows);
  const Node& section = *candidate.section;
  Json out = Json::object();
  if (section.has("space")) {
    for (const Entry& entry : section.map("space")) out.set(entry.key, entry_json(entry.value));
  } else {
    out = default_space(candidate.family, rows);
  }
  for (const Entry& entry : section.map("parameters")) {
    out.set(entry.key, Json::object().set("value", entry.value.value));
  }
  return out;
}

std::string why(const Candidate& candidate, const Facts& facts) {
  if (candidate.family == "constant") return "what every model must beat";
  const std::string_view asked =
      candidate.section != nullptr ? "the file asks for it" : "tried by default";
  return format("{}; {} train rows, {} columns", asked, grouped(facts.rows), facts.columns.size());
}

Json candidate_json(const Candidate& candidate, const Facts& facts) {
  Json out = Json::object();
  out.set("name", candidate.name).set("family", candidate.family);
  out.set("space", space_of(candidate, facts.rows)).set("why", why(candidate, facts));
  std::int64_t trials = default_trials(candidate.family, facts.rows);
  if (candidate.section != nullptr && candidate.section->has("trials")) {
    trials = candidate.section->integer("trials");
  }
  if (trials > 0) out.set("trials", trials);
  return out;
}

Result<Facts> facts_of(const RunContext& context) {
  TRY(const Matrices matrices, Matrices::open(context, ""));
  TRY(const Json selection, json_of(context, "selection.json"));
  Facts out;
  out.task = matrices.target().task;
  out.rows = std::ssize(matrices.train());
  for (const Json& column : selection["columns"].items()) {
    out.columns.push_back(matrices.features().columns[static_cast<std::size_t>(column.integer())]);
  }
  out.weighted = !context.pipeline.at("train").text_at("weight").empty();
  return out;
}

}  // namespace

Result<Json> key_parts(KeyContext& context) {
  Json out = Json::object();
  out.set("weighted", !context.pipeline.at("train").text_at("weight").empty());
  return out;
}

Result<Outcome> run(RunContext& context) {
  TRY(const Facts facts, facts_of(context));
  Outcome outcome;
  Json taken = Json::array();
  Json left_out = Json::array();
  for (const Candidate& each : all_candidates(context.section, facts.task)) {
    const std::string reason = why_not(each.family, facts);
    if (reason.empty()) {
      taken.push(candidate_json(each, facts));
      continue;
    }
    Json json = Json::object();
    left_out.push(json.set("name", each.name).set("family", each.family).set("why", reason));
    if (each.section != nullptr) {
      outcome.warnings.push_back(format("\"{}\" is left out: {}", each.name, reason));
    }
  }
  outcome.counts = {{"candidates", static_cast<std::int64_t>(taken.items().size())},
                    {"left out", static_cast<std::int64_t>(left_out.items().size())}};
  Json json = Json::object();
  json.set("candidates", std::move(taken)).set("left_out", std::move(left_out));
  outcome.output = context.input;
  TRY(auto file, seal_bytes(context, "candidates.json", json.canonical()));
  outcome.output.put(std::move(file));
  outcome.report = std::move(json);
  return outcome;
}

}  // namespace kingpost::steps::candidates
