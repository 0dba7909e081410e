// SPDX-License-Identifier: Apache-2.0
#include "engines/onnx/columns/program.h"

#include <algorithm>
#include <unordered_set>

#include "engines/onnx/columns/compiler.h"
#include "engines/onnx/columns/steps.h"

namespace kingpost::onnx {
namespace {

// So that the columns of a block stay in the cache.
constexpr std::size_t kBlock = 256;

// What has no rows of its own, however many there are of the inputs.
std::unordered_set<std::string> values_without_rows(const GraphState& graph) {
  std::unordered_set<std::string> out;
  for (const GraphConstant& each : graph.constants) out.insert(each.name);
  for (const GraphNode& node : graph.nodes) {
    const bool has_rows =
        std::any_of(node.inputs.begin(), node.inputs.end(),
                    [&](const auto& each) { return !each.empty() && !out.contains(each); });
    if (!has_rows) out.insert(node.outputs.begin(), node.outputs.end());
  }
  return out;
}

}  // namespace

Program::Program() = default;
Program::~Program() = default;

std::unique_ptr<const Program> Program::compile(GraphState graph) {
  std::unique_ptr<Program> out(new Program);
  out->graph_ = std::move(graph);
  const GraphState& whole = out->graph_;
  Compiler compiler(*out);
  compiler.compile();
  if (out->steps_.empty()) return nullptr;
  const auto export_of = [&](const std::string& value, Port port) {
    const Compiler::Columns* const columns = compiler.find(value);
    if (!columns->is_plain()) return false;
    compiler.read(*columns);
    port.type = columns->type;
    port.columns = std::ssize(columns->registers);
    out->exports_.push_back({std::move(port), columns->registers});
    return true;
  };
  GraphState& rest = out->rest_;
  for (const GraphOutput& each : whole.outputs) {
    if (compiler.find(each.value) == nullptr) {
      rest.outputs.push_back(each);
    } else if (!export_of(each.value, each.port)) {
      return nullptr;
    }
  }
  if (rest.outputs.empty()) return out;
  rest.name = whole.name;
  std::unordered_set<std::string> seen;
  for (std::size_t i = 0; i < whole.nodes.size(); ++i) {
    if (compiler.is_taken(i)) continue;
    rest.nodes.push_back(whole.nodes[i]);
    for (const std::string& name : whole.nodes[i].inputs) {
      const Compiler::Columns* const columns = compiler.find(name);
      if (columns == nullptr || !seen.insert(name).second) continue;
      if (columns->constant != nullptr) {
        rest.constants.push_back({name, *columns->constant});
        continue;
      }
      if (columns->type == TensorType::kString || !export_of(name, {name})) return nullptr;
      rest.inputs.push_back(out->exports_.back().port);
    }
  }
  const auto rowless = values_without_rows(whole);
  const bool is_plain =
      std::all_of(rest.outputs.begin(), rest.outputs.end(), [&](const auto& each) {
        return each.port.type != TensorType::kString && !rowless.contains(each.value);
      });
  return is_plain ? std::move(out) : nullptr;
}

bool Program::run(std::size_t rows, std::span<const InputView> inputs,
                  std::span<const OutputView> outputs) const {
  thread_local Scratch scratch;
  for (std::size_t from = 0; from < rows; from += kBlock) {
    if (!run_block(scratch, from, std::min(kBlock, rows - from), inputs, outputs)) return false;
  }
  return true;
}

void Program::take_inputs(Scratch& scratch, std::size_t from, std::size_t rows,
                          std::span<const InputView> inputs) const {
  for (std::size_t i = 0; i < registers_.size(); ++i) {
    const Register& each = registers_[i];
    Operand& operand = scratch.registers[i];
    if (each.from == Register::From::kConstant) {
      operand = {each.value, true};
      continue;
    }
    if (each.from == Register::From::kTable) continue;
    if (!each.is_read && each.from == Register::From::kInput) continue;
    const auto width = each.from == Register::From::kInput
                           ? static_cast<std::size_t>(graph_.inputs[each.port].columns)
                           : 0;
    with_value_type(each.type, [&]<typename T>() {
      if (width == 1) {
        operand = {static_cast<const T*>(inputs[each.port].data) + from, false};
        return;
      }
      T* const buffer = scratch.arena.array<T>(rows).data();
      scratch.buffers[i] = buffer;
      operand = {buffer, false};
      if (width == 0) return;
      const T* in = static_cast<const T*>(inputs[each.port].data) + from * width + each.column;
      for (std::size_t row = 0; row < rows; ++row, in += width) buffer[row] = *in;
    });
  }
}

bool Program::run_block(Scratch& scratch, std::size_t from, std::size_t rows,
                        std::span<const InputView> inputs,
                        std::span<const OutputView> outputs) const {
  scratch.arena.reset();
  scratch.registers.resize(registers_.size());
  scratch.buffers.resize(registers_.size());
  scratch.inputs = inputs;
  scratch.from = from;
  scratch.rows = rows;
  take_inputs(scratch, from, rows, inputs);
  for (const auto& each : steps_) {
    if (!each->run(scratch)) return false;
  }
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    const Export& made = exports_[i];
    if (outputs[i].data == nullptr) continue;
    const std::size_t width = made.registers.size();
    const std::span<Operand> columns = scratch.arena.array<Operand>(width);
    for (std::size_t c = 0; c < width; ++c) columns[c] = scratch.registers[made.registers[c]];
    with_value_type(made.port.type, [&]<typename T>() {
      T* const into = static_cast<T*>(outputs[i].data) + from * width;
      interleave<T>(columns, rows, into);
      if constexpr (std::is_same_v<T, std::string_view>) {
        for (std::size_t v = 0; v < rows * width; ++v) into[v] = outputs[i].texts->copy(into[v]);
      }
    });
  }
  return true;
}

}  // namespace kingpost::onnx
