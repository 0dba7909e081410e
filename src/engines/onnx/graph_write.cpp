// SPDX-License-Identifier: Apache-2.0
// Writing a graph as a ModelProto (https://onnx.ai/onnx/repo-docs/IR.html).
#include <onnx/onnx-ml.pb.h>

#include <bit>

#include "base/digest.h"
#include "engines/onnx/graph_state.h"

namespace kingpost::onnx {
namespace {

static_assert(std::endian::native == std::endian::little, "raw_data is little-endian");

using ::onnx::AttributeProto;
using ::onnx::TensorProto;

void write_tensor(const Tensor& tensor, TensorProto& out) {
  for (const std::int64_t each : tensor.shape) out.add_dims(each);
  out.set_data_type(static_cast<std::int32_t>(onnx_type(tensor.type())));
  if (tensor.type() == TensorType::kString) {
    for (const std::string& each : tensor.texts()) out.add_string_data(each);
    return;
  }
  std::visit(
      [&](const auto& values) {
        const std::size_t size = values.size() * sizeof(values[0]);
        out.set_raw_data(reinterpret_cast<const char*>(values.data()), size);
      },
      tensor.data);
}

void write_parts(const GraphState& state, ::onnx::GraphProto& out);

struct AttributeWriter {
  AttributeProto& out;

