// SPDX-License-Identifier: Apache-2.0
// The order matters: nothing is fitted on validation rows after the refit has seen them.
#include "steps/10_train/finish.h"

#include <algorithm>

#include "base/text.h"
#include "steps/fitting.h"
#include "steps/trained_models.h"

namespace kingpost::steps::train {
namespace {

Result<records::File> seal_doubles(RunContext& context, std::string name,
                                   const std::vector<double>& values, std::int64_t outputs) {
  const std::string path = context.objects.temp_path(".npy");
  const auto rows = static_cast<std::int64_t>(values.size()) / outputs;
  TRY(auto writer, NpyWriter::create(path, NpyType::kFloat64, {rows, outputs}));
  TRY_STATUS(writer->write(0, values.data(), std::ssize(values)));
  TRY_STATUS(writer->finish());
  return seal_file(context, std::move(name), path);
}

// LightGBM notes the number of threads beside the trees, which do not depend on it.
std::string without_threads(std::string text) {
  constexpr std::string_view kKey = "\n[num_threads: ";
  const std::size_t at = text.find(kKey);
  const std::size_t from = at + kKey.size();
  const std::size_t to = at == std::string::npos ? at : text.find(']', from);
  if (to != std::string::npos) text.replace(from, to - from, "0");
  return text;
}

Json one_or_list(const std::vector<double>& values) {
  if (values.size() == 1) return values[0];
  Json out = Json::array();
  for (const double each : values) out.push(each);
  return out;
}

class Finish {
 public:
  Finish(const SearchContext& shared, Search& search, Searched searched, records::Dataset& out)
      : shared_(shared),
        search_(search),
        searched_(std::move(searched)),
        out_(out),
        target_(shared.matrices.target()),
        outputs_(outputs_of(target_)),
        name_(searched_.candidate.name) {}

  Result<Json> run() {
    if (searched_.models.empty()) {
      TRY(searched_.models, search_.fit_places(searched_.best_trial()));
    }
    TRY_STATUS(look_at_held_rows());
    TRY_STATUS(keep_scores());
    TRY(const Fitted last, last_model());
    return write(last);
  }

 private:
  // Labels, weights and scores of rows that the models have not seen, in the order of the rows.
  struct Held {
    std::vector<double> labels;
    std::vector<double> weights;
    std::vector<double> scores;
  };

  std::int32_t columns_of(std::int32_t place) const {
    return static_cast<std::int32_t>(shared_.kept.at(place).size());
  }

  /// One output of the graph that `make` makes of each place's model.
  template <typename Make>
  Result<Held> held_out(std::string_view output, const Make& make) const {
    struct Row {
      std::int64_t number;
      double label;
      double weight;
      std::size_t from;
    };
    std::vector<Row> rows;
    std::vector<double> scores;
    const auto places = shared_.places();
    for (std::size_t i = 0; i < places.size(); ++i) {
      const LabelledRows held = shared_.held_rows(places[i]);
      const onnx::Graph graph = make(searched_.models[i], columns_of(places[i]));
      TRY(const auto made, answers(graph, output, held, shared_.options.threads));
      for (std::size_t r = 0; r < held.numbers.size(); ++r) {
        const double weight = held.weights.empty() ? 1.0 : held.weights[r];
        rows.push_back({held.numbers[r], held.labels[r], weight, scores.size()});
        const auto begin = made.begin() + static_cast<std::ptrdiff_t>(r) * outputs_;
        scores.insert(scores.end(), begin, begin + outputs_);
      }
    }
    std::sort(rows.begin(), rows.end(),
              [](const Row& a, const Row& b) { return a.number < b.number; });
    Held out;
    for (const Row& row : rows) {
      out.labels.push_back(row.label);
      if (shared_.matrices.weighted()) out.weights.push_back(row.weight);
      const auto begin = scores.begin() + static_cast<std::ptrdiff_t>(row.from);
      out.scores.insert(out.scores.end(), begin, begin + outputs_);
    }
    return out;
  }

  Result<Held> held_answers() const {
    return held_out(scores_name(target_), [&](const Fitted& fitted, std::int32_t columns) {
      return answer_graph(fitted, columns, target_, calibration_, threshold_);
    });
  }

  Status look_at_held_rows() {
    const Options& options = shared_.options;
    threshold_ = static_cast<double>(static_cast<float>(options.threshold));
    if (target_.task == records::Task::kBinary && options.calibrate != Calibrate::kNone) {
      TRY(const Held raw, held_out("raw", [](const Fitted& fitted, std::int32_t columns) {
            return raw_graph(fitted, columns);
          }));
      TRY(calibration_, calibrate(options.calibrate, {raw.scores, raw.labels, raw.weights}));
    }
    TRY(held_, held_answers());
    if (target_.task == records::Task::kBinary && options.threshold_by != ThresholdBy::kFixed) {
      threshold_ =
          best_threshold(options.threshold_by, {held_.scores, held_.labels, held_.weights});
    }
    return {};
  }

