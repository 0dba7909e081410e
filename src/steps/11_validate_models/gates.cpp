// SPDX-License-Identifier: Apache-2.0
// Gates that go by numbers of the model.
#include "steps/11_validate_models/gates.h"

#include <algorithm>
#include <cmath>

#include "base/text.h"
#include "steps/importance.h"
#include "steps/parity.h"

namespace kingpost::steps::validate_models {
namespace {

std::int64_t integer_or(const Node& gate, std::string_view key, std::int64_t fallback) {
  return gate.has(key) ? gate.integer(key) : fallback;
}

double number_or(const Node& gate, std::string_view key, double fallback) {
  return gate.has(key) ? gate.number(key) : fallback;
}

Finding finding_of(const Node& gate, bool passed, std::string words) {
  Finding out;
  out.gate = gate.text_at("gate");
  out.passed = passed;
  out.words = std::move(words);
  return out;
}

// What no other model or row would change.
bool of_the_machine(Code code) {
  return code == Code::kCancelled || code == Code::kExhausted || code == Code::kCorrupt ||
         code == Code::kUnavailable;
}

}  // namespace

Json to_json(const Finding& finding) {
  std::string_view verdict = "passed";
  if (!finding.passed) verdict = finding.critical ? "failed" : "warned";
  if (!finding.obstacle.empty()) verdict = "not_computed";
  Json out = Json::object();
  out.set("gate", finding.gate).set("verdict", verdict).set("critical", finding.critical);
  out.set("number", finding.number ? Json(*finding.number) : Json());
  out.set("limit", finding.limit ? Json(*finding.limit) : Json());
  return std::move(out.set("words", finding.words));
}

std::optional<double> share_of(std::string_view text) {
  const bool percent = !text.empty() && text.back() == '%';
  const auto number = parse_number(trim(percent ? text.substr(0, text.size() - 1) : text));
  if (!number || *number < 0 || !std::isfinite(*number)) return std::nullopt;
  return percent ? *number / 100 : *number;
}

Result<Gates> Gates::open(RunContext& context, const TrainedModels& trained) {
  Gates out(context, trained);
  TRY(out.judged_, read_judged(context, trained));
  return out;
}

Result<Finding> Gates::ask(const Node& gate, const TrainedModel& model) {
  auto found = judge(gate, model);
  if (!found && of_the_machine(found.error().code())) return found;
  Finding out;
  if (found) {
    out = std::move(*found);
  } else {
    out = finding_of(gate, false, "could not be computed: " + found.error().what());
    out.obstacle = found.error().what();
  }
  out.critical = gate.text_at("severity") != "warning";
  return out;
}

Result<Finding> Gates::judge(const Node& gate, const TrainedModel& model) {
  const std::string kind = gate.text_at("gate");
  if (kind == "beats") return beats(gate, model);
  if (kind == "answers") return answers(gate, model);
  if (kind == "parity") return parity(gate, model);
  if (kind == "survives") return survives(gate, model);
  if (kind == "single_feature_share") return single_feature_share(gate, model);
  if (kind == "metric") return metric_limit(gate, model);
  if (kind == "work") return work(gate, model);
  return calibration(gate, model);
}

Result<double> Gates::value_of(const std::string& metric, const TrainedModel& model) {
  const std::vector<double>& scores = judged_.scores.at(model.name);
  return measure(metric, scored(trained_, judged_.rows, scores, model.threshold));
}

std::string other_of(const Node& gate, const TrainedModels& trained) {
  if (gate.has("other")) return gate.text_at("other");
  const auto constant =
      std::find_if(trained.models.begin(), trained.models.end(),
                   [](const TrainedModel& each) { return each.family == "constant"; });
  return constant == trained.models.end() ? "baseline" : constant->name;
}

Result<Finding> Gates::beats(const Node& gate, const TrainedModel& model) {
  const std::string other = other_of(gate, trained_);
  std::string metric = gate.text_at("metric");
  if (metric.empty()) metric = train_metric(context_.pipeline);
  if (other == model.name) return finding_of(gate, false, "it is the one to beat");
  const TrainedModel* rival = trained_.find(other);
  if (rival == nullptr) {
    return fail(Code::kPrecondition, "validate_models.candidate_missing",
                "there is no model of the candidate \"{}\"", other);
  }
  TRY(const double mine, value_of(metric, model));
  TRY(const double theirs, value_of(metric, *rival));
  const double margin = gate.has("margin") ? share_of(gate.text_at("margin")).value_or(0) : 0;
  const Metric& known = *find_metric(metric);
  const double step = margin * std::abs(theirs);
  const double limit = known.better == Direction::kLess ? theirs - step : theirs + step;
  const bool reached = known.better == Direction::kLess ? mine <= limit : mine >= limit;
  const double change = theirs == 0 ? 0 : std::abs(mine - theirs) / std::abs(theirs) * 100;
  Finding out = finding_of(gate, reached && known.prefers(mine, theirs),
                           format("{} is {}, {} has {}: {:.3g}% {}, {:.3g}% better asked", metric,
                                  metric_text(mine), other, metric_text(theirs), change,
                                  known.prefers(mine, theirs) ? "better" : "worse", margin * 100));
  out.number = mine;
  out.limit = limit;
  return out;
}

Result<Finding> Gates::parity(const Node& gate, const TrainedModel& model) {
  const double limit = number_or(gate, "max_abs", 1e-5);
  const std::int64_t rows = integer_or(gate, "rows", 1000);
  std::optional<std::string> trees;
  if (model.facts["native"].is_string()) {
    TRY(trees, bytes_of(context_, model.facts["native"].text()));
  } else if (!model.facts["linear"].is_object()) {
    return finding_of(gate, true, words_of({.graph_only = true}));
  }
  TRY(const auto graph, bare_model(context_, model.name));
  GraphAnswers made;
  TRY(made.features, matrix_rows(context_, trained_, evenly(judged_.rows.numbers, rows)));
  TRY(const auto answers,
      onnx::run_rows(*graph, made.features.floats(), made.features.shape.back()));
  TRY(made.scores, scores_of(trained_, *graph, answers));
  TRY(const Parity found, compare(trained_, model, trees, made, limit));
  Finding out = finding_of(gate, found.holds(limit), words_of(found));
  out.number = found.largest;
  out.limit = limit;
  return out;
}

Result<Finding> Gates::single_feature_share(const Node& gate, const TrainedModel& model) {
  const double limit = number_or(gate, "max", 0.6);
  if (model.family == "constant") return finding_of(gate, true, "it goes by no feature");
  Shuffling shuffling;
  shuffling.metric = train_metric(context_.pipeline);
  shuffling.rows = integer_or(gate, "rows", 2000);
  shuffling.threads = context_.settings.engine.threads;
  TRY(const auto found, importances(context_, trained_, model, judged_.rows, shuffling));
  const double share = largest_share(found);
  if (share == 0) return finding_of(gate, true, "no feature makes a difference");
  Finding out = finding_of(gate, share <= limit,
                           format("\"{}\" has {:.1f}% of all importance, at most {:.1f}% asked",
                                  found.front().feature, share * 100, limit * 100));
  out.number = share;
  out.limit = limit;
  return out;
}

Result<Finding> Gates::metric_limit(const Node& gate, const TrainedModel& model) {
  const std::string metric = gate.text_at("metric");
  const std::string op = gate.text_at("op");
  TRY(const double value, value_of(metric, model));
  double limit = gate.number("value");
  std::string words = metric_text(limit);
  if (gate.has("of")) {
    TRY(const double base, value_of(gate.text_at("of"), model));
    limit = number_or(gate, "times", 1) * base;
    words = format("{} times {}, {}", metric_text(number_or(gate, "times", 1)), gate.text_at("of"),
                   metric_text(limit));
  }
  Finding out = finding_of(gate, holds(value, op, limit),
                           format("{} is {}, {} {} asked", metric, metric_text(value), op, words));
  out.number = value;
  out.limit = limit;
  return out;
}

Result<Finding> Gates::work(const Node& gate, const TrainedModel& model) {
  Finding out = finding_of(gate, true, {});
  std::vector<std::string> words;
  for (const char* what : {"nodes", "leaves_visited", "bytes"}) {
    if (!gate.has(what)) continue;
    if (!model.facts[what].is_number()) {
      out.obstacle = format("the model does not say its {}", what);
      out.words = "could not be computed: " + out.obstacle;
      out.passed = false;
      return out;
    }
    const double value = model.facts[what].number();
    const double limit = static_cast<double>(gate.integer(what));
    words.push_back(
        format("{} {}, at most {} asked", metric_text(value), what, metric_text(limit)));
    if (out.number && value <= limit) continue;
    out.number = value;
    out.limit = limit;
    out.passed = out.passed && value <= limit;
  }
  out.words = join(words, "; ");
  return out;
}

Result<Finding> Gates::calibration(const Node& gate, const TrainedModel& model) {
  const double limit = number_or(gate, "max", 0.05);
  TRY(const double error, value_of("ece", model));
  Finding out = finding_of(gate, error <= limit,
                           format("probabilities are off by {} on the mean, at most {} asked",
                                  metric_text(error), metric_text(limit)));
  out.number = error;
  out.limit = limit;
  return out;
}

}  // namespace kingpost::steps::validate_models
