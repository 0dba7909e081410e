// SPDX-License-Identifier: Apache-2.0
// Values, intervals and constraints on the rows that models are judged on.
#include "steps/14_select_best/contest.h"

#include "base/text.h"

namespace kingpost::steps::select_best {
namespace {

constexpr std::int32_t kSamples = 400;

std::string failures_of(const Json& verdict) {
  std::vector<std::string> out;
  for (const Json& gate : verdict["gates"].items()) {
    const std::string& word = gate["verdict"].text();
    if (word != "failed" && word != "not_computed") continue;
    if (gate.has("critical") && !gate["critical"].boolean()) continue;
    out.push_back(format("{}: {}", gate["gate"].text(), gate["words"].text()));
  }
  return join(out, "; ");
}

}  // namespace

Status Contest::open(const std::string& metric) {
  metric_ = metric;
  TRY(judged_, read_judged(context_, trained_));
  TRY(slices_, slices_of(context_, judged_.rows.side,
                         column_lists(context_.pipeline.at("evaluate").at("slices"))));
  return {};
}

ScoredRows Contest::rows_of(const TrainedModel& model) const {
  return scored(trained_, judged_.rows, judged_.scores.at(model.name), model.threshold);
}

Result<std::vector<Entrant>> Contest::entrants(const Json& verdicts, const Node& section) {
  std::vector<Entrant> out;
  for (const TrainedModel& model : trained_.models) {
    Entrant entrant;
    entrant.model = &model;
    const Json& verdict = verdicts[model.name];
    entrant.valid = verdict["valid"].boolean();
    entrant.reference = verdict["reference"].boolean();
    TRY_STATUS(score(entrant));
    TRY_STATUS(hold_to(section, entrant));
    if (!entrant.valid) {
      entrant.verdict = entrant.reference ? "reference" : "not_valid";
      entrant.words = entrant.reference ? "the one to beat" : failures_of(verdict);
    }
    out.push_back(std::move(entrant));
  }
  return out;
}

Status Contest::hold_to(const Node& section, Entrant& entrant) {
  entrant.verdict = entrant.value ? "eligible" : "refused";
  if (!entrant.valid || !entrant.value) return {};
  for (const Node& limit : section.list("require")) {
    TRY(const std::string why, refusal(limit, *entrant.model));
    if (why.empty()) continue;
    entrant.verdict = "refused";
    entrant.words += (entrant.words.empty() ? "" : "; ") + why;
  }
  return {};
}

Status Contest::score(Entrant& entrant) {
  TRY(const auto prepared, Measure::prepare(metric_, rows_of(*entrant.model)));
  const auto value = prepared->value();
  if (!value) {
    entrant.words = value.error().what();
    return {};
  }
  entrant.value = *value;
  Resampling resampling;
  resampling.samples = kSamples;
  resampling.threads = context_.settings.engine.threads;
  entrant.interval = bootstrap(
      {prepared.get()}, static_cast<std::int64_t>(judged_.rows.labels.size()), resampling)[0];
  return {};
}

Result<double> Contest::value_of(const std::string& metric, const TrainedModel& model) {
  if (starts_with(metric, kWorstSlice)) {
    return worst_slice(metric.substr(kWorstSlice.size()), model);
  }
  return measure(metric, rows_of(model));
}

Result<double> Contest::worst_slice(const std::string& metric, const TrainedModel& model) {
  const Node& evaluate = context_.pipeline.at("evaluate");
  const std::int64_t least = evaluate.has("small_below") ? evaluate.integer("small_below") : 30;
  std::optional<double> worst;
  for (const Slice& slice : slices_.slices) {
    if (static_cast<std::int64_t>(slice.rows.size()) < least) continue;
    TRY(const auto prepared, Measure::prepare(metric, rows_of(model), slice.rows));
    const auto value = prepared->value();
    // A slice with one class has no value, and is no worse than another.
    if (value && (!worst || find_metric(metric)->prefers(*worst, *value))) worst = *value;
  }
  if (worst) return *worst;
  return fail(Code::kDataRejected, "metrics.undefined",
              "worst_slice_{} is not defined: no slice has {} rows and a value", metric, least);
}

Result<std::string> Contest::refusal(const Node& limit, const TrainedModel& model) {
  const std::string metric = limit.text_at("metric");
  const std::string op = limit.text_at("op");
  const auto value = value_of(metric, model);
  if (!value && value.error().id() != "metrics.undefined") return Error(value.error());
  if (!value) return value.error().what();
  double bound = limit.number("value");
  std::string words = metric_text(bound);
  if (limit.has("of")) {
    const auto base = value_of(limit.text_at("of"), model);
    if (!base && base.error().id() != "metrics.undefined") return Error(base.error());
    if (!base) return base.error().what();
    bound = limit.number("times") * *base;
    words = format("{} ({} times {})", metric_text(bound), metric_text(limit.number("times")),
                   limit.text_at("of"));
  }
  if (holds(*value, op, bound)) return std::string();
  return format("{} is {}, {} {} is required", metric, metric_text(*value), op, words);
}

}  // namespace kingpost::steps::select_best
