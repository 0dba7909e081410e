// SPDX-License-Identifier: Apache-2.0
// Building an ONNX graph (https://onnx.ai/onnx/repo-docs/IR.html; opset 21, ai.onnx.ml 5, IR 10)
// one node at a time. Equal nodes and equal constants are made once, so callers need not share by
// hand. The bytes depend only on the calls, in their order.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/result.h"
#include "records/tensor.h"

namespace kingpost::onnx {

using records::Tensor;
using records::TensorType;

/// A tensor inside one graph, by its name there.
struct Value {
  std::string name;
  TensorType type = TensorType::kFloat;
};

struct GraphState;

/// Bytes are a tensor(uint8) of shape [n]; a state is the body of a loop.
struct Attribute {
  std::string name;
  std::variant<std::int64_t, float, std::string, std::vector<std::int64_t>, std::vector<float>,
               std::vector<std::string>, Tensor, std::vector<std::uint8_t>,
               std::shared_ptr<const GraphState>>
      value;
};

/// An input or output of a graph: [rows, columns]; with 0 columns, in a loop's body, a single
/// value.
struct Port {
  std::string name;
  TensorType type = TensorType::kFloat;
  std::int64_t columns = 1;
};

class Graph {
 public:
  explicit Graph(std::string name);
  ~Graph();
  Graph(Graph&& other) noexcept;
  Graph& operator=(Graph&& other) noexcept;

  /// Fails with `onnx.malformed` on bytes that are no model, or hold what this class cannot make.
  static Result<Graph> read(std::string_view bytes);

  /// A new input of shape [rows, columns]. Requires: no value of this name.
  Value input(const std::string& name, TensorType type, std::int64_t columns = 1);
  Value constant(const Tensor& tensor);
  /// One number or text of shape [1, 1], which broadcasts over rows.
  Value constant(double number);
  Value constant(std::int64_t number);
  Value constant(bool flag);
  Value constant(const std::string& text);
  Value constant(const char* text);
  /// A vector of shape [n], for axes, shapes and tables.
  Value vector_of(const std::vector<std::int64_t>& numbers);

  /// The (only, or first) output of a node. The caller says its type.
  Value node(std::string_view op, const std::vector<Value>& inputs, TensorType type,
             const std::vector<Attribute>& attributes = {}, std::string_view domain = {});
  /// A node with several outputs, one per type.
  std::vector<Value> nodes(std::string_view op, const std::vector<Value>& inputs,
                           const std::vector<TensorType>& types,
                           const std::vector<Attribute>& attributes = {},
                           std::string_view domain = {});
  Value cast(const Value& value, TensorType type);
  /// Columns side by side: [rows, a], [rows, b] -> [rows, a + b]. One value is answered as it is.
  Value side_by_side(const std::vector<Value>& values);
  /// Columns `picked` of a [rows, columns] value, in that order.
  Value columns(const Value& value, const std::vector<std::int64_t>& picked);

  /// A graph for `loop` that is given a value of this type and width as kCarried and must give the
  /// outputs kAgain, one boolean without dimensions (0 columns), and kResult, the value of the next
  /// turn.
  static Graph body(TensorType carried, std::int64_t columns = 1);
  static constexpr std::string_view kCarried = "/body/carried";
  static constexpr std::string_view kAgain = "/body/again";
  static constexpr std::string_view kResult = "/body/result";
  /// Puts `start` through the body while `again`, one boolean, and then the body says so, and at
  /// most `most` times; answers the last result, or `start`. The body sees no value of this graph
  /// and has no loops.
  Value loop(const Graph& body, std::int64_t most, const Value& again, const Value& start);

  /// Names a value as an output of shape [rows, columns]; a name that is an output already names
  /// this value from now on. Requires: no other value is called so, inputs included.
  void output(const std::string& name, const Value& value, std::int64_t columns = 1);
  /// metadata_props: a later value for a key takes the place of the earlier.
  void note(const std::string& key, const std::string& text);

  /// Copies the nodes of `other` in, its inputs replaced by `inputs` (those not named become inputs
  /// of this graph), and answers its outputs by name. Its metadata are copied too.
  /// Fails with `onnx.type_mismatch` where an input is of another type, `onnx.name_taken` where a
  /// new input would be called as a value of this graph. Requires: `other` is not this graph.
  Result<std::map<std::string, Value>> append(const Graph& other,
                                              const std::map<std::string, Value>& inputs);
  /// Drops nodes, constants and inputs that no output needs.
  void prune();

  std::vector<Port> inputs() const;
  std::vector<Port> outputs() const;
  std::map<std::string, std::string> notes() const;
  /// The operators used, as "Name" or "domain.Name", each once, in byte order.
  std::vector<std::string> operators() const;
  std::size_t node_count() const;
  /// The serialised ModelProto.
  std::string bytes() const;

 private:
  friend std::vector<std::string> inexact_operators(const Graph& graph);
  struct State;
  std::unique_ptr<State> state_;
};

/// The operators that give the same bits for a row alone, in a batch and in any chunk, run with one
/// intra-op thread. Names as in Graph::operators.
const std::vector<std::string_view>& exact_operators();
/// Those of `graph` that are not exact; one that is exact on float32 only is "Name(double)", and
/// Pow with the constant exponent 3 is "Pow(3)": make the exponent as long as the rows (Expand)
/// there.
std::vector<std::string> inexact_operators(const Graph& graph);

}  // namespace kingpost::onnx
