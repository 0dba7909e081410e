// SPDX-License-Identifier: Apache-2.0
// Reading a ModelProto back. What this program does not write it does not read, but for what other
// programs write of trees.
#include <onnx/onnx-ml.pb.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>

#include "base/text.h"
#include "engines/onnx/graph_state.h"

namespace kingpost::onnx {
namespace {

using ::onnx::AttributeProto;
using ::onnx::TensorProto;

Error malformed(const std::string& what) {
  return fail(Code::kCorrupt, "onnx.malformed", "this is no ONNX graph that can be read: {}", what)
      .hint("graphs that this program wrote can be read; their bytes must not have changed");
}

std::optional<TensorType> type_of(std::int64_t number) {
  for (const TensorType type : {TensorType::kFloat, TensorType::kDouble, TensorType::kInt64,
                                TensorType::kBool, TensorType::kString}) {
    if (onnx_type(type) == number) return type;
  }
  return std::nullopt;
}

template <typename Number>
bool read_raw(const std::string& raw, std::int64_t size, std::vector<Number>& out) {
  if (raw.size() != static_cast<std::size_t>(size) * sizeof(Number)) return false;
  out.resize(static_cast<std::size_t>(size));
  if (!raw.empty()) std::memcpy(out.data(), raw.data(), raw.size());
  return true;
}

bool read_raw(const TensorProto& in, std::int64_t size, std::vector<std::string>& out) {
  out.assign(in.string_data().begin(), in.string_data().end());
  return out.size() == static_cast<std::size_t>(size);
}

// Other programs write the values one by one.
template <typename Number, typename List>
bool read_numbers(const TensorProto& in, const List& list, std::int64_t size,
                  std::vector<Number>& out) {
  if (list.empty()) return read_raw(in.raw_data(), size, out);
  out.assign(list.begin(), list.end());
  return !in.has_raw_data() && out.size() == static_cast<std::size_t>(size);
}

/// The product of the dimensions, or nothing when it is negative or out of bounds.
std::optional<std::int64_t> size_of(const TensorProto& in) {
  constexpr std::int64_t kMost = std::int64_t{1} << 31;
  std::int64_t size = 1;
  for (const std::int64_t each : in.dims()) {
    if (each < 0 || each > kMost) return std::nullopt;
    size *= each;
    if (size > kMost) return std::nullopt;
  }
  return size;
}

Result<Tensor> read_tensor(const TensorProto& in) {
  Tensor out;
  const auto type = type_of(in.data_type());
  const auto size = size_of(in);
  if (!type || !size || in.data_location() != TensorProto::DEFAULT) {
    return malformed("a constant of an unknown type or place");
  }
  out.shape.assign(in.dims().begin(), in.dims().end());
  bool fine = false;
  switch (*type) {
    case TensorType::kFloat:
      fine = read_numbers(in, in.float_data(), *size, out.data.emplace<0>());
      break;
    case TensorType::kDouble:
      fine = read_numbers(in, in.double_data(), *size, out.data.emplace<1>());
      break;
    case TensorType::kInt64:
      fine = read_numbers(in, in.int64_data(), *size, out.data.emplace<2>());
      break;
    case TensorType::kBool:
      fine = read_raw(in.raw_data(), *size, out.data.emplace<3>());
      break;
    case TensorType::kString:
      fine = read_raw(in, *size, out.data.emplace<4>());
      break;
  }
  if (!fine) return malformed("a constant's values don't fill its shape");
  return out;
}

Status read_tensor_attribute(const TensorProto& in, Attribute& out) {
  if (in.data_type() != TensorProto::UINT8) {
    TRY(out.value, read_tensor(in));
    return {};
  }
  const auto size = size_of(in);
  if (size && in.dims_size() == 1 && read_raw(in.raw_data(), *size, out.value.emplace<7>()))
    return {};
  return malformed("a tensor of bytes whose values don't fill its shape");
}

Status read_body(const ::onnx::GraphProto& in, Attribute& out);

Result<Attribute> read_attribute(const AttributeProto& in) {
  Attribute out{in.name(), std::int64_t{0}};
  switch (in.type()) {
    case AttributeProto::INT:
      out.value = static_cast<std::int64_t>(in.i());
      break;
    case AttributeProto::FLOAT:
      out.value = in.f();
      break;
    case AttributeProto::STRING:
      out.value = in.s();
      break;
    case AttributeProto::INTS:
      out.value.emplace<3>(in.ints().begin(), in.ints().end());
      break;
    case AttributeProto::FLOATS:
      out.value.emplace<4>(in.floats().begin(), in.floats().end());
      break;
    case AttributeProto::STRINGS:
      out.value.emplace<5>(in.strings().begin(), in.strings().end());
      break;
    case AttributeProto::TENSOR:
      TRY_STATUS(read_tensor_attribute(in.t(), out));
      break;
    case AttributeProto::GRAPH:
      TRY_STATUS(read_body(in.g(), out));
      break;
    default:
      return malformed(format("attribute \"{}\" is of a kind that is not used here", in.name()));
  }
  return out;
}

// Operators that mean the same in each version that is read.
constexpr std::array<std::string_view, 10> kSteady = {"Add",
                                                      "Cast",
                                                      "Concat",
                                                      "Div",
                                                      "Identity",
                                                      "Mul",
                                                      "Reshape",
                                                      "Sub",
                                                      "TreeEnsembleClassifier",
                                                      "TreeEnsembleRegressor"};

/// 0 where it is not known.
std::int64_t type_of_output(const GraphNode& node, std::size_t output, TensorType first_input) {
  if (node.op == "Cast") {
    const auto* const to = find_attribute<std::int64_t>(node, "to");
    return to == nullptr ? 0 : *to;
  }
  if (node.domain.empty()) return onnx_type(first_input);
  if (node.op == "TreeEnsembleRegressor" || output == 1) return onnx_type(TensorType::kFloat);
  const bool has_texts =
      find_attribute<std::vector<std::string>>(node, "classlabels_strings") != nullptr;
  return onnx_type(has_texts ? TensorType::kString : TensorType::kInt64);
}

// Of [rows] one with a column.
::onnx::ValueInfoProto with_columns(::onnx::ValueInfoProto port) {
  auto& shape = *port.mutable_type()->mutable_tensor_type()->mutable_shape();
  if (shape.dim_size() == 1) shape.add_dim()->set_dim_value(1);
  return port;
}

Result<Port> read_port(const ::onnx::ValueInfoProto& in, bool is_of_body) {
  const ::onnx::TypeProto::Tensor& tensor = in.type().tensor_type();
  const auto type = type_of(tensor.elem_type());
  const bool is_single = is_of_body && tensor.has_shape() && tensor.shape().dim_size() == 0;
  if (type && is_single) return Port{in.name(), *type, 0};
  if (!type || tensor.shape().dim_size() != 2 || !tensor.shape().dim(1).has_dim_value()) {
    return malformed(format("\"{}\" is not [rows, columns]", shown(in.name())));
  }
  return Port{in.name(), *type, tensor.shape().dim(1).dim_value()};
}

enum class Origin { kOwn, kBody, kForeign };

class Reader {
 public:
  Reader(const ::onnx::GraphProto& in, Origin origin) : in_(in), origin_(origin) {
    state_.is_body = origin == Origin::kBody;
  }

