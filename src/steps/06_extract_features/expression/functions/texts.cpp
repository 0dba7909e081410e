// SPDX-License-Identifier: Apache-2.0
// Functions of text. What ONNX has no operator for, and a regular expression (RE2, on both sides)
// cannot say, is refused.
#include <algorithm>
#include <cctype>

#include "steps/06_extract_features/expression/functions/functions.h"

namespace kingpost::steps::extract_features::expression {
namespace {

const Type kText{Kind::kText};

// "" where null.
std::optional<Term> as_text(Builder& builder, const Call& call, std::size_t argument) {
  const Term& term = call.args[argument];
  if (term.type.kind == Kind::kText) return term;
  auto text = text_of(builder, term);
  if (text) return text;
  return builder.refuse(span_of(call, argument),
                        format("{} cannot be written as text in a feature", word_of(term.type)),
                        "text, integers and booleans can");
}

MaybeTerm changed_case(Builder& builder, const Call& call, const std::string& action) {
  if (!want_text(builder, call, 0)) return std::nullopt;
  const Term& a = call.args[0];
  onnx::Graph& graph = builder.graph;
  // The operator works on one dimension only.
  const Value flat = graph.node("Reshape", {a.value, graph.vector_of({-1})}, TensorType::kString);
  const Value changed =
      graph.node("StringNormalizer", {flat}, TensorType::kString,
                 {{"case_change_action", action}, {"locale", std::string("C.UTF-8")}});
  Term out = a;
  out.value = graph.node("Reshape", {changed, graph.vector_of({-1, 1})}, TensorType::kString);
  return out;
}

MaybeTerm lower_of(Builder& builder, const Call& call) {
  return changed_case(builder, call, "LOWER");
}
MaybeTerm upper_of(Builder& builder, const Call& call) {
  return changed_case(builder, call, "UPPER");
}

// Not empty when it is there.
bool is_filled(const Term& term) {
  if (term.nulls == Nulls::kMarked) return true;
  return term.text() != nullptr && !term.text()->empty();
}

MaybeTerm concatenation(Builder& builder, const Call& call) {
  std::optional<Value> value;
  std::optional<Value> there;
  bool filled = false;
  for (std::size_t i = 0; i < call.args.size(); ++i) {
    if (call.args[i].is_null()) return builder.constant(kText, Constant{});
    const auto part = as_text(builder, call, i);
    if (!part) return std::nullopt;
    value = value ? builder.op("StringConcat", *value, part->value) : part->value;
    filled = filled || is_filled(*part);
    if (part->nulls == Nulls::kNever) continue;
    const Value present = builder.present(*part);
    there = there ? builder.test("And", *there, present) : present;
  }
  Term out;
  out.type = kText;
  out.value = *value;
  if (!there) return out;
  out.value = builder.where(*there, *value, builder.graph.constant(std::string()));
  out.nulls = filled ? Nulls::kMarked : Nulls::kMasked;
  if (!filled) out.mask = *there;
  return out;
}

MaybeTerm concat_of(Builder& builder, const Call& call) {
  Term out;
  out.type = kText;
  std::optional<Value> value;
  for (std::size_t i = 0; i < call.args.size(); ++i) {
    if (call.args[i].is_null()) continue;
    const auto part = as_text(builder, call, i);
    if (!part) return std::nullopt;
    value = value ? builder.op("StringConcat", *value, part->value) : part->value;
  }
  out.value = value ? *value : builder.graph.constant(std::string());
  return out;
}

std::string like_pattern(std::string_view pattern) {
  std::string out;
  for (const char each : pattern) {
    if (each == '%') {
      out += ".*";
    } else if (each == '_') {
      out += '.';
    } else {
      out += verbatim(std::string_view(&each, 1));
    }
  }
  return out;
}

// Whether the text matches the whole of an RE2 expression.
MaybeTerm matching(Builder& builder, const Call& call, const std::string& pattern,
                   bool matches_empty, bool wanted = true) {
  const Term& a = call.args[0];
  const Value hit = builder.graph.node("RegexFullMatch", {a.value}, TensorType::kBool,
                                       {{"pattern", "(?s)" + pattern}});
  Term out;
  if (a.nulls == Nulls::kNever) {
    out = builder.sure(hit);
  } else {
    const Value there = builder.present(a);
    const bool is_enough = a.nulls == Nulls::kMarked && !matches_empty;
    out = builder.boolean(is_enough ? hit : builder.test("And", hit, there),
                          builder.test("And", builder.test("Not", hit), there));
  }
  return wanted ? out : builder.negation(out);
}

// The second argument, which must be a constant; null makes the answer null.
std::optional<std::string> pattern_of(Builder& builder, const Call& call) {
  if (!want_text(builder, call, 0)) return std::nullopt;
  return constant_text(builder, call, 1);
}

MaybeTerm like(Builder& builder, const Call& call) {
  const auto text = pattern_of(builder, call);
  if (!text) return std::nullopt;
  const bool matches_empty = text->find_first_not_of('%') == std::string::npos;
  return matching(builder, call, like_pattern(*text), matches_empty);
}

MaybeTerm not_like(Builder& builder, const Call& call) {
  const auto positive = like(builder, call);
  return positive ? MaybeTerm(builder.negation(*positive)) : std::nullopt;
}

MaybeTerm starts_with_of(Builder& builder, const Call& call) {
  const auto text = pattern_of(builder, call);
  return text ? matching(builder, call, verbatim(*text) + ".*", text->empty()) : std::nullopt;
}
MaybeTerm ends_with_of(Builder& builder, const Call& call) {
  const auto text = pattern_of(builder, call);
  return text ? matching(builder, call, ".*" + verbatim(*text), text->empty()) : std::nullopt;
}
MaybeTerm contains_of(Builder& builder, const Call& call) {
  const auto text = pattern_of(builder, call);
  return text ? matching(builder, call, ".*" + verbatim(*text) + ".*", text->empty())
              : std::nullopt;
}

// The binary digits of the length, each by a regular expression that counts in twos, fours, ...
MaybeTerm length_of(Builder& builder, const Call& call) {
  constexpr int kDigits = 8;
  if (!want_text(builder, call, 0)) return std::nullopt;
  const Term& a = call.args[0];
  const auto matches = [&](const std::string& pattern) {
    return builder.graph.node("RegexFullMatch", {a.value}, TensorType::kBool,
                              {{"pattern", "(?s)" + pattern}});
  };
  std::optional<Value> sum;
  for (int digit = 0; digit < kDigits; ++digit) {
    const int weight = 1 << digit;
    const Value is_set =
        matches(format("(?:.{{{}}})*.{{{},{}}}", 2 * weight, weight, 2 * weight - 1));
    const Value part = builder.times(builder.graph.cast(is_set, TensorType::kDouble), weight);
    sum = sum ? builder.op("Add", *sum, part) : part;
  }
  constexpr int kMost = (1 << kDigits) - 1;
  Value fine = matches(format(".{{0,{}}}", kMost));
  if (a.nulls != Nulls::kNever) fine = builder.test("And", fine, builder.present(a));
  Term out;
  out.type = Type{Kind::kInt64};
  out.value = builder.where(fine, *sum, builder.nan());
  out.nulls = Nulls::kMarked;
  out.least = 0;
  out.most = kMost;
  return out;
}

}  // namespace

bool want_text(Builder& builder, const Call& call, std::size_t argument) {
  const Term& term = call.args[argument];
  if (term.type.kind == Kind::kText || term.is_null()) return true;
  builder.refuse(span_of(call, argument),
                 format("{} wants text but this is {}", call.name, word_of(term.type)),
                 "write CAST(x AS VARCHAR) for an integer");
  return false;
}

std::string verbatim(std::string_view text) {
  std::string out;
  for (const char each : text) {
    const auto byte = static_cast<unsigned char>(each);
    if (byte == 0) {
      out += "\\x00";
      continue;
    }
    if (byte < 0x80 && std::isalnum(byte) == 0 && each != '_') out += '\\';
    out += each;
  }
  return out;
}

MaybeTerm text_of(Builder& builder, const Term& term) {
  if (term.type.kind == Kind::kText) return term;
  if (term.is_null()) return builder.constant(kText, Constant{});
  onnx::Graph& graph = builder.graph;
  const Value none = graph.constant(std::string());
  Term out;
  out.type = kText;
  out.nulls = term.nulls == Nulls::kNever ? Nulls::kNever : Nulls::kMarked;
  if (is_integer(term.type)) {
    const Value whole = graph.cast(term.value, TensorType::kInt64);
    out.value = graph.cast(whole, TensorType::kString);
    if (term.nulls != Nulls::kNever)
      out.value = builder.where(builder.present(term), out.value, none);
    return out;
  }
  if (term.type.kind != Kind::kBoolean) return std::nullopt;
  const Value no = graph.constant(std::string("false"));
  const Value otherwise =
      term.nulls == Nulls::kNever ? no : builder.where(builder.falsity(term), no, none);
  out.value = builder.where(term.value, graph.constant(std::string("true")), otherwise);
  return out;
}

std::vector<Function> text_functions() {
  constexpr std::string_view kAny = "null when an argument is null";
  constexpr std::string_view kTrimNulls =
      "null when s is null; may be null when an end loses more than 64 characters, 1,984 if spaces";
  constexpr std::size_t kMany = 100;
  return {
      {"lower lcase", "lower(s)", "string", kAny, "small letters", 1, 1, lower_of},
      {"upper ucase", "upper(s)", "string", kAny, "capitals; \xC3\x9F stays as it is", 1, 1,
       upper_of},
      {"length len char_length character_length", "length(s)", "int64",
       "null when s is null or longer than 255 characters", "number of characters", 1, 1,
       length_of},
      {"trim", "trim(s), trim(s, 'xy')", "string", kTrimNulls,
       "without blanks (Unicode's Zs: no tabs), or without the characters x and y, at both ends", 1,
       2, trim_of},
      {"ltrim", "ltrim(s), ltrim(s, 'xy')", "string", kTrimNulls, "the same at the front only", 1,
       2, ltrim_of},
      {"rtrim", "rtrim(s), rtrim(s, 'xy')", "string", kTrimNulls, "the same at the end only", 1, 2,
       rtrim_of},
      {"||", "a || b", "string", kAny, "text, integers and booleans side by side", 2, 2,
       concatenation},
      {"concat", "concat(a, b, ...)", "string", "never null: null counts as empty",
       "text, integers and booleans side by side", 1, kMany, concat_of},
      {"~~", "s LIKE 'pattern'", "boolean", kAny,
       "% is any text and _ any character; the pattern is a constant", 2, 2, like},
      {"!~~", "s NOT LIKE 'pattern'", "boolean", kAny, "the opposite of LIKE", 2, 2, not_like},
      {"starts_with prefix ^@", "starts_with(s, 'x')", "boolean", kAny, "the second is a constant",
       2, 2, starts_with_of},
      {"ends_with suffix", "ends_with(s, 'x')", "boolean", kAny, "the second is a constant", 2, 2,
       ends_with_of},
      {"contains", "contains(s, 'x')", "boolean", kAny, "the second is a constant", 2, 2,
       contains_of},
  };
}

}  // namespace kingpost::steps::extract_features::expression
