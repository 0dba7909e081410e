// SPDX-License-Identifier: Apache-2.0
// A model may name files, and the runtime would open them: here they are read instead, and only
// those beside it.
#include "engines/onnx/foreign.h"

#include <onnx/onnx-ml.pb.h>

#include <algorithm>
#include <filesystem>
#include <set>

#include "base/files.h"
#include "base/text.h"
#include "base/utf8.h"

namespace kingpost::onnx {
namespace {

namespace fs = std::filesystem;
using ::onnx::AttributeProto;
using ::onnx::GraphProto;
using ::onnx::ModelProto;
using ::onnx::NodeProto;
using ::onnx::TensorProto;
using ::onnx::ValueInfoProto;

constexpr std::size_t kMost = std::size_t{1} << 31;
constexpr std::int64_t kMostColumns = 4096;

Error outside(std::string_view name, std::string_view why) {
  return fail(Code::kInvalidInput, "onnx.external_data",
              "the model keeps constants in \"{}\", which {}", shown(name), why)
      .hint("such a file must lie in the model's own folder; or save the model as one file");
}

std::optional<ModelProto> parsed(std::string_view bytes) {
  ModelProto out;
  if (bytes.empty() || bytes.size() >= kMost) return std::nullopt;
  if (!out.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) return std::nullopt;
  if (!out.has_graph() || out.ir_version() <= 0) return std::nullopt;
  return out;
}

// Reads what a model keeps elsewhere into the model itself.
class Gathering {
 public:
  explicit Gathering(std::string folder) : folder_(std::move(folder)) {}

  Status graph(GraphProto& graph) {
    for (TensorProto& each : *graph.mutable_initializer()) TRY_STATUS(tensor(each));
    for (auto& each : *graph.mutable_sparse_initializer()) {
      TRY_STATUS(tensor(*each.mutable_values()));
      TRY_STATUS(tensor(*each.mutable_indices()));
    }
    return nodes(*graph.mutable_node());
  }

  template <typename Nodes>
  Status nodes(Nodes& nodes) {
    for (NodeProto& node : nodes) {
      for (AttributeProto& each : *node.mutable_attribute()) TRY_STATUS(attribute(each));
    }
    return {};
  }

  bool found() const { return found_; }

 private:
  // Depth is limited: protobuf parses no more than 100 levels.
  Status attribute(AttributeProto& in) {
    if (in.has_t()) TRY_STATUS(tensor(*in.mutable_t()));
    if (in.has_g()) TRY_STATUS(graph(*in.mutable_g()));
    for (TensorProto& each : *in.mutable_tensors()) TRY_STATUS(tensor(each));
    for (GraphProto& each : *in.mutable_graphs()) TRY_STATUS(graph(each));
    if (in.has_sparse_tensor()) {
      TRY_STATUS(tensor(*in.mutable_sparse_tensor()->mutable_values()));
      TRY_STATUS(tensor(*in.mutable_sparse_tensor()->mutable_indices()));
    }
    return {};
  }

  Status tensor(TensorProto& in) {
    if (in.data_location() != TensorProto::EXTERNAL && in.external_data_size() == 0) return {};
    found_ = true;
    std::string name;
    std::int64_t offset = 0;
    std::int64_t length = -1;
    for (const auto& each : in.external_data()) {
      if (each.key() == "location") name = each.value();
      if (each.key() == "offset") offset = parse_integer(each.value()).value_or(-1);
      if (each.key() == "length") length = parse_integer(each.value()).value_or(-2);
    }
    TRY_STATUS(read(name));
    const auto size = static_cast<std::int64_t>(bytes_.size());
    if (length == -1) length = size - offset;
    if (offset < 0 || length < 0 || offset > size || length > size - offset) {
      return outside(name, "is shorter than the model says");
    }
    total_ += length;
    if (static_cast<std::size_t>(total_) >= kMost) return outside(name, "makes more than 2 GiB");
    in.set_raw_data(
        bytes_.substr(static_cast<std::size_t>(offset), static_cast<std::size_t>(length)));
    in.clear_external_data();
    in.clear_data_location();
    return {};
  }

