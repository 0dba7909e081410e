// SPDX-License-Identifier: Apache-2.0
#include "engines/onnx/columns/program.h"

#include <algorithm>
#include <unordered_set>

#include "engines/onnx/columns/compiler.h"
#include "engines/onnx/columns/interleave.h"
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

// Answers are put where there is room for what the output is said to be.
bool is_as_said(const Port& made, const Port& said) {
  return made.type == said.type && made.columns == said.columns;
}

}  // namespace

Program::Program() = default;
Program::~Program() = default;

std::unique_ptr<const Program> Program::compile(GraphState graph) {
  std::unique_ptr<Program> out(new Program);
  out->graph_ = std::move(graph);
  Compiler compiler(*out);
  compiler.compile();
  if (out->steps_.empty()) return nullptr;
  // Tables have been made of them.
  for (std::size_t i = 0; i < out->graph_.nodes.size(); ++i) {
    GraphNode& node = out->graph_.nodes[i];
    if (compiler.is_taken(i) && node.op.starts_with("TreeEnsemble")) node.attributes.clear();
  }
  if (!out->make_outputs(compiler) || !out->leave_rest(compiler)) return nullptr;
  out->find_live();
  return out;
}

bool Program::export_value(Compiler& compiler, const std::string& value, const std::string& name) {
  const Compiler::Columns& columns = *compiler.find(value);
  if (!columns.is_plain()) return false;
  compiler.read(columns);
  exports_.push_back({{name, columns.type, std::ssize(columns.registers)}, columns.registers});
  return true;
}

bool Program::make_outputs(Compiler& compiler) {
  for (const GraphOutput& each : graph_.outputs) {
    if (compiler.find(each.value) == nullptr) {
      rest_.outputs.push_back(each);
    } else if (!export_value(compiler, each.value, each.port.name) ||
               !is_as_said(exports_.back().port, each.port)) {
      return false;
    }
  }
  return true;
}

bool Program::leave_rest(Compiler& compiler) {
  if (rest_.outputs.empty()) return true;
  rest_.name = graph_.name;
  std::unordered_set<std::string> seen;
  for (std::size_t i = 0; i < graph_.nodes.size(); ++i) {
    if (compiler.is_taken(i)) continue;
    rest_.nodes.push_back(graph_.nodes[i]);
    for (const std::string& name : graph_.nodes[i].inputs) {
      const Compiler::Columns* const columns = compiler.find(name);
      if (columns == nullptr || !seen.insert(name).second) continue;
      if (columns->constant != nullptr) {
        rest_.constants.push_back({name, *columns->constant});
        continue;
      }
      if (columns->type == TensorType::kString || !export_value(compiler, name, name)) return false;
      rest_.inputs.push_back(exports_.back().port);
    }
  }
  const auto rowless = values_without_rows(graph_);
  return std::all_of(rest_.outputs.begin(), rest_.outputs.end(), [&](const auto& each) {
    return each.port.type != TensorType::kString && !rowless.contains(each.value);
  });
}

bool Program::run(std::size_t rows, std::span<const InputView> inputs,
                  std::span<const OutputView> outputs) const {
  thread_local Scratch scratch;
  for (std::size_t from = 0; from < rows; from += kBlock) {
    if (!run_block(scratch, from, std::min(kBlock, rows - from), inputs, outputs)) return false;
  }
  return true;
}

void Program::find_live() {
  for (std::size_t i = 0; i < registers_.size(); ++i) {
    const Register& each = registers_[i];
    const bool is_idle = each.from == Register::From::kInput && !each.is_read;
    const bool is_unmade =
        each.from == Register::From::kTable || each.from == Register::From::kShifted;
    if (!is_unmade && !is_idle) live_.push_back(i);
  }
}

void Program::take_inputs(Scratch& scratch, std::size_t from, std::size_t rows,
                          std::span<const InputView> inputs) const {
  for (const std::size_t i : live_) {
    const Register& each = registers_[i];
    Operand& operand = scratch.registers[i];
    if (each.from == Register::From::kConstant) {
      operand = {each.value, true};
      continue;
    }
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
