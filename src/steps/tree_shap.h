// SPDX-License-Identifier: Apache-2.0
// Shapley values of a model's raw score, exact: how much each feature moves the score of a row away
// from the expected one. Their sum and the expected score are the row's score.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "records/trees.h"

namespace kingpost::steps {

/// Path-dependent TreeSHAP (Lundberg, Erion, Lee 2018, https://arxiv.org/abs/1802.03888, algorithm
/// 2): what is not known of a row is taken as the training rows went. As LightGBM's pred_contrib.
class TreeShap {
 public:
  /// Keeps a pointer to the ensemble.
  explicit TreeShap(const records::TreeEnsemble& ensemble);

  /// [outputs][features + 1], the expected score last. `row` is [features].
  std::vector<double> values(const float* row) const;
  const std::vector<double>& expected() const { return expected_; }
  /// Steps of the algorithm for one row, about: the sum over trees of leaves times squared depth.
  std::int64_t work() const { return work_; }

 private:
  const records::TreeEnsemble* ensemble_;
  std::vector<double> expected_;
  std::int64_t work_ = 0;
};

/// The same of a linear model, where features count as independent: weight * (value - mean). The
/// mean of a categorical feature is that of its codes' weights over `rows` rows [rows, features],
/// row-major; a numeric one's that of its values.
class LinearShap {
 public:
  /// Keeps a pointer to the model.
  LinearShap(const records::LinearModel& model, const float* rows, std::int64_t count);
  /// With means that were taken before. Requires: [outputs][features] of them.
  LinearShap(const records::LinearModel& model, std::vector<double> means);
  /// As TreeShap's.
  std::vector<double> values(const float* row) const;
  /// What each feature adds to each score on average, [outputs][features].
  const std::vector<double>& means() const { return means_; }

 private:
  double part(std::size_t output, std::size_t feature, const float* row) const;
  const records::LinearModel* model_;
  /// Of each feature the weights by code, or null.
  std::vector<const records::LinearModel::CategoryWeights*> category_;
  std::vector<double> means_;
};

}  // namespace kingpost::steps
