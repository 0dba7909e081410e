// SPDX-License-Identifier: Apache-2.0
// Presence, shorthand and constants.
#include "steps/06_extract_features/expression/builder.h"

#include <algorithm>
#include <cmath>

#include "base/text.h"

namespace kingpost::steps::extract_features::expression {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

/// A balanced search tree over the ends, as one node of ai.onnx.ml.
class StepTree {
 public:
  explicit StepTree(const Steps& steps) : steps_(steps) {}

  std::vector<onnx::Attribute> attributes() {
    build(0, steps_.ends.size());
    const auto count = static_cast<std::int64_t>(splits_.size());
    const auto leaves = static_cast<std::int64_t>(weights_.size());
    return {{"aggregate_function", std::int64_t{1}},
            {"leaf_targetids", std::vector<std::int64_t>(weights_.size(), 0)},
            {"leaf_weights", onnx::Tensor{{leaves}, weights_}},
            {"n_targets", std::int64_t{1}},
            {"nodes_falseleafs", no_leaf_},
            {"nodes_falsenodeids", no_},
            {"nodes_featureids", std::vector<std::int64_t>(splits_.size(), 0)},
            {"nodes_modes", std::vector<std::uint8_t>(splits_.size(), 0)},
            {"nodes_splits", onnx::Tensor{{count}, splits_}},
            {"nodes_trueleafs", yes_leaf_},
            {"nodes_truenodeids", yes_},
            {"tree_roots", std::vector<std::int64_t>{0}}};
  }

 private:
  struct Child {
    std::int64_t is_leaf;
    std::int64_t id;
  };

  Child build(std::size_t from, std::size_t to) {
    if (from == to) {
      weights_.push_back(steps_.leaves[from]);
      return {1, static_cast<std::int64_t>(weights_.size()) - 1};
    }
    const std::size_t middle = (from + to) / 2;
    const std::size_t at = splits_.size();
    splits_.push_back(steps_.ends[middle]);
    for (auto* each : {&yes_, &no_, &yes_leaf_, &no_leaf_}) each->push_back(0);
    const Child yes = build(from, middle);
    yes_[at] = yes.id;
    yes_leaf_[at] = yes.is_leaf;
    const Child no = build(middle + 1, to);
    no_[at] = no.id;
    no_leaf_[at] = no.is_leaf;
    return {0, static_cast<std::int64_t>(at)};
  }

  const Steps& steps_;
  std::vector<double> splits_;
  std::vector<double> weights_;
  std::vector<std::int64_t> yes_;
  std::vector<std::int64_t> no_;
  std::vector<std::int64_t> yes_leaf_;
  std::vector<std::int64_t> no_leaf_;
};

}  // namespace

std::nullopt_t Builder::refuse(const Span& span, std::string what, std::string hint) {
  const Place place =
      span.at == Span::kNowhere ? node_.mark.place() : node_.mark.place_within(span.at, span.width);
  faults_.add(fault_at(node_.mark, "extract_features.expression_unsupported", std::move(what),
                       std::move(hint))
                  .at(place));
  return std::nullopt;
}

Value Builder::nan() {
  return graph.constant(kNan);
}

Term Builder::constant(const Type& type, const Constant& value) {
  Term out;
  out.type = type;
  out.constant = value;
  if (const auto* flag = std::get_if<bool>(&value)) {
    out.value = graph.constant(*flag);
  } else if (const auto* text = std::get_if<std::string>(&value)) {
    out.value = graph.constant(*text);
  } else if (const auto* each = std::get_if<double>(&value)) {
    out.value = number(*each);
    out.least = out.most = *each;
    if (std::isnan(*each)) {
      out.nulls = Nulls::kMasked;
      out.mask = graph.constant(true);
    }
  } else {
    out.nulls = Nulls::kMarked;
    if (type.kind == Kind::kBoolean) {
      out.value = out.falsity = graph.constant(false);
    } else {
      out.value = type.kind == Kind::kText ? graph.constant(std::string()) : nan();
    }
  }
  return out;
}

