// SPDX-License-Identifier: Apache-2.0
// A trial that fails on its data is a trial that lost; what is wrong with the machine ends the
// step.
#include "steps/10_train/search.h"

#include <cmath>
#include <set>

#include "base/failpoint.h"
#include "base/text.h"
#include "steps/10_train/draw.h"
#include "steps/fitting.h"
#include "steps/metrics.h"
#include "steps/trained_models.h"

namespace kingpost::steps::train {
namespace {

constexpr std::int32_t kRoundsBetweenWords = 20;

bool is_of_the_data(const Error& error) {
  return error.code() == Code::kDataRejected || error.code() == Code::kInvalidInput;
}

std::string place_word(std::int32_t place) {
  return place == kNoFold ? std::string("all") : format("fold {}", place);
}

}  // namespace

std::vector<std::int32_t> SearchContext::places() const {
  if (matrices.folds() == 0) return {kNoFold};
  std::vector<std::int32_t> out;
  for (std::int32_t fold = 0; fold < matrices.folds(); ++fold) out.push_back(fold);
  return out;
}

LabelledRows SearchContext::train_rows(std::int32_t place) const {
  return matrices.rows(place, matrices.fitted(place), kept.at(place));
}

LabelledRows SearchContext::held_rows(std::int32_t place) const {
  return matrices.rows(place, place == kNoFold ? matrices.validation() : matrices.held(place),
                       kept.at(place));
}

LabelledRows SearchContext::train_sample(std::int32_t place) const {
  return matrices.rows(place, evenly(matrices.fitted(place), kTrainSample), kept.at(place));
}

Search::Search(const SearchContext& shared, const Candidate& candidate)
    : shared_(shared), candidate_(candidate), fitter_(shared.options, shared.matrices.target()) {}

std::int64_t Search::trial_count() const {
  if (!has_choice(candidate_.space)) return 1;
  return candidate_.trials > 0 ? candidate_.trials : shared_.options.trials;
}

Result<Searched> Search::run(Checkpoint& checkpoint) {
  Searched out;
  out.candidate = candidate_;
  std::set<std::string> tried;
  for (std::int64_t number = 0; number < trial_count(); ++number) {
    const Json parameters = draw(candidate_.space, {shared_.options.seed, candidate_.name, number});
    if (!tried.insert(parameters.canonical()).second) continue;
    std::vector<Fitted> models;
    TRY(Json record, record_of(checkpoint, number, parameters, models));
    const bool better = is_better(record, out);
    out.trials.push_back(std::move(record));
    if (better) {
      out.best = std::ssize(out.trials) - 1;
      out.models = std::move(models);
    }
    tell(number, out);
  }
  return out;
}

Result<Json> Search::record_of(Checkpoint& checkpoint, std::int64_t number, const Json& parameters,
                               std::vector<Fitted>& models) {
  if (auto kept = checkpoint.find(candidate_.name, number)) return std::move(*kept);
  failpoint("trial_begun");
  TRY(const Json made, run_trial(number, parameters, models));
  // Read back from its own text, so that a trial looks the same whether kept or not.
  TRY(Json record, parse_json(made.canonical()));
  TRY_STATUS(checkpoint.keep(candidate_.name, number, record));
  return record;
}

bool Search::is_better(const Json& record, const Searched& so_far) const {
  if (!record["score"].is_number()) return false;
  if (so_far.best < 0) return true;
  return find_metric(shared_.options.metric)
      ->prefers(record["score"].number(), so_far.best_trial()["score"].number());
}

Result<Json> Search::run_trial(std::int64_t number, const Json& parameters,
                               std::vector<Fitted>& models) {
  Json record = Json::object();
  record.set("candidate", candidate_.name).set("trial", number).set("parameters", parameters);
  record.set("seed", seed_of({shared_.options.seed, candidate_.name, number}));
  auto scored = score(record, models);
  if (!scored) {
    if (!is_of_the_data(scored.error())) return std::move(scored).error();
    models.clear();
    return record.set("state", "failed").set("words", scored.error().what());
  }
  Json fold_scores = Json::array();
  if (shared_.matrices.folds() > 0) {
    for (const double each : scored->fold_scores) fold_scores.push(each);
  }
  record.set("state", "done").set("score", scored->score);
  record.set("train_score", scored->train_score ? Json(*scored->train_score) : Json());
  return record.set("fold_scores", std::move(fold_scores)).set("rounds", scored->rounds);
}

Result<double> Search::measured(records::Link link, std::vector<double> raw,
                                const LabelledRows& rows) const {
  const records::Target& target = shared_.matrices.target();
  const std::int32_t outputs = outputs_of(target);
  const std::vector<double> scores = linked(link, std::move(raw), outputs);
  ScoredRows scored;
  scored.task = target.task;
  scored.outputs = outputs;
  scored.labels = rows.labels;
  scored.scores = scores;
  scored.weights = rows.weights;
  return measure(shared_.options.metric, scored);
}

Status Search::score_place(std::int32_t place, Fitted& fitted, Scored& out) const {
  const LabelledRows held = shared_.held_rows(place);
  const LabelledRows train = shared_.train_sample(place);
  TRY(const RawScores scorer,
      RawScores::of(fitted, held.rows() + train.rows(), shared_.options.threads));
  TRY(auto raw, scorer.of_rows(held));
  TRY(const double score, measured(fitted.link(), std::move(raw), held));
  out.fold_scores.push_back(score);
  TRY(auto seen, scorer.of_rows(train));
  fitted.train_means = means(seen, fitted.outputs());
  const auto train_score = measured(fitted.link(), std::move(seen), train);
  if (train_score) out.train_scores.push_back(*train_score);
  return {};
}

Result<Search::Scored> Search::score(const Json& trial, std::vector<Fitted>& models) {
  TRY(models, fit_places(trial));
  Scored out;
  Sum scores;
  Sum train_scores;
  Sum rounds;
  const auto places = shared_.places();
  for (std::size_t i = 0; i < places.size(); ++i) {
    TRY_STATUS(score_place(places[i], models[i], out));
    rounds.add(models[i].rounds);
  }
  for (const double each : out.fold_scores) scores.add(each);
  for (const double each : out.train_scores) train_scores.add(each);
  const auto count = static_cast<double>(places.size());
  out.score = scores.value() / count;
  if (!out.train_scores.empty()) {
    out.train_score = train_scores.value() / static_cast<double>(out.train_scores.size());
  }
  out.rounds = std::llround(rounds.value() / count);
  return out;
}

FitRequest Search::request_of(const Json& trial) const {
  FitRequest out;
  out.family = candidate_.family;
  out.parameters = trial["parameters"];
  out.seed = trial["seed"].integer();
  out.rounds = shared_.options.rounds;
  out.early_stopping = shared_.options.early_stopping;
  return out;
}

Result<std::vector<Fitted>> Search::fit_places(const Json& trial) {
  std::vector<Fitted> out;
  for (const std::int32_t place : shared_.places()) {
    if (shared_.cancelled()) return fail(Code::kCancelled, "run.cancelled", "stopped");
    const LabelledRows train = shared_.train_rows(place);
    const LabelledRows held = shared_.held_rows(place);
    TRY(Fitted fitted, fitter_.fit(request_of(trial), place_word(place), train, &held,
                                   observer(trial["trial"].integer())));
    if (shared_.cancelled()) return fail(Code::kCancelled, "run.cancelled", "stopped");
    out.push_back(std::move(fitted));
  }
  return out;
}

Fitter::Observe Search::observer(std::int64_t number) const {
  return [this, number](const lightgbm::Progress& progress) {
    const RunContext& context = shared_.context;
    if (progress.round % kRoundsBetweenWords == 0 && context.progress) {
      context.progress(format("{} trial {} of {}, round {}: {:.6g}", candidate_.name, number + 1,
                              trial_count(), progress.round, progress.validation));
    }
    return !shared_.cancelled();
  };
}

void Search::tell(std::int64_t number, const Searched& so_far) {
  if (!shared_.context.progress || so_far.best < 0) return;
  shared_.context.progress(format("{} trial {} of {}: best {} {:.6g}", candidate_.name, number + 1,
                                  trial_count(), shared_.options.metric,
                                  so_far.best_trial()["score"].number()));
}

}  // namespace kingpost::steps::train
