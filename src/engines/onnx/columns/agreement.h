// SPDX-License-Identifier: Apache-2.0
// Columns held against the runtime before they stand in for it: what trees mean is not said to the
// bit (https://onnx.ai/onnx/operators/onnx_aimlonnx_TreeEnsembleClassifier.html), so the runtime's
// reading is the one that counts. Included only by this folder's sources.
#pragma once

#include <vector>

#include "engines/onnx/columns/executor.h"

namespace kingpost::onnx {

/// Numbers that lie at a split of one of the graph's trees, or just beside.
std::vector<float> telling_numbers(const GraphState& graph);

/// Whether both give the same bits for rows of such numbers, missing values and infinities, alone
/// and together. False for texts and where an output is a number for no row.
bool agree(const RuntimeApi& runtime, OrtSession* whole, const Executor& columns,
           const std::vector<float>& numbers);

}  // namespace kingpost::onnx
