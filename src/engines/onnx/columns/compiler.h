// SPDX-License-Identifier: Apache-2.0
// From nodes to steps. Included only by this folder's sources.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "engines/onnx/columns/steps.h"

namespace kingpost::onnx {

class Program::Compiler {
 public:
  explicit Compiler(Program& into) : out_(into) {}

  /// The inputs and constants of the program's graph, then each of its nodes that can be taken.
  void compile();

  /// A value as columns; null where it was not taken in.
  struct Columns {
    TensorType type = TensorType::kFloat;
    std::vector<std::size_t> registers;
    /// [columns, rows]
    bool is_turned = false;
    /// [rows, columns of indices, columns of the table]
    bool is_cube = false;
    const Tensor* constant = nullptr;

    bool is_plain() const { return !is_turned && !is_cube && constant == nullptr; }
  };
  const Columns* find(const std::string& value) const;
  bool is_taken(std::size_t node) const { return taken_[node]; }
  void read(const Columns& columns) { mark(columns.registers); }

 private:
  using Registers = std::vector<std::size_t>;

  bool take(const GraphNode& node);
  bool take_moving(const GraphNode& node);
  bool take_columns(const GraphNode& node);
  bool take_gather(const GraphNode& node);
  bool take_lookup(const GraphNode& node);
  bool take_trees(const GraphNode& node);
  bool take_legacy_trees(const GraphNode& node);
  bool take_kernel(const GraphNode& node);
  void give(const GraphNode& node, Columns columns) {
    values_[node.outputs[0]] = std::move(columns);
  }
  std::size_t add_register(TensorType type);
  std::size_t constant_register(const Tensor& tensor, std::size_t at);
  /// The same kernel on the same registers is one step.
  std::size_t kernel_register(Kernel kernel, Registers in, TensorType type);
  std::size_t shifted_register(std::size_t place, std::size_t constant);
  /// Those of an operand for `columns` columns: its own, one for all, or constants.
  std::optional<Registers> spread(const Columns& from, std::size_t columns);
  void mark(const Registers& registers);
  template <typename T>
  Columns add_trees(const Columns& in, std::unique_ptr<TreeTable<T>> trees);
  Columns add_base(Columns sums, const std::vector<float>& base);
  void add_gather(const GraphNode& node, const Columns& places, const Tensor& table);
  /// Is read from now on, with a step of its own where it had none; its place has one.
  void make(std::size_t at);
  TreePlace place_feature(std::size_t place, TreeInputs& inputs);

  Program& out_;
  std::unordered_map<std::string, Columns> values_;
  std::vector<bool> taken_;
  std::map<std::pair<Kernel, Registers>, std::size_t> made_;
  /// By type and bytes.
  std::map<std::pair<TensorType, std::string>, std::size_t> constants_;
};

}  // namespace kingpost::onnx
