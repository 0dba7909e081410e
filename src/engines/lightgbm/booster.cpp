// SPDX-License-Identifier: Apache-2.0
// A trained model and the library's own answers, which are the measure for the graph's.
#include <algorithm>
#include <limits>

#include "engines/lightgbm/model_text.h"
#include "engines/lightgbm/settings.h"
#include "engines/lightgbm/training.h"

namespace kingpost::lightgbm {

struct Booster::State {
  const Library* library = nullptr;
  Handle handle;
  std::string text;
  std::int32_t rounds = 0;
  std::int32_t outputs = 1;
  std::int32_t features = 0;
  double validation = std::numeric_limits<double>::quiet_NaN();

  Result<std::vector<double>> predict(const float* values, std::int64_t n, std::int32_t columns,
                                      int kind, std::int64_t width) const;
};

Result<std::vector<double>> Booster::State::predict(const float* values, std::int64_t n,
                                                    std::int32_t columns, int kind,
                                                    std::int64_t width) const {
  if (columns != features || n < 0 || n > std::numeric_limits<std::int32_t>::max()) {
    return fail(Code::kInvalidInput, "lightgbm.data_invalid",
                "the model wants rows of {} columns, not {} of {}", features, n, columns);
  }
  std::vector<double> out(static_cast<std::size_t>(n * width));
  if (n == 0) return out;
  TRY(const Library* open, Library::open());
  std::int64_t size = 0;
  const int answer = open->predict(handle.get(), values, kFloat32, static_cast<std::int32_t>(n),
                                   columns, 1, kind, 0, rounds, "verbosity=-1", &size, out.data());
  TRY_STATUS(open->done(answer, "answering"));
  if (size == static_cast<std::int64_t>(out.size())) return out;
  return fail(Code::kInternal, "lightgbm.failed", "LightGBM gave {} answers, not {}", size,
              out.size());
}

Booster::Booster(std::unique_ptr<State> state) : state_(std::move(state)) {}
Booster::~Booster() = default;

Result<std::unique_ptr<Booster>> Booster::train(const TrainingSet& set, const Settings& settings,
                                                const Observe& observe) {
  TRY_STATUS(check(settings));
  const TrainingSet::State& rows = *set.state_;
  if (bin_key(settings) != rows.bins) {
    return fail(Code::kInvalidInput, "lightgbm.setting_invalid",
                "the rows were put into bins with other settings ({}, not {})", rows.bins,
                bin_key(settings));
  }
  if (settings.early_stopping > 0 && rows.validation == nullptr) {
    return fail(Code::kInvalidInput, "lightgbm.setting_invalid",
                "early stopping wants validation rows");
  }
  TRY(const Library* library, Library::open());
  Training training(*library, settings, observe);
  TRY(Trained trained, training.run(rows.train.get(), rows.validation.get()));
  TRY(auto booster, read(std::move(trained.text)));
  booster->state_->validation = trained.validation;
  return booster;
}

Result<std::unique_ptr<Booster>> Booster::read(std::string text) {
  // The library believes every number of the text, so it sees only what has been checked.
  TRY(const records::TreeEnsemble trees, parse_model(text));
  TRY(const Library* library, Library::open());
  int rounds = 0;
  void* raw = nullptr;
  TRY_STATUS(library->done(library->from_text(text.c_str(), &rounds, &raw), "reading a model"));
  auto state = std::make_unique<State>(
      State{library, Handle(raw, library->free_booster), std::move(text), rounds});
  state->outputs = trees.outputs;
  state->features = trees.features;
  return std::unique_ptr<Booster>(new Booster(std::move(state)));
}

const std::string& Booster::text() const {
  return state_->text;
}

std::int32_t Booster::rounds() const {
  return state_->rounds;
}

double Booster::validation() const {
  return state_->validation;
}

std::int32_t Booster::outputs() const {
  return state_->outputs;
}

std::int32_t Booster::features() const {
  return state_->features;
}

Result<std::vector<double>> Booster::raw_scores(const float* rows, std::int64_t n,
                                                std::int32_t columns) const {
  return state_->predict(rows, n, columns, kRawScores, state_->outputs);
}

Result<std::vector<std::int32_t>> Booster::leaves(const float* rows, std::int64_t n,
                                                  std::int32_t columns) const {
  const std::int64_t trees = std::int64_t{state_->rounds} * state_->outputs;
  TRY(const auto found, state_->predict(rows, n, columns, kLeafIndices, trees));
  std::vector<std::int32_t> out(found.size());
  std::transform(found.begin(), found.end(), out.begin(),
                 [](double leaf) { return static_cast<std::int32_t>(leaf); });
  return out;
}

Result<std::vector<double>> Booster::contributions(const float* rows, std::int64_t n,
                                                   std::int32_t columns) const {
  const std::int64_t width = std::int64_t{state_->outputs} * (state_->features + 1);
  return state_->predict(rows, n, columns, kContributions, width);
}

Result<std::vector<double>> Booster::gains() const {
  std::vector<double> out(static_cast<std::size_t>(state_->features));
  TRY(const Library* open, Library::open());
  TRY_STATUS(
      open->done(open->importance(state_->handle.get(), 0, kGain, out.data()), "adding up gains"));
  return out;
}

}  // namespace kingpost::lightgbm
