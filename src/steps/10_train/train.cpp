// SPDX-License-Identifier: Apache-2.0
// The recipe: what can be trained and compared, the search of each candidate, its model.
#include "steps/10_train/train.h"

#include "base/digest.h"
#include "base/text.h"
#include "steps/10_train/finish.h"

namespace kingpost::steps::train {
namespace {

std::vector<std::int64_t> columns_of(const Json& selection) {
  std::vector<std::int64_t> out;
  for (const Json& column : selection["columns"].items()) out.push_back(column.integer());
  return out;
}

class Training {
 public:
  Training(RunContext& context, Options options, Matrices matrices)
      : context_(context), options_(std::move(options)), matrices_(std::move(matrices)) {}

  Result<Outcome> run() {
    TRY_STATUS(read_kept());
    TRY_STATUS(refuse());
    TRY(const Json json, json_of(context_, "candidates.json"));
    outcome_.output = context_.input;
    for (const Json& each : json["candidates"].items()) TRY_STATUS(train(candidate_of(each), each));
    if (models_.items().empty()) return no_model();
    return leave();
  }

 private:
  static Candidate candidate_of(const Json& json) {
    return {json["name"].text(), json["family"].text(), json["space"], json["trials"].integer()};
  }

  Status read_kept() {
    TRY(const Json selection, json_of(context_, "selection.json"));
    kept_[kNoFold] = columns_of(selection);
    for (std::int32_t fold = 0; fold < matrices_.folds(); ++fold) {
      kept_[fold] = columns_of(selection["folds"][format("{}", fold)]);
    }
    return {};
  }

  Status refuse() const {
    if (matrices_.train().empty()) {
      return fail(Code::kDataRejected, "train.no_rows", "there is no row to train on");
    }
    if (matrices_.folds() == 0 && matrices_.validation().empty()) {
      return fail(Code::kDataRejected, "train.no_validation",
                  "there are no validation rows to compare trials on")
          .hint("give curate.split a share of validation, or split: {type: kfold}");
    }
    return refuse_memory();
  }

  // The matrix is copied twice at most, its bins take up to two bytes a value, and boosting keeps
  // gradients and scores of each output.
  Status refuse_memory() const {
    if (options_.memory <= 0) return {};
    const auto rows =
        static_cast<std::int64_t>(matrices_.train().size() + matrices_.validation().size());
    const auto columns = std::ssize(kept_.at(kNoFold));
    const auto outputs = std::max<std::int64_t>(1, std::ssize(matrices_.target().classes));
    const std::int64_t places = std::max(1, matrices_.folds());
    const std::int64_t needed = rows * columns * (8 + 2 * places) + rows * outputs * 24;
    if (needed <= options_.memory) return {};
    return fail(Code::kExhausted, "train.memory_exceeded",
                "training on {} rows of {} columns needs about {}, and memory is {}", grouped(rows),
                columns, human_bytes(needed), human_bytes(options_.memory))
        .hint("raise train.memory, keep fewer columns, or ingest a sample");
  }

  // Digest of all that the candidate's trials depend on. Threads and memory change no model, and
  // the number of trials none of the trials.
  Result<std::string> key_of(const Json& candidate) const {
    Json parts = Json::object();
    Json own = candidate;
    own.set("trials", Json()).set("why", Json());
    parts.set("version", kVersion).set("candidate", std::move(own)).set("metric", options_.metric);
    parts.set("seed", options_.seed).set("rounds", std::int64_t{options_.rounds});
    parts.set("early_stopping", std::int64_t{options_.early_stopping});
    parts.set("weight", options_.weight);
    Json inputs = Json::object();
    for (const records::File& file : context_.input.files) {
      if (file.name != "candidates.json") inputs.set(file.name, file.digest);
    }
    if (!options_.weight.empty()) inputs.set("", context_.input.find("training")->digest);
    return sha256_of(parts.set("inputs", std::move(inputs)).canonical());
  }

  Status train(const Candidate& candidate, const Json& json) {
    TRY(const std::string key, key_of(json));
    Checkpoint checkpoint(context_.objects.folder(), key);
    const SearchContext shared{context_, options_, matrices_, kept_};
    Search search(shared, candidate);
    TRY(Searched searched, search.run(checkpoint));
    outcome_.scratch.push_back(checkpoint.folder());
    for (const Json& trial : searched.trials) trials_.push(trial);
    count_ += std::ssize(searched.trials);
    if (searched.best < 0) {
      lost_.push_back(searched.trials.front()["words"].text());
      outcome_.warnings.push_back(
          format("\"{}\" could not be trained: {}", candidate.name, lost_.back()));
      return {};
    }
    best_.set(candidate.name, searched.best_trial()["trial"]);
    note_rounds(candidate, searched.best_trial());
    const Json trial = searched.best_trial();
    TRY(const Json facts, finish(shared, search, std::move(searched), outcome_.output));
    report(trial, facts);
    return {};
  }

  void note_rounds(const Candidate& candidate, const Json& trial) {
    if (candidate.family != "lightgbm" || options_.early_stopping == 0) return;
    if (trial["rounds"].integer() < options_.rounds) return;
    outcome_.warnings.push_back(
        format("\"{}\" was still getting better after {} rounds: raise train.rounds",
               candidate.name, options_.rounds));
  }

  void report(const Json& trial, const Json& facts) {
    Json out = Json::object();
    for (const char* key : {"name", "family", "parameters", "rounds", "trial", "refit", "nodes",
                            "leaves_visited", "bytes", "calibration", "threshold", "digest"}) {
      out.set(key, facts[key]);
    }
    out.set("score", trial["score"]).set("train_score", trial["train_score"]);
    models_.push(std::move(out));
  }

  Error no_model() const {
    Error error = fail(Code::kDataRejected, "train.no_model", "no candidate could be trained");
    for (const std::string& each : lost_) error = std::move(error).detail(each);
    return error;
  }

  Result<Outcome> leave() {
    const Metric* metric = find_metric(options_.metric);
    Json json = Json::object();
    json.set("metric", options_.metric).set("direction", direction_word(metric->better));
    json.set("trials", trials_).set("best", best_);
    TRY(auto file, seal_bytes(context_, "trials.json", json.canonical()));
    outcome_.output.put(std::move(file));
    outcome_.report.set("metric", options_.metric).set("direction", direction_word(metric->better));
    outcome_.report.set("models", models_).set("trials", std::move(trials_));
    outcome_.counts = {{"trials", count_}, {"models", std::ssize(models_.items())}};
    return std::move(outcome_);
  }

  RunContext& context_;
  const Options options_;
  const Matrices matrices_;
  Kept kept_;
  Outcome outcome_;
  Json trials_ = Json::array();
  Json best_ = Json::object();
  Json models_ = Json::array();
  std::vector<std::string> lost_;
  std::int64_t count_ = 0;
};

}  // namespace

Result<Outcome> run(RunContext& context) {
  TRY(const Json json, json_of(context, "features.json"));
  const auto features = records::features_from_json(json["features"]);
  Options options = options_of(context.section, features.target.task);
  TRY(Matrices matrices, Matrices::open(context, options.weight));
  return Training(context, std::move(options), std::move(matrices)).run();
}

}  // namespace kingpost::steps::train
