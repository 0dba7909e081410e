// SPDX-License-Identifier: Apache-2.0
// What a matrix holds: its columns, the inputs of the graph that makes it, and the target.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "records/schema.h"

namespace kingpost::records {

/// One column of the matrix.
struct FeatureColumn {
  /// "temp", "temp:missing", "carrier=UA"; unique.
  std::string name;
  /// The feature of the pipeline file that it belongs to.
  std::string feature;
  /// Holds whole codes from 0 to levels.size() - 1.
  bool categorical = false;
  /// What each code stands for: "(missing)", "(other)", then the categories.
  std::vector<std::string> levels{};
  /// The column may hold NaN.
  bool may_miss = false;
  /// Training rows see an out-of-fold value, so the matrix differs from what the graph answers.
  bool out_of_fold = false;
};

enum class Task { kNumber, kBinary, kMulticlass };
std::string_view task_word(Task task);

struct Target {
  std::string name;
  Task task = Task::kNumber;
  /// Of a multiclass target, in byte order: the label of a row is the index here. Of a binary one:
  /// "false", "true".
  std::vector<std::string> classes{};
};

struct FeatureSet {
  std::vector<FeatureColumn> columns;
  /// Columns of a curated row that the graph reads, with their types.
  std::vector<Column> inputs;
  Target target;
  /// Equal to the last bit whatever the batch; else equal to 1e-6.
  bool exact = true;

  const FeatureColumn* find(std::string_view column) const;
};

Json to_json(const FeatureSet& features);
FeatureSet features_from_json(const Json& json);

}  // namespace kingpost::records
