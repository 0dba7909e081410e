// SPDX-License-Identifier: Apache-2.0
// Random expressions of the functions that a feature may use, and random rows for them.
#pragma once

#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "records/schema.h"
#include "records/tensor.h"

namespace kingpost::fuzz {

enum class Kind { kBoolean, kInteger, kDouble, kText, kDate, kTimestamp, kInstant };

/// Their names in tables of rules.
namespace kinds {
constexpr Kind B = Kind::kBoolean;
constexpr Kind I = Kind::kInteger;
constexpr Kind D = Kind::kDouble;
constexpr Kind S = Kind::kText;
constexpr Kind A = Kind::kDate;
constexpr Kind T = Kind::kTimestamp;
constexpr Kind Z = Kind::kInstant;
}  // namespace kinds

/// A node of an expression: {0}, {1}, ... of the form stand for the arguments.
struct Expression {
  Kind kind = Kind::kInteger;
  std::string form;
  std::vector<Expression> args{};
  /// The engine may stop with an error, for which the graph has null.
  bool may_fail = false;

  std::string text() const;
  /// The same for the engine, with null for errors and for integers that a float64 cannot hold.
  std::string reference() const;
};

class Grammar {
 public:
  explicit Grammar(std::uint64_t seed) : random_(seed) {}

  records::TableSchema schema() const;
  records::Batch rows(std::int64_t count);
  Expression expression();
  /// Smaller expressions of the same kind or a part, for shrinking.
  std::vector<Expression> smaller(const Expression& expression);

 private:
  struct Rule {
    std::string form;
    std::vector<Kind> args;
    bool may_fail = false;
  };
  static const std::vector<Rule>& rules(Kind kind);

  Expression made(Kind kind, int depth);
  Expression leaf(Kind kind);
  std::string constant(Kind kind);
  double number(Kind kind);
  std::string text();
  std::size_t below(std::size_t count) { return static_cast<std::size_t>(random_() % count); }

  std::mt19937_64 random_;
};

}  // namespace kingpost::fuzz
