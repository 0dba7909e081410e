// SPDX-License-Identifier: Apache-2.0
// The graph from a curated row to its features, out of treatments and what was fitted for them.
// Columns of one treatment go through one op together.
#pragma once

#include <string>
#include <vector>

#include "base/error.h"
#include "base/result.h"
#include "engines/onnx/graph.h"
#include "engines/sql/session.h"
#include "records/features.h"
#include "steps/06_extract_features/fit.h"

namespace kingpost::steps::extract_features {

/// A target-encoded feature's columns in the matrix: `first` and as many as the encoding has
/// outputs. Their values on training rows are replaced by the out-of-fold ones.
struct HeldOut {
  std::size_t feature = 0;
  std::size_t first = 0;
};

struct Featurizer {
  onnx::Graph graph;
  records::FeatureSet set;
  std::vector<HeldOut> held_out;
};

/// Inputs are the columns that the features use, in the order of `columns`; the one output is
/// `features`, float32 [rows, columns]. Expressions that the graph cannot say are added to
/// `faults`.
Featurizer make_featurizer(sql::Session& session, const records::TableSchema& columns,
                           const std::vector<Treatment>& features, const std::vector<Fit>& fits,
                           const records::Target& target, Faults& faults);

}  // namespace kingpost::steps::extract_features
