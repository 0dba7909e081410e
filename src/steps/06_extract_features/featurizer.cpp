// SPDX-License-Identifier: Apache-2.0
// The graph from a curated row to its features.
#include "steps/06_extract_features/featurizer.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <numbers>
#include <optional>

#include "base/format.h"
#include "steps/06_extract_features/expression/compiler.h"
#include "steps/06_extract_features/target_encoding.h"

namespace kingpost::steps::extract_features {
namespace {

using onnx::Tensor;
using onnx::TensorType;
using onnx::Value;

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();

Tensor row_of(std::vector<double> values) {
  const auto n = static_cast<std::int64_t>(values.size());
  return {{1, n}, std::move(values)};
}

class Assembly {
 public:
  Assembly(sql::Session& session, const records::TableSchema& columns,
           const std::vector<Treatment>& features, const std::vector<Fit>& fits,
           const records::Target& target, Faults& faults)
      : columns_(columns),
        features_(features),
        fits_(fits),
        target_(target),
        faults_(faults),
        graph_("featurizer"),
        compiler_(session, graph_, columns) {}

  Featurizer make() {
    for (std::size_t i = 0; i < features_.size(); ++i) add(i);
    if (!faults_.empty()) return {onnx::Graph("featurizer"), {}, {}};
    add_numbers();
    finish();
    return {std::move(graph_), std::move(set_), std::move(held_out_)};
  }

 private:
  // One piece of the matrix: columns made together, and where they belong.
  struct Piece {
    Value value;
    std::vector<std::pair<std::size_t, records::FeatureColumn>> columns;
  };

  void add(std::size_t i) {
    const Treatment& feature = features_[i];
    const auto compiled = feature.column.empty()
                              ? compiler_.compile(feature.expression, faults_)
                              : std::optional<Compiled>(compiler_.column(feature.column));
    if (!compiled) return;
    if (feature.kind == Kind::kNumber) numbers_.push_back({i, compiled->value});
    if (feature.kind == Kind::kCyclic) add_cyclic(i, compiled->value);
    if (feature.kind == Kind::kCategory) add_category(i, *compiled);
  }

  Value node(std::string_view op, const std::vector<Value>& inputs, TensorType type) {
    return graph_.node(op, inputs, type);
  }

  struct Number {
    std::size_t feature = 0;
    Value value;
  };

  // Equal signatures go through the same ops.
  static std::string signature(const Treatment& feature, const Fit& fit) {
    return format("{}{}{}{}", feature.clip_min || feature.clip_max ? 'c' : '-',
                  feature.log1p ? 'l' : '-', feature.missing == Missing::kKeep ? 'k' : '-',
                  fit.number.center != 0 || fit.number.scale != 1 ? 's' : '-');
  }

  void add_numbers() {
    std::map<std::string, std::vector<Number>> groups;
    for (const Number& each : numbers_) {
      groups[signature(features_[each.feature], fits_[each.feature])].push_back(each);
    }
    for (const auto& [what, group] : groups) add_group(what, group);
  }

  template <typename Of>
  Value vector(const std::vector<Number>& group, const Of& of) {
    std::vector<double> values;
    for (const Number& each : group) {
      values.push_back(of(features_[each.feature], fits_[each.feature].number));
    }
    return graph_.constant(row_of(std::move(values)));
  }

  void add_group(const std::string& what, const std::vector<Number>& group) {
    std::vector<Value> values;
    for (const Number& each : group) values.push_back(each.value);
    Value x = graph_.side_by_side(values);
    constexpr TensorType kDouble = TensorType::kDouble;
    if (what[0] == 'c') {
      const Value least = vector(group, [](const Treatment& feature, const NumberFit&) {
        return feature.clip_min.value_or(-kInfinity);
      });
      const Value most = vector(group, [](const Treatment& feature, const NumberFit&) {
        return feature.clip_max.value_or(kInfinity);
      });
      x = node("Where", {node("Less", {x, least}, TensorType::kBool), least, x}, kDouble);
      x = node("Where", {node("Greater", {x, most}, TensorType::kBool), most, x}, kDouble);
    }
    if (what[1] == 'l') {
      const Value fine = node("GreaterOrEqual", {x, graph_.constant(0.0)}, TensorType::kBool);
      x = node("Where", {fine, x, graph_.constant(kNan)}, kDouble);
      x = node("Log", {node("Add", {x, graph_.constant(1.0)}, kDouble)}, kDouble);
    }
    const Value missing = node("IsNaN", {x}, TensorType::kBool);
    if (what[2] != 'k') {
      const Value fill =
          vector(group, [](const Treatment&, const NumberFit& fit) { return fit.fill; });
      x = node("Where", {missing, fill, x}, kDouble);
    }
    if (what[3] == 's') {
      const Value center =
          vector(group, [](const Treatment&, const NumberFit& fit) { return fit.center; });
      const Value scale =
          vector(group, [](const Treatment&, const NumberFit& fit) { return fit.scale; });
      x = node("Div", {node("Sub", {x, center}, kDouble), scale}, kDouble);
    }
    Piece piece{graph_.cast(x, TensorType::kFloat), {}};
    for (const Number& each : group) {
      const Treatment& feature = features_[each.feature];
      records::FeatureColumn column{feature.name, feature.feature};
      column.may_miss = feature.missing == Missing::kKeep;
      piece.columns.emplace_back(each.feature * 2, std::move(column));
    }
    pieces_.push_back(std::move(piece));
    add_indicators(group, missing);
  }

