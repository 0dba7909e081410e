// SPDX-License-Identifier: Apache-2.0
// Trees: our own, and those of other programs.
#include <algorithm>

#include "engines/onnx/columns/compiler.h"
#include "engines/onnx/columns/legacy_trees.h"

namespace kingpost::onnx {

// Features of inputs are read where they lie, and those out of tables are looked up by the few
// splits that a row meets: there may be a column for each split.
TreePlace Program::Compiler::place_feature(std::size_t place, TreeInputs& inputs) {
  const Register each = out_.registers_[place];
  if (each.from == Register::From::kTable) {
    const Register& number = out_.registers_[each.place];
    const bool is_shifted = number.from == Register::From::kShifted;
    const std::size_t root = is_shifted ? number.place : each.place;
    const std::int64_t shift = is_shifted ? number.shift : 0;
    const auto same = [&](const TreeInputs::Table& table) {
      return table.place == root && table.shift == shift && table.data == each.value;
    };
    const auto found = std::find_if(inputs.tables.begin(), inputs.tables.end(), same);
    const auto at = static_cast<std::size_t>(found - inputs.tables.begin());
    if (at < kMostTreeTables) {
      if (found == inputs.tables.end()) {
        inputs.tables.push_back({each.value, each.width, each.size, root, shift});
      }
      mark({root});
      return {at + 1, each.column};
    }
  }
  TreeInputs::Column column;
  if (each.from == Register::From::kInput) {
    column.port = static_cast<std::ptrdiff_t>(each.port);
    column.width = static_cast<std::size_t>(out_.graph_.inputs[each.port].columns);
    column.column = each.column;
  } else {
    mark({place});
    column.place = place;
  }
  inputs.columns.push_back(column);
  return {0, inputs.columns.size() - 1};
}

namespace {

// Columns of large tables are looked up one by one: there are few.
constexpr std::size_t kMostLookedUp = 256;

// How many rows of it are before the next part of the same table.
std::size_t rows_of(const TreeInputs::Table& table, const TreeInputs& inputs) {
  auto end = static_cast<std::int64_t>(table.size);
  for (const TreeInputs::Table& each : inputs.tables) {
    if (each.data == table.data && each.shift > table.shift) end = std::min(end, each.shift);
  }
  if (table.shift < 0 || table.shift >= end) return 0;
  return static_cast<std::size_t>(end - table.shift);
}

// Tables whose rows one register says are one source, as long as all of them have the row. Answers
// that of each table.
std::vector<std::size_t> find_sources(const TreeInputs& inputs,
                                      std::vector<MaskInputs::Source>& sources) {
  std::vector<std::size_t> out;
  for (const TreeInputs::Table& table : inputs.tables) {
    const auto found = std::find_if(sources.begin(), sources.end(),
                                    [&](const auto& each) { return each.place == table.place; });
    const std::size_t rows = rows_of(table, inputs);
    out.push_back(static_cast<std::size_t>(found - sources.begin()));
    if (found == sources.end()) {
      sources.push_back({table.place, rows});
    } else {
      found->size = std::min(found->size, rows);
    }
  }
  return out;
}

std::unique_ptr<TreeMasks> masks_of(const TreeTable<float>& trees, const TreeInputs& inputs,
                                    std::span<const TreePlace> places, MaskInputs& out) {
  std::vector<MaskInputs::Source> sources;
  const std::vector<std::size_t> source_of = find_sources(inputs, sources);
  // Those that are small enough, by their numbers among all.
  std::vector<std::size_t> numbers(sources.size(), sources.size());
  std::vector<std::size_t> sizes;
  for (std::size_t i = 0; i < sources.size(); ++i) {
    if (sources[i].size == 0 || sources[i].size > TreeMasks::kMostRows) continue;
    numbers[i] = sizes.size();
    sizes.push_back(sources[i].size);
    out.sources.push_back(sources[i]);
  }
  std::vector<TreeMasks::Feature> features;
  for (const TreePlace& place : places) {
    TreeMasks::Feature& feature = features.emplace_back();
    feature.column = place.column;
    if (place.table == 0) continue;
    const TreeInputs::Table& table = inputs.tables[place.table - 1];
    feature.source = numbers[source_of[place.table - 1]];
    if (feature.source == sources.size()) {
      feature.column = inputs.columns.size() + out.looked_up.size();
      out.looked_up.push_back({table, place.column});
      continue;
    }
    feature.stride = table.width;
    feature.table = static_cast<const float*>(table.data) +
                    static_cast<std::size_t>(table.shift) * table.width + place.column;
  }
  if (out.looked_up.size() > kMostLookedUp) return nullptr;
  return TreeMasks::of(trees.parts(), features, sizes, best_mask_unit());
}

}  // namespace

template <typename T>
Program::Compiler::Columns Program::Compiler::add_trees(const Columns& in,
                                                        std::unique_ptr<TreeTable<T>> trees) {
  TreeInputs inputs;
  std::vector<TreePlace> places;
  for (const std::size_t each : trees->used()) {
    places.push_back(place_feature(in.registers[each], inputs));
  }
  std::unique_ptr<TreeMasks> masks;
  MaskInputs mask_inputs;
  if constexpr (std::is_same_v<T, float>) masks = masks_of(*trees, inputs, places, mask_inputs);
  trees->place(places);
  Columns out{in.type, {}, false, false, nullptr};
  for (std::size_t i = 0; i < trees->targets(); ++i) {
    out.registers.push_back(add_register(out.type));
  }
  out_.steps_.push_back(std::make_unique<TreeStep<T>>(std::move(trees), std::move(inputs),
                                                      out.registers, std::move(masks),
                                                      std::move(mask_inputs)));
  return out;
}

bool Program::Compiler::take_trees(const GraphNode& node) {
  const Columns& in = *find(node.inputs[0]);
  if (node.inputs.size() != 1 || !in.is_plain()) return false;
  const auto add = [&]<typename T>() {
    auto trees = TreeTable<T>::of(node, in.registers.size());
    if (trees == nullptr) return false;
    give(node, add_trees(in, std::move(trees)));
    return true;
  };
  if (in.type == TensorType::kFloat) return add.template operator()<float>();
  return in.type == TensorType::kDouble && add.template operator()<double>();
}

bool Program::Compiler::take_legacy_trees(const GraphNode& node) {
  const Columns& in = *find(node.inputs[0]);
  if (node.inputs.size() != 1 || !in.is_plain() || in.type != TensorType::kFloat) return false;
  auto legacy = read_legacy_trees(node);
  if (!legacy || node.outputs.size() != (legacy->rule ? 2 : 1)) return false;
  auto trees = TreeTable<float>::of(legacy->sums, in.registers.size());
  if (trees == nullptr) return false;
  const Columns sums = add_base(add_trees(in, std::move(trees)), legacy->base);
  if (!legacy->rule) {
    give(node, sums);
    return true;
  }
  const bool has_texts = legacy->rule->labels.index() == 1;
  Columns labels{has_texts ? TensorType::kString : TensorType::kInt64, {}, false, false, nullptr};
  labels.registers.push_back(add_register(labels.type));
  Columns chances{TensorType::kFloat, {}, false, false, nullptr};
  for (std::size_t i = 0; i < legacy->rule->classes(); ++i) {
    chances.registers.push_back(add_register(chances.type));
  }
  mark(sums.registers);
  out_.steps_.push_back(std::make_unique<ClassStep>(std::move(*legacy->rule), sums.registers,
                                                    labels.registers[0], chances.registers));
  values_[node.outputs[0]] = std::move(labels);
  values_[node.outputs[1]] = std::move(chances);
  return true;
}

Program::Compiler::Columns Program::Compiler::add_base(Columns sums,
                                                       const std::vector<float>& base) {
  if (base.empty()) return sums;
  const std::vector<TensorType> types(2, TensorType::kFloat);
  const Kernel add = find_kernel("Add", types, TensorType::kFloat);
  out_.numbers_.push_back(std::make_unique<Tensor>(Tensor{{std::ssize(base)}, base}));
  for (std::size_t i = 0; i < sums.registers.size(); ++i) {
    Registers in = {sums.registers[i], constant_register(*out_.numbers_.back(), i)};
    mark(in);
    sums.registers[i] = add_register(sums.type);
    out_.steps_.push_back(std::make_unique<KernelStep>(add, std::move(in), sums.registers[i]));
  }
  return sums;
}

}  // namespace kingpost::onnx
