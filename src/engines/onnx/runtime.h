// SPDX-License-Identifier: Apache-2.0
// Running an ONNX graph in process with ONNX Runtime, which is opened at run time.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "engines/onnx/graph.h"
#include "records/tensor.h"

namespace kingpost::onnx {

/// So many rows of a batch go through a graph at once: what it makes of them on the way then stays
/// in the processor's caches, and takes little memory.
inline constexpr std::int64_t kRowsAtOnce = 256;
/// The same for a graph without trees, whose many small nodes cost more than their rows.
inline constexpr std::int64_t kFeatureRowsAtOnce = 1024;

/// Who runs the nodes of a graph; the bits of the answers are the same.
enum class Engine {
  /// Kingpost's own columns as far as they go (src/engines/onnx/columns), then the runtime.
  kColumns,
  /// The same for a graph that this process has made: the runtime, which takes long to open, is not
  /// asked to read it, unless columns don't go all the way.
  kOwnColumns,
  /// ONNX Runtime all of it: what the other is compared with.
  kRuntime,
};

class Model {
 public:
  /// Loads a serialised model. It always runs with one thread, in order: that is what makes the
  /// answers equal bit for bit whatever the batch. Fails with `onnx.runtime_missing` when the
  /// library is not found, `onnx.invalid_model` with the runtime's own words. `at_once` is how many
  /// rows run_into takes together.
  static Result<std::unique_ptr<Model>> load(std::string_view bytes,
                                             std::int64_t at_once = kRowsAtOnce,
                                             Engine engine = Engine::kColumns);
  virtual ~Model() = default;
  Model(const Model&) = delete;
  Model& operator=(const Model&) = delete;

  virtual const std::vector<Port>& inputs() const = 0;
  virtual const std::vector<Port>& outputs() const = 0;

  /// Runs rows [from, from + rows) of the batch; columns are found by name. Fails with
  /// `onnx.input_missing` or `onnx.input_type` naming the column, `onnx.run_failed`. Any number of
  /// threads may call it at once.
  virtual Result<std::vector<records::Tensor>> run(const records::Batch& batch, std::int64_t from,
                                                   std::int64_t rows) const = 0;
  /// Tensors for the answers of so many rows, made in `room` where that has some to reuse.
  virtual void make_room(std::int64_t rows, std::vector<records::Tensor>& room) const = 0;
  /// As `run`, some rows at a time, and the answers go to those rows of `outputs`, which
  /// make_room made for the whole batch. Several threads may fill different rows at once.
  virtual Status run_into(const records::Batch& batch, std::int64_t from, std::int64_t rows,
                          std::vector<records::Tensor>& outputs) const = 0;
  /// The same on tensors, one per input in order, as a whole.
  virtual Result<std::vector<records::Tensor>> run(
      const std::vector<records::Tensor>& inputs) const = 0;

 protected:
  Model() = default;
};

/// Takes the answers for the rows from `from` on. Several threads may call it at once.
using TakeRows = std::function<void(std::int64_t from, std::vector<records::Tensor> answers)>;
/// Features, [rows, columns], through a model that has them as its only input, kRowsAtOnce rows at
/// a time, on up to `threads` threads (0: as many as the machine has). No rows are one call of
/// `take`. Fails as Model::run does, with the first fault in the order of the rows.
Status run_slices(const Model& model, std::span<const float> features, std::int64_t columns,
                  int threads, const TakeRows& take);
/// The same, and all answers together.
Result<std::vector<records::Tensor>> run_rows(const Model& model, std::span<const float> features,
                                              std::int64_t columns, int threads = 1);

/// The path of the library that `load` would open, or an empty text.
std::string runtime_path();
/// The library's version, or an empty text.
std::string runtime_version();

}  // namespace kingpost::onnx
