// SPDX-License-Identifier: Apache-2.0
// A step harness in which steps 5 and 6 seem to have run: a matrix made by hand, and its rows.
#pragma once

#include <string>
#include <vector>

#include "records/features.h"
#include "support/step_harness.h"

namespace kingpost::test {

class MatrixProject : public StepHarness {
 public:
  explicit MatrixProject(records::Target target);

  /// A column of the matrix, which is its own feature. With levels it holds codes.
  void column(const std::string& name, std::vector<float> values,
              std::vector<std::string> levels = {});
  records::FeatureColumn& last_column() { return features.columns.back(); }
  /// Rows of train without a value for a feature, as step 6 counted them.
  void nulls(const std::string& feature, std::int64_t count);
  /// Seals features.json, matrix.npy, labels.npy, sides.npy and, with folds, those of each fold,
  /// for which the matrix is the same.
  void seal(std::vector<double> labels, std::vector<std::uint8_t> sides,
            std::vector<std::int32_t> folds = {});
  /// selection.json with all columns, for steps behind 7.
  void keep_all();
  /// candidates.json of this text: [{name: ..., family: ..., space: {...}}].
  void candidates(const std::string& json);

  void add_array(const std::string& name, NpyType type, const void* values,
                 const std::vector<std::int64_t>& shape);
  Json file_json(const records::Dataset& dataset, const std::string& name) const;
  std::string file_bytes(const records::Dataset& dataset, const std::string& name) const;
  /// The digests of all files, by name.
  static std::string digests(const records::Dataset& dataset);

  records::FeatureSet features;

 private:
  std::vector<std::vector<float>> columns_;
  Json fits_ = Json::array();
  std::int32_t folds_ = 0;
};

/// As much of the section `curate` as steps behind 6 read: {target: {name: y, type: binary}}.
const Field& curate_field();

/// Numbers from -1 to 1 that are the same in every run; `stream` tells them apart.
std::vector<float> noise(std::int64_t stream, std::size_t rows);

/// In turn four of train, one of validation, one of test.
std::vector<std::uint8_t> turns(std::size_t rows);

}  // namespace kingpost::test