  Status read(const std::string& name) {
    if (name == name_ && !name.empty()) return {};
    const fs::path path(name);
    const bool goes_up =
        std::any_of(path.begin(), path.end(), [](const fs::path& part) { return part == ".."; });
    const bool is_odd = name.empty() || name.find('\0') != std::string::npos;
    if (is_odd || path.is_absolute() || goes_up) return outside(name, "is not in its folder");
    fs::path at(folder_);
    for (const fs::path& part : path) {
      at /= part;
      std::error_code ignored;
      if (fs::is_symlink(at, ignored)) return outside(name, "is a link");
    }
    auto text = stamp_of(at.string()) ? read_file(at.string(), kMost)
                                      : Result<std::string>(outside(name, "is no file there"));
    if (!text) return std::move(text).error();
    bytes_ = std::move(*text);
    name_ = name;
    return {};
  }

  std::string folder_;
  std::string name_;
  std::string bytes_;
  std::int64_t total_ = 0;
  bool found_ = false;
};

bool is_decent(const std::string& name) {
  return !name.empty() && name.size() <= 1024 && is_utf8(name) &&
         std::none_of(name.begin(), name.end(), [](char each) {
           return static_cast<unsigned char>(each) < ' ' || each == '\x7f';
         });
}

template <typename Ports>
Status check_names(const Ports& ports) {
  for (const ValueInfoProto& each : ports) {
    if (is_decent(each.name())) continue;
    return fail(Code::kInvalidInput, "onnx.name_hostile", "\"{}\" is no name of an input or output",
                shown(each.name()))
        .hint("names are UTF-8 without control characters, of 1 to 1024 bytes");
  }
  return {};
}

// Puts the columns of a model's inputs and outputs before and behind its nodes.
class ByColumns {
 public:
  explicit ByColumns(ModelProto& model) : model_(model), graph_(*model.mutable_graph()) {}

  bool run() {
    if (!has_plain_nodes()) return false;
    GraphProto before;
    for (const ValueInfoProto& each : graph_.input()) {
      if (!add_input(each, before)) return false;
    }
    GraphProto behind;
    for (ValueInfoProto& each : *graph_.mutable_output()) {
      if (!add_output(each, behind)) return false;
    }
    before.mutable_node()->MergeFrom(graph_.node());
    before.mutable_node()->MergeFrom(behind.node());
    graph_.mutable_node()->Swap(before.mutable_node());
    graph_.mutable_input()->Swap(before.mutable_input());
    graph_.mutable_initializer()->MergeFrom(behind.initializer());
    graph_.clear_value_info();
    return true;
  }

 private:
  bool has_plain_nodes() {
    for (const auto& each : graph_.initializer()) taken_.insert(each.name());
    for (const auto& each : graph_.input()) {
      if (!taken_.insert(each.name()).second) return false;
    }
    for (const NodeProto& node : graph_.node()) {
      for (const std::string& each : node.output()) taken_.insert(each);
      for (const AttributeProto& each : node.attribute()) {
        if (each.has_g() || each.graphs_size() > 0) return false;
      }
    }
    return model_.functions_size() == 0;
  }

