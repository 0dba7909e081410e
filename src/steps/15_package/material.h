// SPDX-License-Identifier: Apache-2.0
// What the files of a bundle are made of, and the functions that make one each.
#pragma once

#include <string>
#include <vector>

#include "engines/onnx/graph.h"
#include "engines/onnx/runtime.h"
#include "steps/trained_models.h"

namespace kingpost::steps::package {

struct Material {
  RunContext& context;
  TrainedModels trained{};
  /// The winner; points into `trained`.
  const TrainedModel* model = nullptr;
  /// The model that others had to beat; empty where there is none.
  std::string baseline{};
  Json winner{};
  Json verdicts{};
  Json evaluation{};
  /// What each model answered for rows that it had not seen.
  JudgedRows judged{};
  /// project_target.
  std::string name{};
  std::vector<onnx::Port> ports{};
  std::vector<onnx::Port> outputs{};
  /// What the graph reads, in its order, with curated types.
  std::vector<records::Column> inputs{};
  bool exact = true;
  /// That of train, by which models were chosen.
  std::string metric{};

  const records::Table& training() const { return *context.input.find("training"); }
  records::Task task() const { return trained.task(); }
  const records::Target& target() const { return trained.features.target; }
};

/// Of signature.json: what enters, what leaves, and by which types.
Json signature_of(const Material& material);
/// Features.json of step 6, cut to what the kept columns need.
Json features_of(const Material& material, const Json& all);
/// Validation and test values with intervals, slices, curves, importances, gates.
Json metrics_of(const Material& material);
/// What the model was made from, by digests, and how.
Json lineage_of(const Material& material, const Json& sources);
/// The sections of the file that made the model: without threads and memory, and of absolute paths
/// only the last part.
Json sections_of(const Node& pipeline);
/// How inputs and labels (train rows) and scores (the judged rows) are distributed.
/// Counts and order statistics are exact; means are sums in the order of rows.
Result<Json> reference_of(const Material& material);
/// Rows, labels and times of each side of the split.
Result<Json> sides_of(const Material& material);

/// What was looked up before the card is written: sources_of, sides_of, reference_of.
struct CardFacts {
  const Json& sources;
  const Json& sides;
  const Json& reference;
};
/// `team` is the team's own text, Markdown.
std::string card_of(const Material& material, const CardFacts& facts, const std::string& team);
std::string readme_of(const Material& material, const Json& signature);

/// A file of the bundle whose text is known.
struct TextFile {
  std::string name;
  std::string text;
};
/// What MLflow's clients read: MLmodel, the loader, and the environment. `identity` names the
/// model's bytes.
std::vector<TextFile> mlflow_files(const Material& material, const Json& signature,
                                   const std::string& identity);

}  // namespace kingpost::steps::package
