// SPDX-License-Identifier: Apache-2.0
// The loop over rounds. Early stopping is ours, so that what is kept does not depend on the
// library.
#include "engines/lightgbm/training.h"

#include <limits>

#include "engines/lightgbm/settings.h"

namespace kingpost::lightgbm {
namespace {

constexpr int kTrainSet = 0;
constexpr int kValidationSet = 1;
constexpr std::int64_t kTextRoom = 4'194'304;

Result<std::string> text_of(const Library& library, void* booster, std::int32_t rounds) {
  std::string text;
  std::int64_t size = kTextRoom;
  // Each call makes all of the text and tells its size, which counts the closing zero byte; where
  // there is room for it, the first call is enough.
  while (std::ssize(text) < size) {
    text.resize(static_cast<std::size_t>(size));
    TRY_STATUS(
        library.done(library.to_text(booster, 0, rounds, 0, std::ssize(text), &size, text.data()),
                     "writing the model"));
  }
  text.resize(static_cast<std::size_t>(size - 1));
  text.shrink_to_fit();
  return text;
}

}  // namespace

Training::Training(const Library& library, const Settings& settings, const Observe& observe)
    : library_(library),
      settings_(settings),
      observe_(observe),
      more_is_better_(more_is_better(metric_of(settings))),
      booster_(nullptr, library.free_booster) {}

Result<double> Training::evaluate(int set) const {
  int count = 0;
  TRY_STATUS(library_.done(library_.metric_count(booster_.get(), &count), "counting metrics"));
  std::vector<double> values(static_cast<std::size_t>(count));
  TRY_STATUS(library_.done(library_.evaluate(booster_.get(), set, &count, values.data()),
                           "computing the metric"));
  if (values.size() == 1) return values[0];
  return fail(Code::kInternal, "lightgbm.failed", "LightGBM computed {} metrics", values.size());
}

Status Training::grow() {
  int finished = 0;
  int rounds = 0;
  TRY_STATUS(library_.done(library_.grow(booster_.get(), &finished), "growing a tree"));
  TRY_STATUS(library_.done(library_.round_count(booster_.get(), &rounds), "counting rounds"));
  finished_ = finished != 0;
  grown_ = rounds > round_;
  round_ = rounds;
  return {};
}

Result<Progress> Training::look(bool has_validation) const {
  constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
  Progress progress{round_, kNone, kNone};
  const std::int32_t every = settings_.train_metric_every;
  if (every > 0 && round_ % every == 0) {
    TRY(progress.train, evaluate(kTrainSet));
  }
  if (has_validation) {
    TRY(progress.validation, evaluate(kValidationSet));
  }
  return progress;
}

bool Training::judge(const Progress& progress, bool has_validation) {
  const double now = progress.validation;
  const bool stops_early = has_validation && settings_.early_stopping > 0;
  const bool is_better = more_is_better_ ? now > best_ : now < best_;
  if (!stops_early || best_round_ == 0 || is_better) {
    best_ = now;
    best_round_ = round_;
  }
  const bool goes_on = !observe_ || observe_(progress);
  return !goes_on || finished_ || (stops_early && round_ - best_round_ >= settings_.early_stopping);
}

Result<Trained> Training::run(void* train, void* validation) {
  const bool has_validation = validation != nullptr;
  void* raw = nullptr;
  TRY_STATUS(library_.done(library_.create(train, training_parameters(settings_).c_str(), &raw),
                           "starting to train"));
  booster_.reset(raw);
  if (has_validation) {
    TRY_STATUS(library_.done(library_.add_validation(raw, validation), "taking validation rows"));
  }
  bool is_last = false;
  while (!is_last && round_ < settings_.rounds) {
    TRY_STATUS(grow());
    if (!grown_) break;
    TRY(const Progress progress, look(has_validation));
    is_last = judge(progress, has_validation);
  }
  Trained out;
  TRY(out.text, text_of(library_, raw, best_round_));
  out.rounds = best_round_;
  out.validation = has_validation ? best_ : std::numeric_limits<double>::quiet_NaN();
  return out;
}

}  // namespace kingpost::lightgbm
