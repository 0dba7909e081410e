// SPDX-License-Identifier: Apache-2.0
// Rows of named fields as a served model takes them.
#pragma once

#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "engines/onnx/session/session.h"
#include "protocols/scoring/scoring_reader.h"
#include "records/inference.h"
#include "steps/cell_reader.h"
#include "steps/signature.h"

namespace kingpost::steps::serve {

/// How a model is asked by rows; made once for a version.
class RowPlan {
 public:
  /// Nothing where an input or output is no columns: it has more than two dimensions, or a second
  /// one of any length, or its rows are not counted by the first. `signature` is null for an ONNX
  /// file. Fails as signature_from_json.
  static Result<std::unique_ptr<const RowPlan>> of(const onnx::Session& session,
                                                   const Json& signature);

  const std::vector<scoring::WantedField>& fields() const { return wanted_; }
  /// Types must be those of training, and no field may be unknown or missing.
  bool strict() const { return strict_; }
  /// A field that the model does not read, and that may stand in a row all the same.
  bool is_key(std::string_view field) const { return keys_.count(field) > 0; }

  /// Makes one tensor for each input of the model, parts in the request's arena; texts stay where
  /// they are. What is missing is null unless the signature is strict. Appends why values cannot be
  /// taken to `faults`, up to scoring::kMostFaults; the request is of no use then.
  void fill(const scoring::Rows& rows, records::InferRequest& into,
            std::vector<scoring::Fault>& faults) const;

  /// Appends the answer as a JSON list with one object a row. Requires: the model answered all its
  /// outputs for so many rows.
  Status write(const records::InferResponse& answer, std::int64_t rows, std::string& out) const;

 private:
  struct Field {
    std::string name;
    /// So many values of a row stand before its own.
    std::size_t first = 0;
    std::size_t width = 1;
    /// The input has the rows alone as its shape.
    bool is_flat = false;
    records::Datatype datatype = records::Datatype::kFp64;
    /// Of the columns of a signature; nothing for an ONNX file.
    std::optional<CellReader> reader;
  };

  class Filling;
  Status write_row(const records::InferResponse& answer, std::size_t row, std::string& out) const;

  std::vector<Field> fields_;
  std::vector<scoring::WantedField> wanted_;
  std::vector<AnswerColumn> answers_;
  std::set<std::string, std::less<>> keys_;
  std::size_t width_ = 0;
  bool strict_ = false;
};

}  // namespace kingpost::steps::serve
