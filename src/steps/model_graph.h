// SPDX-License-Identifier: Apache-2.0
// The one graph that answers: features, kept columns and a model, put together.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "engines/onnx/graph.h"

namespace kingpost::steps {

/// The key of metadata_props whose text names the value that enters the model: [rows, features].
inline constexpr std::string_view kFeaturesNote = "features";

/// From a curated row to the answers. `featurizer` and `model` are serialised graphs; `kept` are
/// the columns of the featurizer's output `features` that the model reads. Inputs are those of the
/// featurizer, outputs those of the model. Fails with `onnx.malformed`, or with `onnx.name_taken`
/// where a curated column is called like an output.
Result<onnx::Graph> whole_graph(std::string_view featurizer, const std::vector<std::int64_t>& kept,
                                std::string_view model);

/// The serialised part of a bundle's graph that makes its features, [rows, width]: its only output.
/// Empty where the graph does not say where they are. Fails as onnx::Graph::read.
Result<std::string> features_graph(std::string_view model, std::int64_t width);

}  // namespace kingpost::steps
