// SPDX-License-Identifier: Apache-2.0
// Metrics of the models over all test rows and in slices, with intervals from samples that all
// models share.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "steps/bootstrap.h"
#include "steps/slices.h"

namespace kingpost::steps::evaluate {

/// The column whose time says which block a row is in: that of `intervals`, of predict_at, or of a
/// split by time; empty where there is none.
std::string block_column(const Node& section, const Node& pipeline);
/// The metric of train first, then those of the file, or the usual ones of the task.
std::vector<std::string> wanted_metrics(const Node& section, const Node& pipeline);

class Measuring {
 public:
  Measuring(RunContext& context, const TrainedModels& trained, std::vector<std::string>& warnings)
      : context_(context), trained_(trained), warnings_(warnings) {}

  /// Reads slices and blocks of the test rows.
  Status begin();
  /// One per model: {"metrics": {METRIC: {"value", "low", "high", "plain"?: {...}} or {"value":
  /// null, "words"}}, "slices": [...]}.
  Result<std::vector<Json>> measured(const std::vector<ScoredRows>& models);
  std::int64_t slice_count() const { return static_cast<std::int64_t>(slices_.slices.size()); }
  std::int64_t left_out() const { return slices_.left_out; }

 private:
  // A metric of a model, over all rows or those of a slice.
  struct Cell {
    std::size_t model = 0;
    std::optional<std::size_t> slice;
    std::string metric;
    std::unique_ptr<Measure> measure;
    std::optional<double> value;
    /// Why there is no value.
    std::string words;
    std::optional<Interval> interval;
    std::optional<Interval> plain;
  };

  Status read_blocks(std::int64_t width);
  Status add_cells(const std::vector<ScoredRows>& models, std::optional<std::size_t> slice);
  void draw(std::int64_t rows);
  Json metric_json(const Cell& cell) const;
  Json slice_json(std::size_t slice) const;

  RunContext& context_;
  const TrainedModels& trained_;
  std::vector<std::string>& warnings_;
  std::vector<std::string> metrics_;
  Slices slices_;
  /// By test row; empty without blocks.
  std::vector<std::int32_t> blocks_;
  std::vector<Cell> cells_;
};

}  // namespace kingpost::steps::evaluate