  Result<GraphState> read() {
    state_.name = in_.name();
    if (in_.sparse_initializer_size() > 0) return malformed("it has sparse constants");
    for (const auto& each : in_.input()) {
      TRY(Port port, read_port(each, state_.is_body));
      TRY_STATUS(declare(port.name, port.type));
      state_.inputs.push_back(std::move(port));
    }
    for (const auto& each : in_.initializer()) {
      TRY(Tensor tensor, read_tensor(each));
      TRY_STATUS(declare(each.name(), tensor.type()));
      state_.constants.push_back({each.name(), std::move(tensor)});
    }
    for (const auto& each : in_.value_info()) stated_[each.name()] = elem_type(each);
    for (const auto& each : in_.output()) stated_[each.name()] = elem_type(each);
    for (const auto& each : in_.node()) TRY_STATUS(add_node(each));
    for (const auto& each : in_.output()) {
      TRY(Port port, read_port(is_foreign() ? with_columns(each) : each, state_.is_body));
      if (!types_.contains(port.name)) return malformed("an output that no node gives");
      state_.outputs.push_back({port, port.name});
    }
    return std::move(state_);
  }

 private:
  bool is_foreign() const { return origin_ == Origin::kForeign; }

  static std::int32_t elem_type(const ::onnx::ValueInfoProto& in) {
    return in.type().tensor_type().elem_type();
  }

