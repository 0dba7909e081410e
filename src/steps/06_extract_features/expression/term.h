// SPDX-License-Identifier: Apache-2.0
// A compiled subexpression: a tensor with what is known of it, so that no node is spent on a mask,
// a range check or a NaN that cannot be.
#pragma once

#include <cstddef>
#include <limits>
#include <optional>
#include <string>
#include <variant>

#include "engines/onnx/graph.h"
#include "steps/06_extract_features/expression/types.h"

namespace kingpost::steps::extract_features::expression {

/// null, boolean, number (a decimal scaled, a time in microseconds), text.
using Constant = std::variant<std::monostate, bool, double, std::string>;

enum class Nulls {
  /// Neither null nor NaN; a text may be empty.
  kNever,
  /// NaN, or the empty text, is null and nothing else is.
  kMarked,
  /// `mask` says: NaN may be a value. What is null is NaN (or the empty text) all the same.
  kMasked,
};

/// A stretch of the expression's text, for a caret.
struct Span {
  static constexpr std::size_t kNowhere = static_cast<std::size_t>(-1);
  std::size_t at = kNowhere;
  std::size_t width = 1;
};

struct Term {
  Type type;
  /// Numbers: kDouble; a decimal is scaled to a whole number; times and intervals in microseconds.
  /// Booleans: kBool, "is true". Text: kString.
  onnx::Value value;
  Nulls nulls = Nulls::kNever;
  /// kBool "is there"; only with kMasked.
  onnx::Value mask{};
  /// Of a boolean that can be null (any of them but kNever): "is false".
  onnx::Value falsity{};
  /// Bounds of an integer or scaled decimal.
  double least = -std::numeric_limits<double>::infinity();
  double most = std::numeric_limits<double>::infinity();
  /// A whole number that may be -0, which the engine does not have.
  bool signed_zero = false;
  std::optional<Constant> constant{};
  /// An integer as it stands in the text: it takes the type of what it meets, if it fits.
  bool is_literal = false;
  /// Of a constant interval, beside `value`.
  double months = 0;
  Span span{};

  bool is_null() const { return constant && std::holds_alternative<std::monostate>(*constant); }
  const std::string* text() const {
    return constant ? std::get_if<std::string>(&*constant) : nullptr;
  }
  const double* number() const { return constant ? std::get_if<double>(&*constant) : nullptr; }
};

}  // namespace kingpost::steps::extract_features::expression
