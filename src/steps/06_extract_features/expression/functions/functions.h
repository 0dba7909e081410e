// SPDX-License-Identifier: Apache-2.0
// The one table of what a feature's expression may call: it drives the compiler, its messages and
// docs/expressions.md.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "steps/06_extract_features/expression/builder.h"

namespace kingpost::steps::extract_features::expression {

struct Call {
  std::string name;
  Span span;
  Terms args;
};

using Emit = MaybeTerm (*)(Builder& builder, const Call& call);

struct Function {
  /// Lower case; synonyms behind it, with blanks between.
  std::string_view names;
  /// As the docs show it.
  std::string_view usage;
  std::string_view answer;
  std::string_view nulls;
  std::string_view doc;
  std::size_t least = 0;
  std::size_t most = 0;
  /// Null for a form of the grammar, which the compiler reads itself.
  Emit emit = nullptr;
};

/// One heading of the docs.
struct Family {
  std::string_view title;
  std::vector<Function> functions;
};

const std::vector<Family>& families();
const Function* find_function(std::string_view name);
/// What to do in place of a function that a feature cannot have.
std::string instead_of(const std::string& name);
/// The tables of docs/expressions.md.
std::string documentation();

std::vector<Function> operator_functions();
std::vector<Function> number_functions();
std::vector<Function> text_functions();
std::vector<Function> time_functions();

// Arithmetic of times and intervals, which the operators + - * hand over to.
MaybeTerm add_times(Builder& builder, const Call& call);
MaybeTerm subtract_times(Builder& builder, const Call& call);
MaybeTerm multiply_interval(Builder& builder, const Call& call);

MaybeTerm trim_of(Builder& builder, const Call& call);
MaybeTerm ltrim_of(Builder& builder, const Call& call);
MaybeTerm rtrim_of(Builder& builder, const Call& call);
/// The argument is text (null counts); else a refusal.
bool want_text(Builder& builder, const Call& call, std::size_t argument);
/// A regular expression that matches this text and no other.
std::string verbatim(std::string_view text);

/// An integer, boolean or text as text; nothing for other types.
MaybeTerm text_of(Builder& builder, const Term& term);

/// The caret of an argument, or of the call where the argument has no place.
Span span_of(const Call& call, std::size_t argument);
/// All arguments are numbers (null counts); else a refusal.
bool want_numbers(Builder& builder, const Call& call);
/// The argument is a constant number; else a refusal.
std::optional<double> constant_number(Builder& builder, const Call& call, std::size_t argument);
std::optional<std::string> constant_text(Builder& builder, const Call& call, std::size_t argument);

}  // namespace kingpost::steps::extract_features::expression