  Status declare(const std::string& name, TensorType type) {
    if (!name.empty() && types_.emplace(name, type).second) return {};
    return malformed(format("the name \"{}\" stands for two values", shown(name)));
  }

  Status add_node(const ::onnx::NodeProto& in) {
    GraphNode node{in.op_type(), in.domain(), {}, {}, {}, {}};
    if (!node.domain.empty() && node.domain != kMlDomain) {
      return malformed(format("it uses operators of \"{}\"", shown(node.domain)));
    }
    for (const std::string& name : in.input()) {
      if (!name.empty() && !types_.contains(name)) return malformed("a node before its input");
      node.inputs.push_back(name);
    }
    if (is_foreign() && !is_steady(node)) return malformed("an operator of many meanings");
    for (const AttributeProto& each : in.attribute()) {
      if (state_.is_body && each.has_g()) return malformed("a loop within a loop");
      TRY(Attribute attribute, read_attribute(each));
      node.attributes.push_back(std::move(attribute));
    }
    for (const std::string& name : in.output()) {
      const auto type = type_of(stated_type(node, name));
      if (!type) return malformed(format("the type of \"{}\" is not stated", shown(name)));
      TRY_STATUS(declare(name, *type));
      node.outputs.push_back(name);
      node.types.push_back(*type);
    }
    if (node.outputs.empty()) return malformed("a node without an output");
    state_.nodes.push_back(std::move(node));
    return {};
  }

  bool is_steady(const GraphNode& node) const {
    return std::find(kSteady.begin(), kSteady.end(), node.op) != kSteady.end() &&
           !node.inputs.empty() && !node.inputs[0].empty();
  }

  std::int64_t stated_type(const GraphNode& node, const std::string& name) {
    const std::int64_t stated = stated_[name];
    if (stated != 0 || !is_foreign()) return stated;
    return type_of_output(node, node.outputs.size(), types_.at(node.inputs[0]));
  }

  const ::onnx::GraphProto& in_;
  const Origin origin_;
  GraphState state_;
  std::unordered_map<std::string, TensorType> types_;
  std::unordered_map<std::string, std::int32_t> stated_;
};

Status read_body(const ::onnx::GraphProto& in, Attribute& out) {
  TRY(GraphState body, Reader(in, Origin::kBody).read());
  out.value = std::make_shared<const GraphState>(std::move(body));
  return {};
}

Result<::onnx::ModelProto> parse_model(std::string_view bytes) {
  ::onnx::ModelProto model;
  constexpr std::size_t kMost = std::size_t{1} << 31;
  if (bytes.size() >= kMost ||
      !model.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return malformed("its bytes are cut off or are something else");
  }
  if (model.functions_size() > 0) return malformed("it has functions");
  return model;
}

bool has_known_versions(const ::onnx::ModelProto& model) {
  for (const auto& each : model.opset_import()) {
    const bool is_core = each.domain().empty() && each.version() == kOpset;
    const bool is_ml = each.domain() == kMlDomain && each.version() == kMlOpset;
    if (!is_core && !is_ml) return false;
  }
  return model.ir_version() == kIrVersion && model.opset_import_size() > 0;
}

}  // namespace

Result<GraphState> read_graph(std::string_view bytes) {
  TRY(const ::onnx::ModelProto model, parse_model(bytes));
  if (!has_known_versions(model)) {
    return malformed(
        format("it is not of IR {} with opset {} and ai.onnx.ml {}", kIrVersion, kOpset, kMlOpset));
  }
  TRY(GraphState state, Reader(model.graph(), Origin::kOwn).read());
  for (const auto& each : model.metadata_props()) state.notes[each.key()] = each.value();
  return state;
}

Result<GraphState> read_foreign_graph(std::string_view bytes) {
  TRY(const ::onnx::ModelProto model, parse_model(bytes));
  // Before 7, Cast, Reshape and Add took as attributes what they take otherwise since; 9 is the
  // oldest that is tried.
  constexpr std::int64_t kFirst = 9;
  for (const auto& each : model.opset_import()) {
    const bool is_core = each.domain().empty() || each.domain() == "ai.onnx";
    if (is_core && each.version() < kFirst) return malformed("it is of an old opset");
  }
  return Reader(model.graph(), Origin::kForeign).read();
}

}  // namespace kingpost::onnx