  bool add_input(const ValueInfoProto& in, GraphProto& out) {
    const auto& tensor = in.type().tensor_type();
    const auto& shape = tensor.shape();
    if (shape.dim_size() != 2 || !shape.dim(1).has_dim_value()) return false;
    const std::int64_t columns = shape.dim(1).dim_value();
    if (columns < 1 || columns > kMostColumns) return false;
    const bool is_number =
        tensor.elem_type() == TensorProto::FLOAT || tensor.elem_type() == TensorProto::DOUBLE;
    const bool is_ready = columns == 1 && tensor.elem_type() != TensorProto::FLOAT;
    if (!is_number && !(is_ready && tensor.elem_type() == TensorProto::STRING)) return false;
    ValueInfoProto port = in;
    port.mutable_type()->mutable_tensor_type()->mutable_shape()->mutable_dim(0)->set_dim_param(
        "rows");
    if (is_ready) {
      *out.add_input() = port;
      return true;
    }
    port.mutable_type()->mutable_tensor_type()->set_elem_type(TensorProto::DOUBLE);
    port.mutable_type()->mutable_tensor_type()->mutable_shape()->mutable_dim(1)->set_dim_value(1);
    const std::string inner = in.name() + "/columns";
    if (!taken_.insert(inner).second) return false;
    NodeProto& join = *out.add_node();
    join.set_op_type("Concat");
    AttributeProto& axis = *join.add_attribute();
    axis.set_name("axis");
    axis.set_type(AttributeProto::INT);
    axis.set_i(1);
    for (std::int64_t i = 0; i < columns; ++i) {
      port.set_name(columns == 1 ? in.name() : format("{}_{}", in.name(), i));
      if (columns > 1 && !taken_.insert(port.name()).second) return false;
      *out.add_input() = port;
      join.add_input(port.name());
    }
    const std::string wide = inner + "/wide";
    join.add_output(wide);
    NodeProto& cast = *out.add_node();
    cast.set_op_type("Cast");
    AttributeProto& to = *cast.add_attribute();
    to.set_name("to");
    to.set_type(AttributeProto::INT);
    to.set_i(tensor.elem_type());
    cast.add_input(wide);
    cast.add_output(inner);
    return taken_.insert(wide).second && rename(in.name(), inner, false);
  }

  bool add_output(ValueInfoProto& each, GraphProto& out) {
    auto& shape = *each.mutable_type()->mutable_tensor_type()->mutable_shape();
    if (shape.dim_size() == 2) return true;
    if (shape.dim_size() != 1) return false;
    const std::string flat = each.name() + "/flat";
    const std::string form = flat + "/shape";
    if (!taken_.insert(flat).second || !taken_.insert(form).second) return false;
    if (!rename(each.name(), flat, true)) return false;
    TensorProto& constant = *out.add_initializer();
    constant.set_name(form);
    constant.set_data_type(TensorProto::INT64);
    constant.add_dims(2);
    constant.add_int64_data(-1);
    constant.add_int64_data(1);
    NodeProto& node = *out.add_node();
    node.set_op_type("Reshape");
    node.add_input(flat);
    node.add_input(form);
    node.add_output(each.name());
    shape.add_dim()->set_dim_value(1);
    return true;
  }

  // False where no node makes a value that has to be one's output.
  bool rename(const std::string& from, const std::string& to, bool is_output) {
    bool made = !is_output;
    for (NodeProto& node : *graph_.mutable_node()) {
      for (std::string& each : *node.mutable_input()) {
        if (each == from) each = to;
      }
      for (std::string& each : *node.mutable_output()) {
        if (each != from) continue;
        each = to;
        made = true;
      }
    }
    return made;
  }

  ModelProto& model_;
  GraphProto& graph_;
  std::set<std::string> taken_;
};

}  // namespace

Result<std::string> self_contained(std::string_view bytes, const std::string& folder) {
  auto model = parsed(bytes);
  if (!model) {
    return fail(Code::kInvalidInput, "onnx.not_a_model",
                "these {} bytes are no ONNX model: cut off, or something else", bytes.size())
        .hint("an ONNX model is one ModelProto of less than 2 GiB");
  }
  TRY_STATUS(check_names(model->graph().input()));
  TRY_STATUS(check_names(model->graph().output()));
  Gathering gathering(folder);
  TRY_STATUS(gathering.graph(*model->mutable_graph()));
  for (auto& each : *model->mutable_functions()) {
    TRY_STATUS(gathering.nodes(*each.mutable_node()));
  }
  if (!gathering.found()) return std::string(bytes);
  return model->SerializeAsString();
}

std::optional<std::string> asked_by_columns(std::string_view bytes) {
  auto model = parsed(bytes);
  if (!model || !ByColumns(*model).run()) return std::nullopt;
  return model->SerializeAsString();
}

}  // namespace kingpost::onnx
