// SPDX-License-Identifier: Apache-2.0
// A trained model as a graph, and what that graph answers: scores that later steps judge by are
// those that will be served.
#pragma once

#include <vector>

#include "engines/onnx/graph.h"
#include "steps/10_train/calibration.h"
#include "steps/10_train/fitted.h"

namespace kingpost::steps::train {

/// features float32 [N, columns] -> `raw` float32 [N, outputs], before the link.
onnx::Graph raw_graph(const Fitted& fitted, std::int32_t columns);

/// features float32 [N, columns] -> of numbers `prediction` float32 [N, 1]; of two classes
/// `probability` float32 [N, 1] of true and `prediction` bool [N, 1]; of more classes
/// `probabilities` float32 [N, classes] and `prediction` string [N, 1], the first of the likeliest.
onnx::Graph answer_graph(const Fitted& fitted, std::int32_t columns, const records::Target& target,
                         const Calibration& calibration, double threshold);

/// The name of the output that holds the scores.
std::string_view scores_name(const records::Target& target);

/// The float32 output of that name over rows, as [rows, columns of the output], on up to `threads`
/// threads (0: all).
Result<std::vector<double>> answers(const onnx::Graph& graph, std::string_view output,
                                    const LabelledRows& rows, int threads);

}  // namespace kingpost::steps::train
