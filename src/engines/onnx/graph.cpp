// SPDX-License-Identifier: Apache-2.0
// Building: every node and constant is looked up before it is made.
#include "engines/onnx/graph.h"

#include <algorithm>
#include <cassert>
#include <set>

#include "engines/onnx/graph_state.h"

namespace kingpost::onnx {

struct Graph::State : GraphState {};

namespace {

// No column of a table is called so, and tools show it as it is. A body's values have names of
// their own: ONNX wants them to differ from those of the graph around it.
std::string fresh_name(GraphState& state) {
  const std::string prefix = state.is_body ? "/body/" : "/";
  std::string name = prefix + std::to_string(state.next_name++);
  while (!state.names.insert(name).second) name = prefix + std::to_string(state.next_name++);
  return name;
}

template <typename Visit>
void for_each_node(const GraphState& state, const Visit& visit) {
  for (const GraphNode& each : state.nodes) {
    visit(state, each);
    if (const GraphState* body = body_of(each)) for_each_node(*body, visit);
  }
}

Tensor single(Tensor::Data data) {
  return {{1, 1}, std::move(data)};
}

/// The node of this key, made when there is none; `node` has no outputs yet.
const GraphNode& find_or_add(GraphState& state, GraphNode node) {
  const auto [entry, is_new] = state.known_nodes.try_emplace(key_of(node), state.nodes.size());
  if (is_new) {
    for (std::size_t i = 0; i < node.types.size(); ++i) node.outputs.push_back(fresh_name(state));
    state.nodes.push_back(std::move(node));
  }
  return state.nodes[entry->second];
}

const std::string& find_or_add(GraphState& state, const Tensor& tensor) {
  const auto [entry, is_new] =
      state.known_constants.try_emplace(key_of(tensor), state.constants.size());
  if (is_new) state.constants.push_back({fresh_name(state), tensor});
  return state.constants[entry->second].name;
}

const Port* find_input(const GraphState& state, const std::string& name) {
  for (const Port& port : state.inputs) {
    if (port.name == name) return &port;
  }
  return nullptr;
}

Error type_mismatch(const std::string& input) {
  return fail(Code::kInvalidInput, "onnx.type_mismatch",
              "the graph's input \"{}\" is of another type or width than the value given for it",
              input);
}

/// The value of `state` that stands for the input `port` of another graph.
Result<std::string> bind_input(GraphState& state, const Port& port,
                               const std::map<std::string, Value>& given) {
  if (const auto found = given.find(port.name); found != given.end()) {
    if (found->second.type != port.type) return type_mismatch(port.name);
    return found->second.name;
  }
  if (const Port* own = find_input(state, port.name)) {
    if (own->type != port.type || own->columns != port.columns) return type_mismatch(port.name);
    return port.name;
  }
  if (!state.names.insert(port.name).second) {
    return fail(Code::kInvalidInput, "onnx.name_taken",
                "the graph cannot have an input \"{}\": a value inside it is called so", port.name);
  }
  state.inputs.push_back(port);
  return port.name;
}

void index_again(GraphState& state) {
  state.known_nodes.clear();
  state.known_constants.clear();
  state.names.clear();
  for (const Port& each : state.inputs) state.names.insert(each.name);
  for (std::size_t i = 0; i < state.constants.size(); ++i) {
    state.names.insert(state.constants[i].name);
    state.known_constants.try_emplace(key_of(state.constants[i].tensor), i);
  }
  for (std::size_t i = 0; i < state.nodes.size(); ++i) {
    state.names.insert(state.nodes[i].outputs.begin(), state.nodes[i].outputs.end());
    state.known_nodes.try_emplace(key_of(state.nodes[i]), i);
  }
}

}  // namespace

Graph::Graph(std::string name) : state_(std::make_unique<State>()) {
  state_->name = std::move(name);
}
Graph::~Graph() = default;
Graph::Graph(Graph&& other) noexcept = default;
Graph& Graph::operator=(Graph&& other) noexcept = default;

Result<Graph> Graph::read(std::string_view bytes) {
  TRY(GraphState state, read_graph(bytes));
  Graph graph({});
  static_cast<GraphState&>(*graph.state_) = std::move(state);
  index_again(*graph.state_);
  return graph;
}

Value Graph::input(const std::string& name, TensorType type, std::int64_t columns) {
  [[maybe_unused]] const bool is_new = state_->names.insert(name).second;
  assert(is_new);
  state_->inputs.push_back({name, type, columns});
  return {name, type};
}

Value Graph::constant(const Tensor& tensor) {
  return {find_or_add(*state_, tensor), tensor.type()};
}
Value Graph::constant(double number) {
  return constant(single(std::vector<double>{number}));
}
Value Graph::constant(std::int64_t number) {
  return constant(single(std::vector<std::int64_t>{number}));
}
Value Graph::constant(bool flag) {
  return constant(single(std::vector<std::uint8_t>{static_cast<std::uint8_t>(flag ? 1 : 0)}));
}
Value Graph::constant(const std::string& text) {
  return constant(single(std::vector<std::string>{text}));
}
Value Graph::constant(const char* text) {
  return constant(std::string(text));
}

Value Graph::vector_of(const std::vector<std::int64_t>& numbers) {
  return constant(Tensor{{static_cast<std::int64_t>(numbers.size())}, numbers});
}

Value Graph::node(std::string_view op, const std::vector<Value>& inputs, TensorType type,
                  const std::vector<Attribute>& attributes, std::string_view domain) {
  return nodes(op, inputs, {type}, attributes, domain).front();
}

std::vector<Value> Graph::nodes(std::string_view op, const std::vector<Value>& inputs,
                                const std::vector<TensorType>& types,
                                const std::vector<Attribute>& attributes, std::string_view domain) {
  GraphNode made{std::string(op), std::string(domain), {}, {}, types, attributes};
  for (const Value& each : inputs) {
    assert(each.name.empty() || state_->names.contains(each.name));
    made.inputs.push_back(each.name);
  }
  const GraphNode& found = find_or_add(*state_, std::move(made));
  std::vector<Value> out;
  for (std::size_t i = 0; i < types.size(); ++i) out.push_back({found.outputs[i], types[i]});
  return out;
}

Value Graph::cast(const Value& value, TensorType type) {
  if (value.type == type) return value;
  return node("Cast", {value}, type, {{"to", onnx_type(type)}});
}

Value Graph::side_by_side(const std::vector<Value>& values) {
  if (values.size() == 1) return values.front();
  return node("Concat", values, values.front().type, {{"axis", std::int64_t{1}}});
}

Value Graph::columns(const Value& value, const std::vector<std::int64_t>& picked) {
  // Along the first axis whole rows are moved at once, along the second each value by itself. Texts
  // come wrong out of the runtime's Transpose of one row.
  constexpr std::size_t kFew = 4;
  const Value places = vector_of(picked);
  if (picked.size() <= kFew || value.type == TensorType::kString) {
    return node("Gather", {value, places}, value.type, {{"axis", std::int64_t{1}}});
  }
  const Attribute turned{"perm", std::vector<std::int64_t>{1, 0}};
  const Value rows = node("Transpose", {value}, value.type, {turned});
  const Value found = node("Gather", {rows, places}, value.type, {{"axis", std::int64_t{0}}});
  return node("Transpose", {found}, value.type, {turned});
}

Graph Graph::body(TensorType carried, std::int64_t columns) {
  Graph out("body");
  out.state_->is_body = true;
  out.input("/body/turn", TensorType::kInt64, 0);
  out.input("/body/condition", TensorType::kBool, 0);
  out.input(std::string(kCarried), carried, columns);
  return out;
}

Value Graph::loop(const Graph& body, std::int64_t most, const Value& again, const Value& start) {
  assert(body.state_->is_body && !state_->is_body);
  assert(body.state_->outputs.size() == 2 && body.state_->outputs[0].port.name == kAgain &&
         body.state_->outputs[1].port.type == start.type);
  const Value turns = constant(Tensor{{}, std::vector<std::int64_t>{most}});
  return node("Loop", {turns, again, start}, start.type,
              {{"body", std::make_shared<const GraphState>(*body.state_)}});
}

void Graph::output(const std::string& name, const Value& value, std::int64_t columns) {
  for (GraphOutput& each : state_->outputs) {
    if (each.port.name != name) continue;
    each = {{name, value.type, columns}, value.name};
    return;
  }
  state_->outputs.push_back({{name, value.type, columns}, value.name});
}

void Graph::note(const std::string& key, const std::string& text) {
  state_->notes[key] = text;
}

Result<std::map<std::string, Value>> Graph::append(const Graph& other,
                                                   const std::map<std::string, Value>& inputs) {
  assert(&other != this);
  std::unordered_map<std::string, std::string> names;
  for (const Port& port : other.state_->inputs) {
    TRY(names[port.name], bind_input(*state_, port, inputs));
  }
  for (const GraphConstant& each : other.state_->constants) {
    names[each.name] = find_or_add(*state_, each.tensor);
  }
  for (const GraphNode& each : other.state_->nodes) {
    GraphNode copy = each;
    copy.outputs.clear();
    for (std::string& name : copy.inputs) name = names[name];
    const GraphNode& own = find_or_add(*state_, std::move(copy));
    for (std::size_t i = 0; i < own.outputs.size(); ++i) names[each.outputs[i]] = own.outputs[i];
  }
  for (const auto& [key, text] : other.state_->notes) note(key, text);
  std::map<std::string, Value> out;
  for (const GraphOutput& each : other.state_->outputs) {
    out[each.port.name] = {names[each.value], each.port.type};
  }
  return out;
}

void Graph::prune() {
  std::unordered_set<std::string> needed;
  for (const GraphOutput& each : state_->outputs) needed.insert(each.value);
  const auto is_needed = [&](const std::string& name) { return needed.contains(name); };
  const auto gives = [&](const GraphNode& node) {
    return std::any_of(node.outputs.begin(), node.outputs.end(), is_needed);
  };
  for (auto node = state_->nodes.rbegin(); node != state_->nodes.rend(); ++node) {
    if (gives(*node)) needed.insert(node->inputs.begin(), node->inputs.end());
  }
  std::erase_if(state_->nodes, [&](const GraphNode& each) { return !gives(each); });
  std::erase_if(state_->constants, [&](const auto& each) { return !is_needed(each.name); });
  std::erase_if(state_->inputs, [&](const auto& each) { return !is_needed(each.name); });
  index_again(*state_);
}

std::vector<Port> Graph::inputs() const {
  return state_->inputs;
}

std::vector<Port> Graph::outputs() const {
  std::vector<Port> out;
  for (const GraphOutput& each : state_->outputs) out.push_back(each.port);
  return out;
}

std::map<std::string, std::string> Graph::notes() const {
  return state_->notes;
}

std::vector<std::string> Graph::operators() const {
  std::set<std::string> out;
  for_each_node(*state_,
                [&](const GraphState&, const GraphNode& each) { out.insert(operator_name(each)); });
  return {out.begin(), out.end()};
}

std::size_t Graph::node_count() const {
  std::size_t out = 0;
  for_each_node(*state_, [&](const GraphState&, const GraphNode&) { ++out; });
  return out;
}
std::string Graph::bytes() const {
  return write_graph(*state_);
}

std::vector<std::string> inexact_operators(const Graph& graph) {
  std::set<std::string> out;
  for_each_node(*graph.state_, [&](const GraphState& state, const GraphNode& each) {
    std::string name = inexact_name(state, each);
    if (!name.empty()) out.insert(std::move(name));
  });
  return {out.begin(), out.end()};
}

}  // namespace kingpost::onnx
