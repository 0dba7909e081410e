// SPDX-License-Identifier: Apache-2.0
#include "engines/onnx/columns/compiler.h"

#include <algorithm>
#include <numeric>

namespace kingpost::onnx {
namespace {

using Integers = std::vector<std::int64_t>;

std::int64_t number(const GraphNode& node, std::string_view name, std::int64_t otherwise) {
  const auto* const found = find_attribute<std::int64_t>(node, name);
  return found == nullptr ? otherwise : *found;
}

const Integers* integers(const Tensor* tensor) {
  return tensor == nullptr ? nullptr : std::get_if<Integers>(&tensor->data);
}

// Graphs of few bytes may ask for more columns than any memory holds.
constexpr std::size_t kMostColumns = std::size_t{1} << 20;
constexpr std::size_t kMostRegisters = std::size_t{1} << 22;
// Keys of all columns, each of which has a table of its own.
constexpr std::size_t kMostLookedUp = std::size_t{1} << 24;

// A constant that broadcasts over rows has one value for each column.
std::optional<std::size_t> width_of(const Tensor& constant) {
  const auto& shape = constant.shape;
  const bool is_row = shape.size() < 2 || (shape.size() == 2 && shape[0] == 1);
  if (!is_row || constant.size() < 1) return std::nullopt;
  return static_cast<std::size_t>(constant.size());
}

bool is_unmade(const Program::Register& each) {
  return each.from == Program::Register::From::kTable ||
         each.from == Program::Register::From::kShifted;
}

// Null of texts.
const void* value_at(const Tensor& tensor, std::size_t at) {
  return std::visit(
      [at]<typename T>(const std::vector<T>& values) -> const void* {
        if constexpr (std::is_same_v<T, std::string>) return nullptr;
        return values.data() + at;
      },
      tensor.data);
}

}  // namespace

void Program::Compiler::compile() {
  const GraphState& graph = out_.graph_;
  for (std::size_t port = 0; port < graph.inputs.size(); ++port) {
    if (graph.inputs[port].columns > std::int64_t{kMostColumns}) continue;
    Columns columns{graph.inputs[port].type, {}, false, false, nullptr};
    for (std::int64_t i = 0; i < graph.inputs[port].columns; ++i) {
      const std::size_t at = add_register(columns.type);
      out_.registers_[at].from = Register::From::kInput;
      out_.registers_[at].port = port;
      out_.registers_[at].column = static_cast<std::size_t>(i);
      columns.registers.push_back(at);
    }
    values_[graph.inputs[port].name] = std::move(columns);
  }
  for (const GraphConstant& each : graph.constants) {
    values_[each.name] = {each.tensor.type(), {}, false, false, &each.tensor};
  }
  for (const GraphNode& node : graph.nodes) taken_.push_back(take(node));
}

const Program::Compiler::Columns* Program::Compiler::find(const std::string& value) const {
  const auto found = values_.find(value);
  return found == values_.end() ? nullptr : &found->second;
}

bool Program::Compiler::take(const GraphNode& node) {
  const bool has_all = std::all_of(node.inputs.begin(), node.inputs.end(),
                                   [&](const auto& each) { return find(each) != nullptr; });
  if (!has_all || node.inputs.empty()) return false;
  // Nothing is worked out that has no rows.
  const bool has_rows = std::any_of(node.inputs.begin(), node.inputs.end(), [&](const auto& each) {
    return find(each)->constant == nullptr;
  });
  if (!has_rows || out_.registers_.size() > kMostRegisters) return false;
  if (node.op == "TreeEnsembleClassifier") return take_legacy_trees(node);
  if (node.outputs.size() != 1) return false;
  if (node.op == "LabelEncoder") return take_lookup(node);
  if (node.op == "TreeEnsemble") return take_trees(node);
  if (node.op == "TreeEnsembleRegressor") return take_legacy_trees(node);
  return take_moving(node) || take_columns(node) || take_kernel(node);
}

// What only says in another way where columns are.
bool Program::Compiler::take_moving(const GraphNode& node) {
  const Columns& first = *find(node.inputs[0]);
  if (node.op == "Identity") {
    if (first.constant != nullptr) return false;
    give(node, first);
    return true;
  }
  if (node.op == "Transpose") {
    const auto* const order = find_attribute<Integers>(node, "perm");
    const bool is_turn = order != nullptr && *order == Integers{1, 0};
    if (!is_turn || first.is_cube || first.constant != nullptr) return false;
    Columns turned = first;
    turned.is_turned = !turned.is_turned;
    give(node, std::move(turned));
    return true;
  }
  if (node.op != "Reshape" || first.is_turned || first.constant != nullptr) return false;
  const auto* const shape = integers(find(node.inputs[1])->constant);
  const Integers wanted = {-1, std::ssize(first.registers)};
  if (shape == nullptr || *shape != wanted || number(node, "allowzero", 0) != 0) return false;
  Columns flat = first;
  flat.is_cube = false;
  give(node, std::move(flat));
  return true;
}

bool Program::Compiler::take_columns(const GraphNode& node) {
  if (node.op == "Concat") {
    if (number(node, "axis", 0) != 1) return false;
    Columns out{node.types[0], {}, false, false, nullptr};
    for (const std::string& name : node.inputs) {
      const Columns& each = *find(name);
      if (!each.is_plain()) return false;
      out.registers.insert(out.registers.end(), each.registers.begin(), each.registers.end());
      if (out.registers.size() > kMostColumns) return false;
    }
    give(node, std::move(out));
    return true;
  }
  return node.op == "Gather" && take_gather(node);
}

bool Program::Compiler::take_gather(const GraphNode& node) {
  const Columns& from = *find(node.inputs[0]);
  const Columns& places = *find(node.inputs[1]);
  const std::int64_t axis = number(node, "axis", 0);
  if (from.constant == nullptr) {
    const auto* const picked = integers(places.constant);
    const bool is_along = axis == (from.is_turned ? 0 : 1) && !from.is_cube;
    if (picked == nullptr || places.constant->shape.size() != 1 || !is_along) return false;
    if (picked->size() > kMostColumns) return false;
    Columns out{from.type, {}, from.is_turned, false, nullptr};
    for (const std::int64_t each : *picked) {
      const std::int64_t at = each < 0 ? each + std::ssize(from.registers) : each;
      if (at < 0 || at >= std::ssize(from.registers)) return false;
      out.registers.push_back(from.registers[static_cast<std::size_t>(at)]);
    }
    give(node, std::move(out));
    return true;
  }
  const Tensor& table = *from.constant;
  const bool is_table = table.shape.size() == 1 || table.shape.size() == 2;
  if (axis != 0 || !is_table || !places.is_plain() || places.type != TensorType::kInt64 ||
      table.size() == 0) {
    return false;
  }
  if (table.type() == TensorType::kString) return false;
  const std::size_t width = table.shape.size() == 2 ? static_cast<std::size_t>(table.shape[1]) : 1;
  if (width > kMostColumns / std::max<std::size_t>(1, places.registers.size())) return false;
  add_gather(node, places, table);
  return true;
}

void Program::Compiler::add_gather(const GraphNode& node, const Columns& places,
                                   const Tensor& table) {
  const bool has_columns = table.shape.size() == 2;
  const auto width = has_columns ? static_cast<std::size_t>(table.shape[1]) : 1;
  Columns out{node.types[0], {}, false, has_columns, nullptr};
  const Registers from = places.registers;
  const void* const data = value_at(table, 0);
  for (const std::size_t place : from) {
    for (std::size_t column = 0; column < width; ++column) {
      const std::size_t made = add_register(table.type());
      Register& each = out_.registers_[made];
      each.from = Register::From::kTable;
      each.value = data;
      each.column = column;
      each.place = place;
      each.width = width;
      each.size = static_cast<std::size_t>(table.shape[0]);
      out.registers.push_back(made);
    }
  }
  give(node, std::move(out));
}

void Program::Compiler::make(std::size_t at) {
  Register& each = out_.registers_[at];
  each.is_read = true;
  if (!is_unmade(each)) return;
  const bool is_table = each.from == Register::From::kTable;
  each.from = Register::From::kStep;
  if (!is_table) {
    out_.steps_.push_back(std::make_unique<ShiftStep>(each.place, each.shift, at));
    return;
  }
  with_value_type(each.type, [&]<typename T>() {
    if constexpr (!std::is_same_v<T, std::string_view>) {
      out_.steps_.push_back(std::make_unique<GatherStep<T>>(each, at));
    }
  });
}

bool Program::Compiler::take_lookup(const GraphNode& node) {
  const Columns& in = *find(node.inputs[0]);
  const auto* const texts = find_attribute<std::vector<std::string>>(node, "keys_strings");
  const auto* const numbers = find_attribute<Integers>(node, "keys_int64s");
  const auto* const values = find_attribute<std::vector<float>>(node, "values_floats");
  const auto* const other = find_attribute<float>(node, "default_float");
  const std::size_t keys = texts != nullptr     ? texts->size()
                           : numbers != nullptr ? numbers->size()
                                                : 0;
  const TensorType wanted = texts != nullptr ? TensorType::kString : TensorType::kInt64;
  if (!in.is_plain() || values == nullptr || other == nullptr || keys != values->size() ||
      keys == 0 || in.type != wanted ||
      keys > kMostLookedUp / std::max<std::size_t>(1, in.registers.size())) {
    return false;
  }
  Columns out{TensorType::kFloat, {}, false, false, nullptr};
  const Registers from = in.registers;
  mark(from);
  for (const std::size_t each : from) {
    const std::size_t to = add_register(out.type);
    out.registers.push_back(to);
    if (texts != nullptr) {
      out_.steps_.push_back(
          std::make_unique<LookupStep<std::string_view>>(*texts, *values, *other, each, to));
    } else {
      out_.steps_.push_back(
          std::make_unique<LookupStep<std::int64_t>>(*numbers, *values, *other, each, to));
    }
  }
  give(node, std::move(out));
  return true;
}

bool Program::Compiler::take_kernel(const GraphNode& node) {
  if (node.op == "Mod" && number(node, "fmod", 0) != 1) return false;
  std::vector<TensorType> types;
  std::size_t width = 1;
  for (const std::string& name : node.inputs) {
    const Columns& each = *find(name);
    types.push_back(each.type);
    const auto own = each.constant != nullptr ? width_of(*each.constant)
                     : each.is_plain()        ? std::optional(each.registers.size())
                                              : std::nullopt;
    if (!own || (*own != 1 && width != 1 && *own != width)) return false;
    width = std::max(width, *own);
  }
  if (width > kMostColumns) return false;
  const Kernel kernel = find_kernel(node.op, types, node.types[0]);
  if (kernel == nullptr) return false;
  std::vector<Registers> operands;
  for (const std::string& name : node.inputs) {
    auto each = spread(*find(name), width);
    if (!each) return false;
    operands.push_back(std::move(*each));
  }
  const bool is_sum = node.op == "Add" && node.types[0] == TensorType::kInt64;
  Columns out{node.types[0], {}, false, false, nullptr};
  for (std::size_t column = 0; column < width; ++column) {
    Registers in;
    for (const Registers& each : operands) in.push_back(each[column]);
    if (is_sum && out_.registers_[in[1]].from == Register::From::kConstant) {
      out.registers.push_back(shifted_register(in[0], in[1]));
    } else {
      out.registers.push_back(kernel_register(kernel, std::move(in), out.type));
    }
  }
  give(node, std::move(out));
  return true;
}

std::size_t Program::Compiler::kernel_register(Kernel kernel, Registers in, TensorType type) {
  const auto [found, is_new] = made_.try_emplace({kernel, in}, 0);
  if (!is_new) return found->second;
  mark(in);
  const std::size_t out = add_register(type);
  out_.steps_.push_back(std::make_unique<KernelStep>(kernel, std::move(in), out));
  found->second = out;
  return out;
}

std::size_t Program::Compiler::shifted_register(std::size_t place, std::size_t constant) {
  const std::size_t out = add_register(TensorType::kInt64);
  Register& made = out_.registers_[out];
  made.from = Register::From::kShifted;
  made.place = place;
  made.shift = *static_cast<const std::int64_t*>(out_.registers_[constant].value);
  return out;
}

std::optional<Program::Compiler::Registers> Program::Compiler::spread(const Columns& from,
                                                                      std::size_t columns) {
  Registers out = from.registers;
  if (from.constant != nullptr) {
    const auto own = static_cast<std::size_t>(from.constant->size());
    for (std::size_t i = 0; i < own; ++i) out.push_back(constant_register(*from.constant, i));
  }
  if (out.size() == 1) out.resize(columns, out[0]);
  if (out.size() != columns) return std::nullopt;
  return out;
}

std::size_t Program::Compiler::add_register(TensorType type) {
  Register made;
  made.type = type;
  out_.registers_.push_back(made);
  return out_.registers_.size() - 1;
}

std::size_t Program::Compiler::constant_register(const Tensor& tensor, std::size_t at) {
  const void* const value = value_at(tensor, at);
  std::string bytes;
  if (value == nullptr) {
    bytes = tensor.texts()[at];
  } else {
    bytes.assign(static_cast<const char*>(value), value_size(tensor.type()));
  }
  const auto [found, is_new] = constants_.try_emplace({tensor.type(), std::move(bytes)}, 0);
  if (!is_new) return found->second;
  const std::size_t out = add_register(tensor.type());
  Register& made = out_.registers_[out];
  made.from = Register::From::kConstant;
  made.value = value;
  if (value == nullptr) {
    out_.texts_.push_back(std::make_unique<std::string_view>(tensor.texts()[at]));
    made.value = out_.texts_.back().get();
  }
  found->second = out;
  return out;
}

// What a register is made of is made before it. Such a chain may be as long as the graph is large.
void Program::Compiler::mark(const Registers& registers) {
  Registers chain;
  for (const std::size_t each : registers) {
    chain.assign(1, each);
    while (is_unmade(out_.registers_[chain.back()])) {
      chain.push_back(out_.registers_[chain.back()].place);
    }
    std::for_each(chain.rbegin(), chain.rend(), [&](std::size_t one) { make(one); });
  }
}

}  // namespace kingpost::onnx
