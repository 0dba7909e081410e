// SPDX-License-Identifier: Apache-2.0
// What is learnt from the training rows of a fold, and from no other row: fills, scales,
// categories and their encodings. Counts of categories come from the engine; sums of numbers are
// made here in the order of the rows, so that they do not depend on threads.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "engines/sql/session.h"
#include "records/features.h"
#include "steps/06_extract_features/treatments.h"

namespace kingpost::steps::extract_features {

struct NumberFit {
  std::int64_t values = 0;
  std::int64_t nulls = 0;
  double least = 0;
  double most = 0;
  double fill = 0;
  double center = 0;
  double scale = 1;
};

struct Level {
  /// The category as text; of whole numbers and booleans also as a number.
  std::string text;
  std::int64_t number = 0;
  std::int64_t rows = 0;
};

/// Codes of a category: 0 missing, 1 other, then the levels by falling number of rows.
struct CategoryFit {
  std::vector<Level> levels;
  std::int64_t nulls = 0;
  /// Rows and categories that are grouped as other.
  std::int64_t other_rows = 0;
  std::int64_t other_levels = 0;
  /// Whole numbers or booleans.
  bool is_number = false;
  /// By code, one value per output of the encoding: [codes][outputs]. Of target, frequency and
  /// ordinal encodings.
  std::vector<std::vector<double>> encoded;
  /// Of a target encoding: the same without the rows of each inner fold: [folds][codes][outputs].
  std::vector<std::vector<std::vector<double>>> held_out;
  /// Of a target encoding: the code of each row that was fitted on, in order.
  std::vector<std::int32_t> codes;
};

struct Fit {
  NumberFit number;
  CategoryFit category;
};

/// The rows to fit on.
struct FitRows {
  /// FROM item of the table `training` with file_row_number.
  std::string from;
  /// Condition on its rows.
  std::string where;
  /// At least as many as there are.
  std::int64_t most = 0;
  /// 0: as many as the machine has. The fits do not depend on it.
  int threads = 0;
};

/// Fits of `features`, in their order; a suggested category that nearly every row has for itself is
/// taken out of `features` and added to `left_out`. `label` is SQL for the label as a number.
/// Errors: `extract_features.fit_failed` with the expression's place,
/// `extract_features.no_value` where every training row lacks one,
/// `extract_features.infinite` where a mean is wanted of infinite values.
Result<std::vector<Fit>> fit_features(sql::Session& session, const FitRows& rows,
                                      const records::Target& target, const std::string& label,
                                      std::vector<Treatment>& features,
                                      std::vector<LeftOut>& left_out);

/// The inner fold of a training row in which its target encoding is out of fold.
constexpr int kInnerFolds = 5;
int inner_fold(std::int64_t row);

/// Fitted values for people and later steps.
Json fit_json(const Treatment& feature, const Fit& fit);

}  // namespace kingpost::steps::extract_features
