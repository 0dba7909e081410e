// SPDX-License-Identifier: Apache-2.0
// Probabilities of two classes, corrected on rows that the model was not trained on, and the
// threshold from which on a row counts as true.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "records/trees.h"
#include "steps/10_train/options.h"

namespace kingpost::steps::train {

struct Calibration {
  Calibrate kind = Calibrate::kNone;
  /// Of kSigmoid: p = sigmoid(a * raw + b). float32 values.
  float a = 1;
  float b = 0;
  /// Of kIsotonic: p as a step function of the raw score, one tree of one feature.
  records::TreeEnsemble steps;
};

/// Raw scores (float32 values, before the link) and labels of 0 and 1. `weights` may be empty.
struct RawRows {
  std::span<const double> raw{};
  std::span<const double> labels{};
  std::span<const double> weights{};
};

/// Sigmoid: Platt 1999, by the Newton method of Lin, Lin and Weng 2007. Isotonic: pool adjacent
/// violators (Ayer et al. 1955); the steps lie in the middle between scores, and no probability is
/// nearer to 0 or 1 than half a row. Fails with `train.calibration_failed` where the rows have one
/// class.
Result<Calibration> calibrate(Calibrate kind, const RawRows& rows);

/// {"kind": "none"}, {"kind": "sigmoid", "a", "b"}, or {"kind": "isotonic", "thresholds": [...],
/// "values": [...]}: value i up to threshold i, the last value above.
Json to_json(const Calibration& calibration);

/// The probability at which F1, accuracy or Youden's J (sensitivity + specificity - 1) is highest;
/// of several the one nearest to 0.5. A float32 value. `raw` holds probabilities here.
double best_threshold(ThresholdBy by, const RawRows& rows);

}  // namespace kingpost::steps::train
