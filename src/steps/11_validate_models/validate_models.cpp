// SPDX-License-Identifier: Apache-2.0
// The recipe: ask every gate of every model.
#include "steps/11_validate_models/validate_models.h"

#include <set>

#include "base/text.h"
#include "steps/11_validate_models/gates.h"

namespace kingpost::steps::validate_models {
namespace {

Node scalar(const char* text) {
  Node out;
  out.kind = Node::Kind::kScalar;
  out.text = text;
  out.value = text;
  out.implied = true;
  return out;
}

// Those of the file, or the usual four.
std::vector<Node> gates_of(const Node& section) {
  if (section.is_list()) return section.items;
  std::vector<Node> out;
  for (const char* kind : {"beats", "answers", "parity", "survives"}) {
    Node gate;
    gate.kind = Node::Kind::kMap;
    gate.entries.push_back({"gate", {}, scalar(kind)});
    gate.entries.push_back({"severity", {}, scalar("critical")});
    out.push_back(std::move(gate));
  }
  return out;
}

// Those that others must beat: measured to compare with, never selected.
std::set<std::string> references_of(const std::vector<Node>& gates, const TrainedModels& trained) {
  std::set<std::string> out;
  for (const Node& gate : gates) {
    if (gate.text_at("gate") != "beats" || gate.text_at("severity") == "warning") continue;
    out.insert(other_of(gate, trained));
  }
  return out;
}

void check_limit(CheckContext& context, const Node& gate) {
  const bool value = gate.has("value");
  const bool multiple = gate.has("of");
  if (value != multiple && multiple == gate.has("times")) return;
  context.faults.add(fault_at(gate.mark, "validate_models.limit_missing",
                              "the gate wants either a value, or times and of",
                              "e.g. {gate: metric, metric: mae, op: \"<=\", value: 20}"));
}

void check_gate(CheckContext& context, const Node& gate) {
  const std::string kind = gate.text_at("gate");
  for (const char* key : {"metric", "of"}) {
    if (gate.has(key)) {
      check_metric(gate.at(key), context.pipeline, "validate_models.metric_unknown",
                   context.faults);
    }
  }
  if (kind == "beats" && gate.has("margin") && !share_of(gate.text_at("margin"))) {
    context.faults.add(fault_at(gate.at("margin").mark, "validate_models.margin_malformed",
                                format("\"{}\" is no share", shown(gate.text_at("margin"))),
                                "write 1% or 0.01"));
  }
  if (kind == "metric") check_limit(context, gate);
  if (kind == "work" && !gate.has("nodes") && !gate.has("leaves_visited") && !gate.has("bytes")) {
    context.faults.add(fault_at(gate.mark, "validate_models.limit_missing", "the gate has no limit",
                                "give nodes, leaves_visited or bytes"));
  }
  if (kind == "calibration" && task_of(context.pipeline) != records::Task::kBinary) {
    context.faults.add(fault_at(gate.mark, "validate_models.gate_unsuitable",
                                "the gate calibration wants a binary target"));
  }
}

void check_other(CheckContext& context, const Node& gate) {
  const Node& candidates = context.pipeline.at("candidates");
  if (gate.text_at("gate") != "beats" || !gate.has("other") || !candidates.is_map()) return;
  const std::string other = gate.text_at("other");
  if (candidates.has(other) || other == "baseline") return;
  std::vector<std::string> names = {"baseline"};
  for (const Entry& entry : candidates.entries) names.push_back(entry.key);
  context.faults.add(
      fault_at(gate.at("other").mark, "validate_models.candidate_missing",
               format("there is no candidate \"{}\"", shown(other)),
               did_you_mean(other, names, format("candidates: {}", listed(names, 30)))));
}

class Validation {
 public:
  explicit Validation(RunContext& context) : context_(context), asked_(gates_of(context.section)) {}

  Result<Outcome> run() {
    outcome_.output = context_.input;
    TRY(const TrainedModels trained, read_trained(context_));
    references_ = references_of(asked_, trained);
    TRY(Gates gates, Gates::open(context_, trained));
    for (const TrainedModel& model : trained.models) TRY_STATUS(ask(gates, model));
    outcome_.report = verdicts_;
    TRY(records::File file, seal_bytes(context_, "verdicts.json", verdicts_.dump()));
    outcome_.output.put(std::move(file));
    outcome_.counts = {{"models", static_cast<std::int64_t>(trained.models.size())},
                       {"valid", valid_},
                       {"gates", static_cast<std::int64_t>(asked_.size())}};
    if (valid_ == 0) outcome_.verdict = none_valid();
    return std::move(outcome_);
  }

 private:
  Status ask(Gates& gates, const TrainedModel& model) {
    Json findings = Json::array();
    std::vector<std::string> failed;
    for (const Node& gate : asked_) {
      TRY(const Finding found, gates.ask(gate, model));
      if (!found.passed && found.critical) {
        failed.push_back(format("{}: {}", found.gate, found.words));
      } else if (!found.passed) {
        outcome_.warnings.push_back(format("{}: {}: {}", model.name, found.gate, found.words));
      }
      findings.push(to_json(found));
    }
    const bool reference = references_.count(model.name) > 0;
    if (failed.empty()) {
      ++valid_;
    } else if (!reference) {
      reasons_.push_back(format("{}: {}", model.name, join(failed, "; ")));
      outcome_.warnings.push_back(format("{} is not valid: {}", model.name, join(failed, "; ")));
    }
    Json verdict = Json::object();
    verdict.set("valid", failed.empty()).set("reference", reference);
    verdicts_.set(model.name, std::move(verdict.set("gates", std::move(findings))));
    return {};
  }

  Error none_valid() {
    Error error =
        fail(Code::kDataRejected, "validate_models.no_valid_model", "no model passes the gates");
    for (const std::string& reason : reasons_) error = std::move(error).detail(reason);
    return std::move(error).hint(
        "look at kingpost data report validate_models; widen the search or the features, or "
        "change the gates");
  }

  RunContext& context_;
  std::vector<Node> asked_;
  std::set<std::string> references_;
  Json verdicts_ = Json::object();
  std::vector<std::string> reasons_;
  std::int64_t valid_ = 0;
  Outcome outcome_;
};

}  // namespace

void check(CheckContext& context) {
  for (const Node& gate : context.section.items) {
    check_gate(context, gate);
    check_other(context, gate);
  }
}

Result<Json> key_parts(KeyContext& context) {
  return train_parts(context.pipeline);
}

Result<Outcome> run(RunContext& context) {
  return Validation(context).run();
}

}  // namespace kingpost::steps::validate_models
