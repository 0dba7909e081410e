// SPDX-License-Identifier: Apache-2.0
// A graph that this program wrote, run a few rows at a time, column by column: moving columns costs
// nothing, and a node a few nanoseconds instead of a microsecond. Bits are those of ONNX Runtime.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/arena.h"
#include "engines/onnx/columns/kernels.h"
#include "engines/onnx/graph_state.h"

namespace kingpost::onnx {

/// [rows, columns] of one input, row-major, from its first row on; texts as std::string_view.
struct InputView {
  const void* data = nullptr;
};

/// Where [rows, columns] of a value go, row-major; null: it is not wanted. Texts are
/// std::string_view, their bytes in `texts`.
struct OutputView {
  void* data = nullptr;
  Arena* texts = nullptr;
};

class Program {
 public:
  class Step;
  class Compiler;
  /// Buffers of one thread.
  class Scratch;
  struct Register {
    TensorType type = TensorType::kFloat;
    enum class From : std::uint8_t {
      kInput,
      kConstant,
      kStep,
      kTable,
      kShifted
    } from = From::kStep;
    /// Of kInput.
    std::size_t port = 0;
    std::size_t column = 0;
    /// Some step reads it by itself.
    bool is_read = false;
    /// Of kConstant.
    const void* value = nullptr;
    /// Of kTable: a column of a table [size, width] of its type, by the row numbers in `place`; of
    /// kShifted: the whole numbers in `place`, and `shift` more. A step makes them only where they
    /// are read as columns.
    std::size_t place = 0;
    std::size_t width = 1;
    std::size_t size = 0;
    std::int64_t shift = 0;
  };
  /// A value that leaves.
  struct Export {
    Port port;
    std::vector<std::size_t> registers;
  };

  /// Takes in the nodes that can be run here and need no other. Null where there is none, where an
  /// output is not of the type and width that it is said to be, or where what the others need of
  /// these is no plain [rows, columns] of numbers.
  static std::unique_ptr<const Program> compile(GraphState graph);
  ~Program();
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;

  /// Outputs of the graph that are made here first, then what the rest needs.
  const std::vector<Export>& exports() const { return exports_; }
  /// The nodes that are left, with what they need of this program as inputs, in the order of the
  /// last exports; no outputs where nothing is left.
  const GraphState& rest() const { return rest_; }
  std::size_t outputs_made() const { return exports_.size() - rest_.inputs.size(); }

  /// `inputs` are those of the graph, `outputs` are of the exports, in their order. False where a
  /// table is asked beyond its end.
  bool run(std::size_t rows, std::span<const InputView> inputs,
           std::span<const OutputView> outputs) const;

 private:
  Program();
  bool make_outputs(Compiler& compiler);
  bool leave_rest(Compiler& compiler);
  bool export_value(Compiler& compiler, const std::string& value, const std::string& name);
  void find_live();
  bool run_block(Scratch& scratch, std::size_t from, std::size_t rows,
                 std::span<const InputView> inputs, std::span<const OutputView> outputs) const;
  void take_inputs(Scratch& scratch, std::size_t from, std::size_t rows,
                   std::span<const InputView> inputs) const;

  GraphState graph_;
  GraphState rest_;
  std::vector<Register> registers_;
  /// Those that have values before the first step.
  std::vector<std::size_t> live_;
  std::vector<std::unique_ptr<Step>> steps_;
  std::vector<Export> exports_;
  /// The constants that are texts, and those that are not the graph's own, where registers look at
  /// them.
  std::vector<std::unique_ptr<std::string_view>> texts_;
  std::vector<std::unique_ptr<const Tensor>> numbers_;
};

}  // namespace kingpost::onnx