  void add_indicators(const std::vector<Number>& group, const Value& missing) {
    std::vector<std::int64_t> picked;
    Piece piece;
    for (std::size_t k = 0; k < group.size(); ++k) {
      const Treatment& feature = features_[group[k].feature];
      if (!feature.indicator || feature.missing == Missing::kKeep) continue;
      if (fits_[group[k].feature].number.nulls == 0) continue;
      picked.push_back(static_cast<std::int64_t>(k));
      piece.columns.emplace_back(
          group[k].feature * 2 + 1,
          records::FeatureColumn{feature.name + ":missing", feature.feature});
    }
    if (picked.empty()) return;
    const Value flags = picked.size() == group.size() ? missing : graph_.columns(missing, picked);
    piece.value = graph_.cast(flags, TensorType::kFloat);
    pieces_.push_back(std::move(piece));
  }

  // A constant table of sine and cosine; its last row, the centre, is for what has no place.
  void add_cyclic(std::size_t i, const Value& value) {
    constexpr TensorType kDouble = TensorType::kDouble;
    const std::int64_t period = features_[i].period;
    std::vector<float> table;
    for (std::int64_t k = 0; k < period; ++k) {
      const double angle =
          2 * std::numbers::pi * static_cast<double>(k) / static_cast<double>(period);
      table.push_back(static_cast<float>(std::sin(angle)));
      table.push_back(static_cast<float>(std::cos(angle)));
    }
    table.insert(table.end(), {0.0F, 0.0F});
    const Value around = graph_.constant(static_cast<double>(period));
    const Value whole = node("Floor", {value}, kDouble);
    const Value rounds = node("Floor", {node("Div", {whole, around}, kDouble)}, kDouble);
    const Value place = node("Sub", {whole, node("Mul", {rounds, around}, kDouble)}, kDouble);
    const Value from = node("GreaterOrEqual", {place, graph_.constant(0.0)}, TensorType::kBool);
    const Value below = node("Less", {place, around}, TensorType::kBool);
    const Value sound = node("And", {from, below}, TensorType::kBool);
    const Value index =
        graph_.cast(node("Where", {sound, place, around}, kDouble), TensorType::kInt64);
    const Value rows =
        graph_.node("Gather", {graph_.constant(Tensor{{period + 1, 2}, std::move(table)}), index},
                    TensorType::kFloat, {{"axis", std::int64_t{0}}});
    Piece piece{node("Reshape", {rows, graph_.vector_of({-1, 2})}, TensorType::kFloat), {}};
    const std::string& name = features_[i].name;
    piece.columns.emplace_back(i * 2, records::FeatureColumn{name + ":sin", features_[i].feature});
    piece.columns.emplace_back(i * 2, records::FeatureColumn{name + ":cos", features_[i].feature});
    pieces_.push_back(std::move(piece));
  }

  // Keys of a category's table: texts, or whole numbers.
  Value look_up(std::size_t i, const Compiled& compiled, const std::vector<float>& by_code,
                float unseen) {
    const Treatment& feature = features_[i];
    const CategoryFit& fit = fits_[i].category;
    std::vector<float> values = {by_code[feature.missing_is_other ? 1 : 0]};
    for (std::size_t k = 0; k < fit.levels.size(); ++k) values.push_back(by_code[k + 2]);
    if (!fit.is_number) {
      std::vector<std::string> keys = {""};
      for (const Level& level : fit.levels) keys.push_back(level.text);
      return graph_.node(
          "LabelEncoder", {compiled.value}, TensorType::kFloat,
          {{"keys_strings", keys}, {"values_floats", values}, {"default_float", unseen}},
          "ai.onnx.ml");
    }
    // No whole number that a float64 holds exactly is as small as this one.
    constexpr std::int64_t kNoNumber = std::numeric_limits<std::int64_t>::min();
    std::vector<std::int64_t> keys = {kNoNumber};
    for (const Level& level : fit.levels) keys.push_back(level.number);
    const Value value = compiled.value;
    const Value missing = node("IsNaN", {value}, TensorType::kBool);
    const Value whole =
        graph_.cast(node("Where", {missing, graph_.constant(0.0), value}, TensorType::kDouble),
                    TensorType::kInt64);
    const Value key =
        node("Where", {missing, graph_.constant(kNoNumber), whole}, TensorType::kInt64);
    return graph_.node(
        "LabelEncoder", {key}, TensorType::kFloat,
        {{"keys_int64s", keys}, {"values_floats", values}, {"default_float", unseen}},
        "ai.onnx.ml");
  }

