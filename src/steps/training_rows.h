// SPDX-License-Identifier: Apache-2.0
// Rows of the matrices that step 6 left, as training libraries take them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/npy.h"
#include "records/features.h"
#include "records/samples.h"
#include "steps/step.h"

namespace kingpost::steps {

/// The matrix that is fitted on all train rows; folds are numbered from 0.
inline constexpr std::int32_t kNoFold = -1;

/// Some rows and some columns of a matrix, copied.
struct LabelledRows {
  /// Row numbers in the training set.
  std::vector<std::int64_t> numbers;
  std::int32_t columns = 0;
  /// [rows, columns], row-major.
  std::vector<float> values;
  std::vector<double> labels;
  /// Empty where rows weigh the same.
  std::vector<double> weights;
  std::vector<float> labels_single;
  std::vector<float> weights_single;
  std::vector<std::int32_t> categorical;
  std::vector<std::string> names;

  std::int64_t rows() const { return static_cast<std::int64_t>(numbers.size()); }
  /// Points into this.
  records::Samples samples() const;
};

class Matrices {
 public:
  /// `weight` names a column of the table `training`, or is empty. Fails with
  /// `train.weight_invalid` where a weight is null, negative or infinite.
  static Result<Matrices> open(const RunContext& context, const std::string& weight);

  /// 0 without a k-fold split.
  std::int32_t folds() const { return static_cast<std::int32_t>(folded_.size()); }
  const records::FeatureSet& features(std::int32_t fold = kNoFold) const {
    return part(fold).features;
  }
  const records::Target& target() const { return all_->features.target; }
  /// What step 6 fitted, by feature.
  const Json& fits(std::int32_t fold = kNoFold) const { return part(fold).fits; }
  bool weighted() const { return !weights_.empty(); }

  // Row numbers, ascending.
  std::vector<std::int64_t> train() const { return of_side(0); }
  std::vector<std::int64_t> validation() const { return of_side(1); }
  /// Train rows that the fold's matrix is fitted on: all, or those outside of the fold.
  std::vector<std::int64_t> fitted(std::int32_t fold) const;
  /// Train rows in the fold. Requires: it is one.
  std::vector<std::int64_t> held(std::int32_t fold) const;

  LabelledRows rows(std::int32_t fold, std::vector<std::int64_t> numbers,
                    const std::vector<std::int64_t>& columns) const;
  /// One column of the given rows.
  std::vector<float> column(std::int32_t fold, const std::vector<std::int64_t>& numbers,
                            std::int64_t column) const;

 private:
  struct Part {
    records::FeatureSet features;
    Json fits;
    Npy matrix;
  };
  Matrices() = default;
  const Part& part(std::int32_t fold) const {
    return fold == kNoFold ? *all_ : folded_[static_cast<std::size_t>(fold)];
  }
  static Result<Part> open_part(const RunContext& context, const std::string& infix);
  Status read_weights(const RunContext& context, const std::string& weight);
  std::vector<std::int64_t> of_side(std::uint8_t side) const;

  std::optional<Part> all_;
  std::vector<Part> folded_;
  std::optional<Npy> labels_;
  std::optional<Npy> sides_;
  std::optional<Npy> fold_of_;
  std::vector<double> weights_;
};

}  // namespace kingpost::steps