Term Builder::whole(Kind kind, const Value& value, const Term& like, double least, double most) {
  Term out;
  out.type = Type{kind};
  out.value = value;
  out.nulls = like.nulls == Nulls::kNever ? Nulls::kNever : Nulls::kMarked;
  out.least = least;
  out.most = most;
  return out;
}

Term Builder::strict(const Type& type, const Value& value, const Terms& from, bool makes_nan) {
  Term out;
  out.type = type;
  out.value = value;
  const auto any = [&](Nulls nulls) {
    return std::any_of(from.begin(), from.end(), [&](const Term& t) { return t.nulls == nulls; });
  };
  if (!makes_nan && !any(Nulls::kMasked)) {
    out.nulls = any(Nulls::kMarked) ? Nulls::kMarked : Nulls::kNever;
    return out;
  }
  out.nulls = Nulls::kMasked;
  for (const Term& each : from) {
    if (each.nulls == Nulls::kNever) continue;
    out.mask = out.mask.name.empty() ? present(each) : test("And", out.mask, present(each));
  }
  if (out.mask.name.empty()) out.mask = graph.constant(true);
  return out;
}

Term Builder::boolean(const Value& truth, const Value& falsity) {
  Term out;
  out.type = Type{Kind::kBoolean};
  out.value = truth;
  out.falsity = falsity;
  out.nulls = Nulls::kMarked;
  return out;
}

Term Builder::sure(const Value& truth) {
  Term out;
  out.type = Type{Kind::kBoolean};
  out.value = truth;
  return out;
}

Value Builder::present(const Term& term) {
  if (term.nulls == Nulls::kNever) return graph.constant(true);
  if (term.type.kind == Kind::kBoolean) return test("Or", term.value, term.falsity);
  if (term.nulls == Nulls::kMasked) return term.mask;
  if (term.type.kind == Kind::kText) {
    return test("Not", test("Equal", term.value, graph.constant(std::string())));
  }
  return test("Not", test("IsNaN", term.value));
}

Value Builder::falsity(const Term& term) {
  return term.nulls == Nulls::kNever ? test("Not", term.value) : term.falsity;
}

Value Builder::op(std::string_view name, const Value& a, const Value& b) {
  return graph.node(name, {a, b}, a.type);
}

Value Builder::op(std::string_view name, const Value& a) {
  return graph.node(name, {a}, a.type);
}

Value Builder::test(std::string_view name, const Value& a, const Value& b) {
  return graph.node(name, {a, b}, TensorType::kBool);
}

Value Builder::test(std::string_view name, const Value& a) {
  return graph.node(name, {a}, TensorType::kBool);
}

// The runtime has no Where of booleans. Its Where of numbers gives 0 for -0.
Value Builder::where(const Value& condition, const Value& yes, const Value& no) {
  if (yes.type != TensorType::kBool) {
    return graph.node("Where", {condition, yes, no}, yes.type);
  }
  const Value always = graph.constant(true);
  const Value never = graph.constant(false);
  if (yes.name == no.name) return yes;
  if (yes.name == always.name) return test("Or", condition, no);
  if (no.name == never.name) return test("And", condition, yes);
  const Value otherwise = test("Not", condition);
  if (yes.name == never.name) return test("And", otherwise, no);
  if (no.name == always.name) return test("Or", otherwise, yes);
  return test("Or", test("And", condition, yes), test("And", otherwise, no));
}

Value Builder::floor_div(const Value& value, double by) {
  return op("Floor", op("Div", value, number(by)));
}

Value Builder::times(const Value& a, double by) {
  return by == 1 ? a : op("Mul", a, number(by));
}

Value Builder::plus(const Value& a, double by) {
  return by == 0 ? a : op("Add", a, number(by));
}

Value Builder::step_function(const Value& value, const Steps& steps) {
  if (steps.ends.empty()) return plus(times(value, 0), steps.leaves.front());
  return graph.node("TreeEnsemble", {value}, TensorType::kDouble, StepTree(steps).attributes(),
                    "ai.onnx.ml");
}

void Builder::note_inexact() {
  graph.note("exactness", "1e-6");
}

}  // namespace kingpost::steps::extract_features::expression