  std::vector<std::string> level_names(std::size_t i) const {
    std::vector<std::string> out = {"(missing)", "(other)"};
    for (const Level& level : fits_[i].category.levels) out.push_back(level.text);
    return out;
  }

  void add_category(std::size_t i, const Compiled& compiled) {
    const Treatment& feature = features_[i];
    const CategoryFit& fit = fits_[i].category;
    const std::size_t unseen = feature.unseen_is_missing ? 0 : 1;
    if (feature.encode == Encode::kNative || feature.encode == Encode::kOneHot) {
      std::vector<float> codes;
      for (std::size_t k = 0; k < fit.levels.size() + 2; ++k) {
        codes.push_back(static_cast<float>(k));
      }
      const Value code = look_up(i, compiled, codes, codes[unseen]);
      if (feature.encode == Encode::kOneHot) return add_one_hot(i, code, codes);
      Piece piece{code, {}};
      records::FeatureColumn column{feature.name, feature.feature, true, level_names(i)};
      piece.columns.emplace_back(i * 2, std::move(column));
      pieces_.push_back(std::move(piece));
      return;
    }
    const std::size_t outputs = feature.encode == Encode::kTarget ? target_outputs(target_) : 1;
    Piece piece;
    std::vector<Value> values;
    for (std::size_t o = 0; o < outputs; ++o) {
      std::vector<float> by_code;
      for (const auto& encoded : fit.encoded) by_code.push_back(static_cast<float>(encoded[o]));
      values.push_back(look_up(i, compiled, by_code, by_code[unseen]));
      const std::string name =
          outputs == 1 ? feature.name : format("{}:{}", feature.name, target_.classes[o]);
      records::FeatureColumn column{name, feature.feature};
      column.out_of_fold = feature.encode == Encode::kTarget;
      piece.columns.emplace_back(i * 2, std::move(column));
    }
    piece.value = graph_.side_by_side(values);
    pieces_.push_back(std::move(piece));
  }

  void add_one_hot(std::size_t i, const Value& code, const std::vector<float>& codes) {
    const auto names = level_names(i);
    const auto n = static_cast<std::int64_t>(codes.size());
    const Value equal =
        node("Equal", {code, graph_.constant(Tensor{{1, n}, codes})}, TensorType::kBool);
    Piece piece{graph_.cast(equal, TensorType::kFloat), {}};
    for (const std::string& name : names) {
      piece.columns.emplace_back(
          i * 2,
          records::FeatureColumn{format("{}={}", features_[i].name, name), features_[i].feature});
    }
    pieces_.push_back(std::move(piece));
  }

  // The pieces side by side, then in the order of the features.
  void finish() {
    struct Slot {
      std::size_t order;
      std::int64_t at;
      const records::FeatureColumn* column;
    };
    std::vector<Slot> slots;
    std::vector<Value> values;
    for (const Piece& piece : pieces_) {
      values.push_back(piece.value);
      for (const auto& [order, column] : piece.columns) {
        slots.push_back({order, static_cast<std::int64_t>(slots.size()), &column});
      }
    }
    std::stable_sort(slots.begin(), slots.end(),
                     [](const Slot& a, const Slot& b) { return a.order < b.order; });
    std::vector<std::int64_t> picked;
    bool moved = false;
    for (const Slot& slot : slots) {
      moved = moved || slot.at != static_cast<std::int64_t>(picked.size());
      if (slot.column->out_of_fold &&
          (held_out_.empty() || held_out_.back().feature != slot.order / 2)) {
        held_out_.push_back({slot.order / 2, picked.size()});
      }
      picked.push_back(slot.at);
      set_.columns.push_back(*slot.column);
    }
    Value all = graph_.side_by_side(values);
    if (moved) all = graph_.columns(all, picked);
    graph_.output("features", all, static_cast<std::int64_t>(picked.size()));
    graph_.prune();
    for (const onnx::Port& port : graph_.inputs()) {
      const records::Column* column = columns_.find(port.name);
      set_.inputs.push_back({port.name, column != nullptr ? column->type : "", {}, {}});
    }
    set_.target = target_;
    set_.exact = onnx::inexact_operators(graph_).empty();
  }

  const records::TableSchema& columns_;
  const std::vector<Treatment>& features_;
  const std::vector<Fit>& fits_;
  const records::Target& target_;
  Faults& faults_;
  onnx::Graph graph_;
  ExpressionCompiler compiler_;
  std::vector<Number> numbers_;
  std::vector<Piece> pieces_;
  std::vector<HeldOut> held_out_;
  records::FeatureSet set_;
};

}  // namespace

Featurizer make_featurizer(sql::Session& session, const records::TableSchema& columns,
                           const std::vector<Treatment>& features, const std::vector<Fit>& fits,
                           const records::Target& target, Faults& faults) {
  return Assembly(session, columns, features, fits, target, faults).make();
}

}  // namespace kingpost::steps::extract_features
