// SPDX-License-Identifier: Apache-2.0
// What a graph holds in memory, shared by the two files that build it and that write and read it.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "engines/onnx/graph.h"

namespace kingpost::onnx {

struct GraphNode {
  std::string op;
  std::string domain;
  std::vector<std::string> inputs;
  std::vector<std::string> outputs;
  /// One per output.
  std::vector<TensorType> types;
  std::vector<Attribute> attributes;
};

struct GraphConstant {
  std::string name;
  Tensor tensor;
};

struct GraphOutput {
  Port port;
  /// The name of the value that leaves here.
  std::string value;
};

struct GraphState {
  std::string name;
  /// It is the body of a loop.
  bool is_body = false;
  std::vector<Port> inputs;
  /// Each after those whose outputs it reads.
  std::vector<GraphNode> nodes;
  std::vector<GraphConstant> constants;
  std::vector<GraphOutput> outputs;
  std::map<std::string, std::string> notes;

  /// Every name of a value.
  std::unordered_set<std::string> names;
  /// Keys of nodes and constants (see key_of), to the index of the node or constant.
  std::unordered_map<std::string, std::size_t> known_nodes;
  std::unordered_map<std::string, std::size_t> known_constants;
  std::uint64_t next_name = 0;
};

/// Null where the node has no such attribute of this kind.
template <typename Kind>
const Kind* find_attribute(const GraphNode& node, std::string_view name) {
  for (const Attribute& each : node.attributes) {
    if (each.name == name) return std::get_if<Kind>(&each.value);
  }
  return nullptr;
}

/// Texts that are equal exactly when the two are the same but for the names of their outputs.
/// Numbers count by their bits.
std::string key_of(const GraphNode& node);
std::string key_of(const Tensor& tensor);

inline constexpr std::int64_t kIrVersion = 10;
inline constexpr std::int64_t kOpset = 21;
inline constexpr std::string_view kMlDomain = "ai.onnx.ml";
inline constexpr std::int64_t kMlOpset = 5;

/// The body that the node runs, or null.
const GraphState* body_of(const GraphNode& node);

/// The number that ONNX gives the type.
std::int64_t onnx_type(TensorType type);
/// "Name", or "domain.Name".
std::string operator_name(const GraphNode& node);
/// Nothing when the node is exact, a body inside of it not looked at; else the operator's name,
/// with what makes it inexact behind it when the operator is listed.
std::string inexact_name(const GraphState& state, const GraphNode& node);

std::string write_graph(const GraphState& state);
/// Fails with `onnx.malformed`.
Result<GraphState> read_graph(std::string_view bytes);
/// A graph of another program, of whatever versions, where all of its operators mean the same in
/// each; types that it does not state are worked out. An output [rows] is read as [rows, 1]. Fails
/// with `onnx.malformed` on all others.
Result<GraphState> read_foreign_graph(std::string_view bytes);

}  // namespace kingpost::onnx
