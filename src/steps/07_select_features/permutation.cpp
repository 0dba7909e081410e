// SPDX-License-Identifier: Apache-2.0
// Seeds are fixed: the same rows give the same ranks.
#include "steps/07_select_features/permutation.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/random.h"
#include "base/text.h"
#include "steps/fitting.h"
#include "steps/metrics.h"

namespace kingpost::steps::select_features {
namespace {

constexpr std::int64_t kSample = 20000;
constexpr std::int64_t kFewest = 40;
constexpr std::int64_t kRepeats = 3;
constexpr std::int64_t kSeed = 13;
constexpr std::int32_t kRounds = 100;
// Threads cost more than they bring; the trees are the same.
constexpr std::int64_t kFewValues = 20'000;

struct Feature {
  std::string name;
  /// Places among the columns.
  std::vector<std::size_t> columns;
};

class Quick {
 public:
  Quick(const Matrices& matrices, std::int32_t fold, const std::vector<std::int64_t>& columns,
        const std::string& metric)
      : target_(matrices.target()), metric_(metric) {
    std::vector<std::int64_t> train;
    std::vector<std::int64_t> held;
    const auto sample = evenly(matrices.fitted(fold), kSample);
    for (std::size_t i = 0; i < sample.size(); ++i) {
      (i % 4 == 3 ? held : train).push_back(sample[i]);
    }
    train_ = matrices.rows(fold, std::move(train), columns);
    held_ = matrices.rows(fold, std::move(held), columns);
    train_.weights_single.clear();
    for (std::size_t i = 0; i < columns.size(); ++i) {
      const auto& column = matrices.features(fold).columns[static_cast<std::size_t>(columns[i])];
      const auto known = std::find_if(features_.begin(), features_.end(), [&](const Feature& each) {
        return each.name == column.feature;
      });
      if (known == features_.end()) {
        features_.push_back({column.feature, {i}});
      } else {
        known->columns.push_back(i);
      }
    }
  }

  Result<std::vector<Importance>> run() {
    if (train_.rows() + held_.rows() < kFewest) {
      return fail(Code::kDataRejected, "metrics.undefined",
                  "importances want {} train rows, and there are {}", kFewest,
                  train_.rows() + held_.rows());
    }
    lightgbm::Settings settings = boosting_settings(target_, metric_);
    settings.rounds = kRounds;
    settings.seed = kSeed;
    if (std::ssize(train_.values) < kFewValues) settings.threads = 1;
    settings.parameters = {{"learning_rate", "0.1"}, {"num_leaves", "31"}};
    TRY(const auto set, lightgbm::TrainingSet::bin(train_.samples(), nullptr, settings));
    TRY(booster_, lightgbm::Booster::train(*set, settings));
    link_ = link_of(target_);
    TRY(base_, measured(held_.values));
    std::vector<Importance> out;
    for (std::size_t i = 0; i < features_.size(); ++i) {
      TRY(Importance each, importance(i));
      out.push_back(std::move(each));
    }
    std::sort(out.begin(), out.end(), [](const Importance& a, const Importance& b) {
      return a.value != b.value ? a.value > b.value : a.feature < b.feature;
    });
    return out;
  }

 private:
  static records::Link link_of(const records::Target& target) {
    if (target.task == records::Task::kNumber) return records::Link::kIdentity;
    return target.task == records::Task::kBinary ? records::Link::kSigmoid
                                                 : records::Link::kSoftmax;
  }

  Result<double> measured(const std::vector<float>& values) const {
    TRY(auto raw, booster_->raw_scores(values.data(), held_.rows(), held_.columns));
    const std::vector<double> scores = linked(link_, std::move(raw), outputs_of(target_));
    ScoredRows rows;
    rows.task = target_.task;
    rows.outputs = outputs_of(target_);
    rows.labels = held_.labels;
    rows.scores = scores;
    return measure(metric_, rows);
  }

  Result<Importance> importance(std::size_t number) const {
    const bool less = find_metric(metric_)->better == Direction::kLess;
    std::vector<double> losses;
    for (std::int64_t repeat = 0; repeat < kRepeats; ++repeat) {
      TRY(const double value,
          measured(shuffled(number, static_cast<std::int64_t>(number) * kRepeats + repeat)));
      losses.push_back(less ? value - base_ : base_ - value);
    }
    const auto count = static_cast<double>(losses.size());
    const double mean = std::accumulate(losses.begin(), losses.end(), 0.0) / count;
    double spread = 0;
    for (const double loss : losses) spread += (loss - mean) * (loss - mean);
    return Importance{features_[number].name, mean, std::sqrt(spread / count)};
  }

  std::vector<float> shuffled(std::size_t number, std::int64_t stream) const {
    std::vector<std::size_t> order(held_.numbers.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    Random random(kSeed, stream);
    for (std::size_t i = order.size(); i > 1; --i) {
      std::swap(order[i - 1], order[random.below(static_cast<std::uint32_t>(i))]);
    }
    std::vector<float> out = held_.values;
    const auto width = static_cast<std::size_t>(held_.columns);
    for (std::size_t row = 0; row < order.size(); ++row) {
      for (const std::size_t column : features_[number].columns) {
        out[row * width + column] = held_.values[order[row] * width + column];
      }
    }
    return out;
  }

  const records::Target& target_;
  const std::string& metric_;
  LabelledRows train_;
  LabelledRows held_;
  std::vector<Feature> features_;
  std::unique_ptr<lightgbm::Booster> booster_;
  records::Link link_ = records::Link::kIdentity;
  double base_ = 0;
};

}  // namespace

Result<std::vector<Importance>> quick_importances(const Matrices& matrices, std::int32_t fold,
                                                  const std::vector<std::int64_t>& columns,
                                                  const std::string& metric) {
  return Quick(matrices, fold, columns, metric).run();
}

}  // namespace kingpost::steps::select_features
