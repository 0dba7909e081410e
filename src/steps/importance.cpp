// SPDX-License-Identifier: Apache-2.0
// Features are shuffled in the matrix, so the featurizer runs no second time.
#include "steps/importance.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <optional>

#include "base/parallel.h"
#include "base/random.h"

namespace kingpost::steps {
namespace {

class Shuffler {
 public:
  Shuffler(const TrainedModels& trained, const TrainedModel& model, const Shuffling& shuffling)
      : trained_(trained), facts_(model), shuffling_(shuffling) {}

  Status load(const RunContext& context, const SideRows& side) {
    TRY(model_, bare_model(context, facts_.name));
    std::vector<std::int64_t> places(side.numbers.size());
    std::iota(places.begin(), places.end(), std::int64_t{0});
    std::vector<std::int64_t> numbers;
    for (const std::int64_t place : evenly(places, shuffling_.rows)) {
      numbers.push_back(side.numbers[static_cast<std::size_t>(place)]);
      sample_.labels.push_back(side.labels[static_cast<std::size_t>(place)]);
      if (side.weights.empty()) continue;
      sample_.weights.push_back(side.weights[static_cast<std::size_t>(place)]);
    }
    TRY(matrix_, matrix_rows(context, trained_, numbers));
    TRY(base_, measured(matrix_));
    return {};
  }

  // Column places among the kept ones, by the feature they belong to.
  std::vector<std::pair<std::string, std::vector<std::size_t>>> groups() const {
    std::vector<std::pair<std::string, std::vector<std::size_t>>> out;
    for (std::size_t i = 0; i < trained_.kept.size(); ++i) {
      const auto& column = trained_.features.columns[static_cast<std::size_t>(trained_.kept[i])];
      const auto same = std::find_if(
          out.begin(), out.end(), [&](const auto& each) { return each.first == column.feature; });
      if (same != out.end()) {
        same->second.push_back(i);
      } else {
        out.push_back({column.feature, {i}});
      }
    }
    return out;
  }

  Result<Importance> of(const std::string& feature, const std::vector<std::size_t>& columns,
                        std::int64_t stream) const {
    std::vector<double> drops;
    for (std::int64_t repeat = 0; repeat < shuffling_.repeats; ++repeat) {
      TRY(const double value, measured(shuffled(columns, stream * 1000 + repeat)));
      const bool less = find_metric(shuffling_.metric)->better == Direction::kLess;
      drops.push_back(less ? value - base_ : base_ - value);
    }
    const auto count = static_cast<double>(drops.size());
    const double mean = std::accumulate(drops.begin(), drops.end(), 0.0) / count;
    double spread = 0;
    for (const double drop : drops) spread += (drop - mean) * (drop - mean);
    return Importance{feature, mean, std::sqrt(spread / count)};
  }

 private:
  Result<double> measured(const records::Tensor& rows) const {
    TRY(const auto answers, onnx::run_rows(*model_, rows.floats(), rows.shape.back()));
    TRY(const auto scores, scores_of(trained_, *model_, answers));
    return measure(shuffling_.metric, scored(trained_, sample_, scores, facts_.threshold));
  }

  records::Tensor shuffled(const std::vector<std::size_t>& columns, std::int64_t stream) const {
    records::Tensor out = matrix_;
    const std::vector<float>& from = matrix_.floats();
    std::vector<float>& to = std::get<std::vector<float>>(out.data);
    std::vector<std::size_t> order(sample_.labels.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    Random random(shuffling_.seed, stream);
    for (std::size_t i = order.size(); i > 1; --i) {
      std::swap(order[i - 1], order[random.below(static_cast<std::uint32_t>(i))]);
    }
    const std::size_t width = trained_.kept.size();
    for (std::size_t row = 0; row < order.size(); ++row) {
      for (const std::size_t column : columns) {
        to[row * width + column] = from[order[row] * width + column];
      }
    }
    return out;
  }

  const TrainedModels& trained_;
  const TrainedModel& facts_;
  const Shuffling& shuffling_;
  std::unique_ptr<onnx::Model> model_;
  records::Tensor matrix_;
  SideRows sample_;
  double base_ = 0;
};

}  // namespace

Result<std::vector<Importance>> importances(const RunContext& context, const TrainedModels& trained,
                                            const TrainedModel& model, const SideRows& side,
                                            const Shuffling& shuffling) {
  Shuffler shuffler(trained, model, shuffling);
  TRY_STATUS(shuffler.load(context, side));
  const auto groups = shuffler.groups();
  std::vector<std::optional<Result<Importance>>> found(groups.size());
  parallel(groups.size(), shuffling.threads, [&](std::size_t i) {
    found[i] = shuffler.of(groups[i].first, groups[i].second, static_cast<std::int64_t>(i));
  });
  std::vector<Importance> out;
  for (auto& each : found) {
    TRY(Importance importance, std::move(*each));
    out.push_back(std::move(importance));
  }
  std::sort(out.begin(), out.end(), [](const Importance& a, const Importance& b) {
    return a.value != b.value ? a.value > b.value : a.feature < b.feature;
  });
  return out;
}

double largest_share(const std::vector<Importance>& importances) {
  double sum = 0;
  double largest = 0;
  for (const Importance& each : importances) {
    sum += std::max(0.0, each.value);
    largest = std::max(largest, each.value);
  }
  return sum > 0 ? largest / sum : 0;
}

}  // namespace kingpost::steps
