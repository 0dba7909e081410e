// SPDX-License-Identifier: Apache-2.0
// Fitted models as parts of a graph.
#pragma once

#include "engines/onnx/graph.h"
#include "records/trees.h"

namespace kingpost::onnx {

/// Adds the ensemble over `features` (float32 [rows, features]) and answers the raw scores, float32
/// [rows, outputs]: sums of leaf values, before the link. Uses TreeEnsemble of ai.onnx.ml 5. Splits
/// by category are thresholds on looked-up ranks, as far as category_order.h has room for them.
Value add_trees(Graph& graph, const records::TreeEnsemble& ensemble, const Value& features);

/// Adds the linear model over `features` (float32 [rows, features]; categorical columns hold whole
/// codes) and answers the raw scores, float32 [rows, outputs]. NaN in a numeric column makes the
/// score NaN, and so does infinity with a weight of 0; a code that is no category of the model, NaN
/// included, adds 0.
Value add_linear(Graph& graph, const records::LinearModel& model, const Value& features);

/// Raw scores to probabilities: sigmoid, softmax over the columns, or sigmoids over their sum, with
/// exact operators only.
Value add_link(Graph& graph, records::Link link, const Value& scores);

}  // namespace kingpost::onnx
