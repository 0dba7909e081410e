// SPDX-License-Identifier: Apache-2.0
// trim, ltrim and rtrim. ONNX splits a text at a fixed delimiter and no more. A byte that no UTF-8
// has is put at an end of the text; where the delimiter is that byte with blanks beside it, the
// split takes so many blanks off that end, and touches nothing else. It is done until no end of any
// row has a blank.
#include <algorithm>
#include <array>

#include "steps/06_extract_features/expression/functions/functions.h"

namespace kingpost::steps::extract_features::expression {
namespace {

constexpr const char* kMark = "\xFF";
// More turns than texts need; a text that needs more is null, so that no text takes forever.
constexpr std::int64_t kMostTurns = 64;
// Numbers of the first character that are taken off in one turn; of each other it is one.
constexpr std::array<std::size_t, 5> kAtOnce = {16, 8, 4, 2, 1};

struct Ends {
  bool left = false;
  bool right = false;
};

// Unicode's Zs, the blanks that the engine trims: neither tabs nor line ends.
const std::vector<std::string>& blanks() {
  static const std::vector<std::string> list = {
      " ",
      "\xC2\xA0",
      "\xE3\x80\x80",
      "\xE1\x9A\x80",
      "\xE2\x80\x80",
      "\xE2\x80\x81",
      "\xE2\x80\x82",
      "\xE2\x80\x83",
      "\xE2\x80\x84",
      "\xE2\x80\x85",
      "\xE2\x80\x86",
      "\xE2\x80\x87",
      "\xE2\x80\x88",
      "\xE2\x80\x89",
      "\xE2\x80\x8A",
      "\xE2\x80\xAF",
      "\xE2\x81\x9F",
  };
  return list;
}

// Each character once, and the space, which comes in longer runs than others, first.
std::vector<std::string> characters_of(const std::string& text) {
  std::vector<std::string> out;
  for (const char each : text) {
    const bool begins = (static_cast<unsigned char>(each) & 0xC0U) != 0x80U;
    if (begins) out.emplace_back();
    out.back() += each;
  }
  std::sort(out.begin(), out.end());
  out.erase(std::unique(out.begin(), out.end()), out.end());
  std::stable_partition(out.begin(), out.end(), [](const std::string& c) { return c == " "; });
  return out;
}

class Trimming {
 public:
  Trimming(const std::vector<std::string>& characters, Ends ends)
      : characters_(characters), ends_(ends) {}

  // Text -> text without them; the second says where some are left.
  std::pair<Value, Value> trimmed(onnx::Graph& graph, Value text) const {
    const std::vector<std::string> first = {characters_.front()};
    text = loop(graph, text, first);
    if (characters_.size() > 1) text = loop(graph, text, characters_);
    return {text, has_some(graph, text, characters_)};
  }

 private:
  Value loop(onnx::Graph& graph, const Value& text, const std::vector<std::string>& list) const {
    onnx::Graph body = onnx::Graph::body(TensorType::kString);
    Value out{std::string(onnx::Graph::kCarried), TensorType::kString};
    for (const std::string& each : list) {
      for (const std::size_t count : kAtOnce) {
        if (count > 1 && each != list.front()) continue;
        std::string many;
        for (std::size_t i = 0; i < count; ++i) many += each;
        if (ends_.left) out = without(body, out, many, true);
        if (ends_.right) out = without(body, out, many, false);
      }
    }
    body.output(std::string(onnx::Graph::kAgain), any(body, has_some(body, out, list)), 0);
    body.output(std::string(onnx::Graph::kResult), out);
    return graph.loop(body, kMostTurns, any(graph, has_some(graph, text, list)), text);
  }

  // `many` is taken off once, where the text begins or ends with it.
  static Value without(onnx::Graph& graph, const Value& text, const std::string& many,
                       bool at_left) {
    const Value mark = graph.constant(kMark);
    const Value marked =
        graph.node("StringConcat", at_left ? std::vector{mark, text} : std::vector{text, mark},
                   TensorType::kString);
    const auto split = graph.nodes(
        "StringSplit", {marked}, {TensorType::kString, TensorType::kInt64},
        {{"delimiter", at_left ? kMark + many : many + kMark}, {"maxsplit", std::int64_t{1}}});
    const Value side =
        graph.constant(onnx::Tensor{{}, std::vector<std::int64_t>{at_left ? -1 : 0}});
    const Value rest =
        graph.node("Gather", {split[0], side}, TensorType::kString, {{"axis", std::int64_t{2}}});
    const Value hit =
        graph.node("Equal", {split[1], graph.constant(std::int64_t{2})}, TensorType::kBool);
    return graph.node("Where", {hit, rest, text}, TensorType::kString);
  }

  Value has_some(onnx::Graph& graph, const Value& text,
                 const std::vector<std::string>& list) const {
    std::string one;
    for (const std::string& each : list) one += (one.empty() ? "" : "|") + verbatim(each);
    one = "(?:" + one + ")";
    std::string pattern;
    if (ends_.left) pattern = one + ".*";
    if (ends_.right) pattern += (pattern.empty() ? ".*" : "|.*") + one;
    return graph.node("RegexFullMatch", {text}, TensorType::kBool, {{"pattern", "(?s)" + pattern}});
  }

  // Whether any row has it, as one boolean. The product counts them.
  static Value any(onnx::Graph& graph, const Value& rows) {
    const Value ones = graph.cast(rows, TensorType::kFloat);
    const Value turned = graph.node("Transpose", {ones}, TensorType::kFloat,
                                    {{"perm", std::vector<std::int64_t>{1, 0}}});
    const Value count = graph.node("MatMul", {turned, ones}, TensorType::kFloat);
    const Value none = graph.constant(onnx::Tensor{{1, 1}, std::vector<float>{0}});
    const Value some = graph.node("Greater", {count, none}, TensorType::kBool);
    return graph.node("Reshape", {some, graph.vector_of({})}, TensorType::kBool);
  }

  const std::vector<std::string>& characters_;
  Ends ends_;
};

MaybeTerm trimmed(Builder& builder, const Call& call, Ends ends) {
  if (!want_text(builder, call, 0)) return std::nullopt;
  const Term& text = call.args[0];
  std::vector<std::string> characters = blanks();
  if (call.args.size() > 1) {
    const auto given = constant_text(builder, call, 1);
    if (!given) return std::nullopt;
    characters = characters_of(*given);
  }
  if (characters.empty()) return text;
  const auto [value, is_left] = Trimming(characters, ends).trimmed(builder.graph, text.value);
  Term out;
  out.type = text.type;
  out.value = builder.where(is_left, builder.graph.constant(std::string()), value);
  out.nulls = Nulls::kMasked;
  out.mask = builder.test("Not", is_left);
  if (text.nulls != Nulls::kNever) out.mask = builder.test("And", out.mask, builder.present(text));
  return out;
}

}  // namespace

MaybeTerm trim_of(Builder& builder, const Call& call) {
  return trimmed(builder, call, {true, true});
}
MaybeTerm ltrim_of(Builder& builder, const Call& call) {
  return trimmed(builder, call, {true, false});
}
MaybeTerm rtrim_of(Builder& builder, const Call& call) {
  return trimmed(builder, call, {false, true});
}

}  // namespace kingpost::steps::extract_features::expression
