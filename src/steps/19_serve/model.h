// SPDX-License-Identifier: Apache-2.0
// One version of a model, loaded, checked and warm.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "engines/onnx/session/session.h"
#include "records/inference.h"
#include "steps/19_serve/column_counts.h"
#include "steps/19_serve/explainer.h"
#include "steps/19_serve/question.h"
#include "steps/19_serve/rows.h"
#include "steps/19_serve/statistics.h"

namespace kingpost::steps::serve {

/// Where a version comes from.
struct ModelSource {
  std::string model;
  std::int64_t version = 1;
  /// A bundle's folder (steps/bundle.h), or an ONNX file.
  std::string path;
  /// PEM texts of public keys, of which one must have signed the bundle; empty: no signature is
  /// asked for. An ONNX file has none.
  std::vector<std::string> trusted{};
};

/// So many rows go through a graph at once, as when files are scored.
inline constexpr std::int64_t kSliceRows = 256;

class ServedModel {
 public:
  /// A bundle is checked whole, against its SHA256SUMS; then the model is asked with made-up rows,
  /// so that the first request is not the slowest. Fails with `serve.model_missing`, as
  /// steps/bundle.h does for a bundle, as onnx::Session::load does, or with `onnx.run_failed` where
  /// it cannot answer.
  static Result<std::shared_ptr<const ServedModel>> load(const ModelSource& source);

  const ModelSource& source() const { return source_; }
  const std::string& name() const { return source_.model; }
  /// The version, as a text.
  const std::string& version() const { return version_; }
  const onnx::Session& session() const { return *session_; }
  /// The bundle's signature.json; null for an ONNX file.
  const Json& signature() const { return signature_; }
  /// sha256 of the bundle's SHA256SUMS, or of the ONNX file.
  const std::string& digest() const { return digest_; }
  /// How it is asked by rows of named fields; null where it cannot be.
  const RowPlan* rows() const { return rows_.get(); }
  /// Null where it cannot say why it answers as it does.
  const Explainer* explainer() const { return explainer_.get(); }
  /// The bundle's input_example.json; null for an ONNX file.
  const Json& example() const { return example_; }
  /// Rows may be answered together or apart.
  bool by_rows() const { return by_rows_; }
  /// What rows cost, as measured when it was loaded.
  Nanos cost(std::int64_t rows) const { return base_cost_ + rows * row_cost_; }

  /// See question_of.
  Result<Question> question(const records::InferRequest& request, Arena& arena) const;
  /// Asks the model; long questions in slices, so that what it makes on the way stays in the
  /// processor's caches. Names are copied to the answer's arena: the model may be gone before they
  /// are sent. Fails with `onnx.run_failed`.
  Status answer(const Question& question, records::InferResponse& into) const;

  /// Counters are no part of what the model is.
  Statistics& statistics() const { return statistics_; }
  ColumnCounts& columns() const { return *columns_; }
  /// How long it took to read it and make it ready.
  Nanos load_time() const { return load_time_; }

 private:
  explicit ServedModel(ModelSource source);
  Status open();
  Status open_bundle();
  Status warm_up();
  Status answer_slices(const Question& question, records::InferResponse& into) const;

  ModelSource source_;
  std::string version_;
  std::unique_ptr<onnx::Session> session_;
  Json signature_;
  std::string digest_;
  std::unique_ptr<const RowPlan> rows_;
  std::unique_ptr<const Explainer> explainer_;
  Json example_;
  bool by_rows_ = false;
  Nanos base_cost_{0};
  Nanos row_cost_{0};
  Nanos load_time_{0};
  mutable Statistics statistics_;
  mutable std::unique_ptr<ColumnCounts> columns_;
};

}  // namespace kingpost::steps::serve