  Status keep_scores() {
    const bool folded = shared_.matrices.folds() > 0;
    const std::vector<double> none;
    TRY(auto scores, seal_doubles(shared_.context, format("scores.{}.npy", name_),
                                  folded ? none : held_.scores, outputs_));
    out_.put(std::move(scores));
    if (!folded) return {};
    TRY(auto held,
        seal_doubles(shared_.context, format("held_out.{}.npy", name_), held_.scores, outputs_));
    out_.put(std::move(held));
    return {};
  }

  // With folds the model of all train rows; else that of the trial, or one of train and validation
  // rows together. Rounds are those that early stopping has found.
  Result<Fitted> last_model() {
    const bool folded = shared_.matrices.folds() > 0;
    if (!folded && !shared_.options.refit) {
      trained_on_ = std::ssize(shared_.matrices.train());
      return searched_.models.front();
    }
    std::vector<std::int64_t> numbers = shared_.matrices.train();
    if (!folded) {
      const auto validation = shared_.matrices.validation();
      numbers.insert(numbers.end(), validation.begin(), validation.end());
      std::sort(numbers.begin(), numbers.end());
    }
    trained_on_ = std::ssize(numbers);
    const Json& trial = searched_.best_trial();
    FitRequest request;
    request.family = searched_.candidate.family;
    request.parameters = trial["parameters"];
    request.seed = trial["seed"].integer();
    request.rounds =
        static_cast<std::int32_t>(std::max<std::int64_t>(1, trial["rounds"].integer()));
    const auto& kept = shared_.kept.at(kNoFold);
    const LabelledRows rows = shared_.matrices.rows(kNoFold, std::move(numbers), kept);
    search_.fitter().forget();
    TRY(Fitted out, search_.fitter().fit(request, "refit", rows, nullptr,
                                         [&](const lightgbm::Progress& /*progress*/) {
                                           return !shared_.cancelled();
                                         }));
    if (shared_.cancelled()) return fail(Code::kCancelled, "run.cancelled", "stopped");
    return out;
  }

  Result<std::vector<double>> expected(const Fitted& fitted) const {
    if (!fitted.train_means.empty()) return fitted.train_means;
    TRY(const RawScores scorer, RawScores::of(fitted, kTrainSample, shared_.options.threads));
    TRY(const auto raw, scorer.of_rows(shared_.train_sample(kNoFold)));
    return means(raw, outputs_);
  }

  Result<Json> write(const Fitted& last) {
    const onnx::Graph graph =
        answer_graph(last, columns_of(kNoFold), target_, calibration_, threshold_);
    const std::string bytes = graph.bytes();
    TRY(auto file, seal_bytes(shared_.context, format("model.{}.onnx", name_), bytes));
    out_.put(std::move(file));
    Json facts = Json::object();
    facts.set("name", name_).set("family", searched_.candidate.family);
    const Json& trial = searched_.best_trial();
    facts.set("parameters", trial["parameters"]).set("trial", trial["trial"]);
    facts.set("seed", trial["seed"]).set("rounds", std::int64_t{last.rounds});
    facts.set("digest", last.digest).set("native", Json()).set("rows", trained_on_);
    facts.set("refit", shared_.options.refit && shared_.matrices.folds() == 0);
    const Work work = work_of(last);
    facts.set("nodes", work.nodes).set("leaves_visited", work.leaves_visited);
    facts.set("bytes", bytes.size()).set("calibration", to_json(calibration_));
    facts.set("threshold", target_.task == records::Task::kBinary ? Json(threshold_) : Json());
    TRY(const auto base, expected(last));
    facts.set("expected_value", one_or_list(base));
    Json kept = Json::array();
    for (const std::int64_t column : shared_.kept.at(kNoFold)) kept.push(column);
    facts.set("kept", std::move(kept));
    if (const auto* linear = std::get_if<records::LinearModel>(&last.model)) {
      facts.set("linear", to_json(*linear));
    }
    if (last.booster != nullptr) {
      const std::string native = format("model.{}.txt", name_);
      TRY(auto text, seal_bytes(shared_.context, native, without_threads(last.booster->text())));
      out_.put(std::move(text));
      facts.set("native", native);
    }
    TRY(auto json, seal_bytes(shared_.context, format("model.{}.json", name_), facts.canonical()));
    out_.put(std::move(json));
    return facts;
  }

  const SearchContext& shared_;
  Search& search_;
  Searched searched_;
  records::Dataset& out_;
  const records::Target& target_;
  std::int32_t outputs_;
  std::string name_;
  Calibration calibration_;
  double threshold_ = 0.5;
  Held held_;
  std::int64_t trained_on_ = 0;
};

}  // namespace

Result<Json> finish(const SearchContext& shared, Search& search, Searched searched,
                    records::Dataset& out) {
  return Finish(shared, search, std::move(searched), out).run();
}

}  // namespace kingpost::steps::train
