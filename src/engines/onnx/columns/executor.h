// SPDX-License-Identifier: Apache-2.0
// A graph of this program's own, run by columns as far as that goes and by ONNX Runtime from there
// on; trees of another program by columns alone. Included only by the sources of src/engines/onnx.
#pragma once

#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "engines/onnx/columns/program.h"
#include "engines/onnx/runtime_api.h"

namespace kingpost::onnx {

class Executor {
 public:
  /// Null for a graph that nothing is gained for, and for one of another program that is not run by
  /// columns alone, or not with the same bits as by `whole`, the runtime's session of it: it is
  /// asked about both sides of every split's number.
  static std::unique_ptr<const Executor> make(const RuntimeApi& runtime, std::string_view bytes,
                                              OrtSession* whole);
  /// Without the runtime: null where the graph is not of this program, or not run by columns alone.
  static std::unique_ptr<const Executor> make_alone(std::string_view bytes);

  const std::vector<Port>& inputs() const { return inputs_; }
  const std::vector<Port>& outputs() const { return outputs_; }

  /// One view for each input and output of the graph, in its order, of so many rows, at least one.
  /// Fails with `onnx.run_failed`. Any number of threads may call it at once.
  Status run(std::size_t rows, std::span<const InputView> inputs,
             std::span<const OutputView> outputs) const;

 private:
  explicit Executor(const RuntimeApi* runtime);
  bool take(GraphState graph);
  Status open_rest();
  Status run_rest(std::size_t rows, std::span<const OutputView> crossing,
                  std::span<const OutputView> outputs, Arena& arena) const;

  /// Null where all is run by columns.
  const RuntimeApi* runtime_;
  std::unique_ptr<const Program> program_;
  std::vector<Port> inputs_;
  std::vector<Port> outputs_;
  /// For each output its place among the exports of the program, or behind them among those of the
  /// rest.
  std::vector<std::size_t> places_;
  std::size_t made_ = 0;
  Held<OrtSession> rest_;
  std::vector<const char*> rest_inputs_;
  std::vector<const char*> rest_outputs_;
};

}  // namespace kingpost::onnx