  void operator()(std::int64_t number) const {
    out.set_type(AttributeProto::INT);
    out.set_i(number);
  }
  void operator()(float number) const {
    out.set_type(AttributeProto::FLOAT);
    out.set_f(number);
  }
  void operator()(const std::string& text) const {
    out.set_type(AttributeProto::STRING);
    out.set_s(text);
  }
  void operator()(const std::vector<std::int64_t>& numbers) const {
    out.set_type(AttributeProto::INTS);
    out.mutable_ints()->Add(numbers.begin(), numbers.end());
  }
  void operator()(const std::vector<float>& numbers) const {
    out.set_type(AttributeProto::FLOATS);
    out.mutable_floats()->Add(numbers.begin(), numbers.end());
  }
  void operator()(const std::vector<std::string>& texts) const {
    out.set_type(AttributeProto::STRINGS);
    for (const std::string& each : texts) out.add_strings(each);
  }
  void operator()(const Tensor& tensor) const {
    out.set_type(AttributeProto::TENSOR);
    write_tensor(tensor, *out.mutable_t());
  }
  void operator()(const std::vector<std::uint8_t>& bytes) const {
    out.set_type(AttributeProto::TENSOR);
    out.mutable_t()->add_dims(static_cast<std::int64_t>(bytes.size()));
    out.mutable_t()->set_data_type(TensorProto::UINT8);
    out.mutable_t()->set_raw_data(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  }
  void operator()(const std::shared_ptr<const GraphState>& body) const {
    out.set_type(AttributeProto::GRAPH);
    write_parts(*body, *out.mutable_g());
  }
};

void write_type(TensorType type, ::onnx::TypeProto::Tensor& out) {
  out.set_elem_type(static_cast<std::int32_t>(onnx_type(type)));
}

void write_port(const Port& port, bool is_of_body, ::onnx::ValueInfoProto& out) {
  out.set_name(port.name);
  ::onnx::TypeProto::Tensor& tensor = *out.mutable_type()->mutable_tensor_type();
  write_type(port.type, tensor);
  ::onnx::TensorShapeProto& shape = *tensor.mutable_shape();
  if (is_of_body && port.columns == 0) return;
  shape.add_dim()->set_dim_param("rows");
  shape.add_dim()->set_dim_value(port.columns);
}

/// The names that values take in the file: a value that leaves is called as the output.
std::unordered_map<std::string, std::string> names_in_file(const GraphState& state) {
  std::unordered_set<std::string> made;
  for (const GraphNode& each : state.nodes) made.insert(each.outputs.begin(), each.outputs.end());
  std::unordered_map<std::string, std::string> out;
  for (const GraphOutput& each : state.outputs) {
    if (each.port.name == each.value) out[each.value] = each.value;
  }
  for (const GraphOutput& each : state.outputs) {
    if (made.contains(each.value)) out.try_emplace(each.value, each.port.name);
  }
  return out;
}

void write_node(const GraphNode& node, const std::unordered_map<std::string, std::string>& names,
                ::onnx::GraphProto& out) {
  const auto name_of = [&](const std::string& value) {
    const auto found = names.find(value);
    return found == names.end() ? value : found->second;
  };
  ::onnx::NodeProto& written = *out.add_node();
  for (const std::string& each : node.inputs) written.add_input(name_of(each));
  for (const std::string& each : node.outputs) written.add_output(name_of(each));
  written.set_op_type(node.op);
  if (!node.domain.empty()) written.set_domain(node.domain);
  for (const Attribute& each : node.attributes) {
    AttributeProto& attribute = *written.add_attribute();
    attribute.set_name(each.name);
    std::visit(AttributeWriter{attribute}, each.value);
  }
}

/// The types of the values that do not leave: what an operator's exactness depends on.
void write_types(const GraphNode& node, const ::onnx::NodeProto& written,
                 const std::unordered_set<std::string>& leaving, ::onnx::GraphProto& out) {
  for (std::size_t i = 0; i < node.outputs.size(); ++i) {
    if (leaving.contains(written.output(static_cast<int>(i)))) continue;
    ::onnx::ValueInfoProto& info = *out.add_value_info();
    info.set_name(written.output(static_cast<int>(i)));
    write_type(node.types[i], *info.mutable_type()->mutable_tensor_type());
  }
}

void write_outputs(const GraphState& state,
                   const std::unordered_map<std::string, std::string>& names,
                   ::onnx::GraphProto& out) {
  for (const GraphOutput& each : state.outputs) {
    const auto found = names.find(each.value);
    const std::string& source = found == names.end() ? each.value : found->second;
    if (source != each.port.name) {
      write_node({"Identity", {}, {source}, {each.port.name}, {each.port.type}, {}}, {}, out);
    }
    write_port(each.port, state.is_body, *out.add_output());
  }
}

void write_parts(const GraphState& state, ::onnx::GraphProto& out) {
  out.set_name(state.name);
  const auto names = names_in_file(state);
  for (const Port& each : state.inputs) write_port(each, state.is_body, *out.add_input());
  for (const GraphConstant& each : state.constants) {
    TensorProto& tensor = *out.add_initializer();
    write_tensor(each.tensor, tensor);
    tensor.set_name(each.name);
  }
  std::unordered_set<std::string> leaving;
  for (const GraphOutput& each : state.outputs) leaving.insert(each.port.name);
  for (const GraphNode& each : state.nodes) {
    write_node(each, names, out);
    write_types(each, out.node(out.node_size() - 1), leaving, out);
  }
  write_outputs(state, names, out);
}

}  // namespace

std::int64_t onnx_type(TensorType type) {
  switch (type) {
    case TensorType::kFloat:
      return TensorProto::FLOAT;
    case TensorType::kDouble:
      return TensorProto::DOUBLE;
    case TensorType::kInt64:
      return TensorProto::INT64;
    case TensorType::kBool:
      return TensorProto::BOOL;
    case TensorType::kString:
      return TensorProto::STRING;
  }
  return TensorProto::UNDEFINED;
}

std::string key_of(const Tensor& tensor) {
  TensorProto out;
  write_tensor(tensor, out);
  const std::string bytes = out.SerializeAsString();
  return bytes.size() > 128 ? sha256_of(bytes) : bytes;
}

std::string key_of(const GraphNode& node) {
  GraphNode nameless = node;
  nameless.outputs.clear();
  ::onnx::GraphProto out;
  write_node(nameless, {}, out);
  for (const TensorType each : node.types) {
    write_type(each, *out.add_value_info()->mutable_type()->mutable_tensor_type());
  }
  const std::string bytes = out.SerializeAsString();
  return bytes.size() > 128 ? sha256_of(bytes) : bytes;
}

std::string write_graph(const GraphState& state) {
  ::onnx::ModelProto model;
  model.set_ir_version(kIrVersion);
  model.set_producer_name("kingpost");
  model.add_opset_import()->set_version(kOpset);
  model.mutable_opset_import(0)->set_domain("");
  ::onnx::OperatorSetIdProto& ml = *model.add_opset_import();
  ml.set_domain(std::string(kMlDomain));
  ml.set_version(kMlOpset);
  write_parts(state, *model.mutable_graph());
  for (const auto& [key, text] : state.notes) {
    ::onnx::StringStringEntryProto& entry = *model.add_metadata_props();
    entry.set_key(key);
    entry.set_value(text);
  }
  return model.SerializeAsString();
}

}  // namespace kingpost::onnx
