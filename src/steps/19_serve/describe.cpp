// SPDX-License-Identifier: Apache-2.0
#include "steps/19_serve/describe.h"

#include "base/text.h"
#include "base/version.h"

namespace kingpost::steps::serve {
namespace {

using records::Datatype;

constexpr std::string_view kPlatform = "onnxruntime_onnx";

Json numbers(const std::vector<std::int64_t>& all, std::size_t from) {
  Json out = Json::array();
  for (std::size_t i = from; i < all.size(); ++i) out.push(all[i]);
  return out;
}

Json ports_of(const std::vector<onnx::TensorPort>& ports) {
  Json out = Json::array();
  for (const onnx::TensorPort& port : ports) {
    Json each = Json::object().set("name", port.name);
    each.set("datatype", records::datatype_word(port.datatype));
    out.push(std::move(each.set("shape", numbers(port.shape, 0))));
  }
  return out;
}

// model_config.proto calls texts strings.
std::string type_word(Datatype datatype) {
  if (datatype == Datatype::kBytes) return "TYPE_STRING";
  return format("TYPE_{}", records::datatype_word(datatype));
}

Json config_ports(const std::vector<onnx::TensorPort>& ports, bool by_rows) {
  Json out = Json::array();
  for (const onnx::TensorPort& port : ports) {
    Json each = Json::object().set("name", port.name);
    each.set("data_type", type_word(port.datatype));
    // The first dimension is the batch, which Triton does not name.
    out.push(std::move(each.set("dims", numbers(port.shape, by_rows ? 1 : 0))));
  }
  return out;
}

Json count_json(const DurationCount& total) {
  return Json::object().set("count", total.count).set("ns", total.ns);
}

Json phases_of(const Statistics& statistics) {
  const Json none = count_json({});
  Json out = Json::object();
  out.set("success", count_json(statistics.whole().total()));
  out.set("fail", count_json(statistics.failures()));
  out.set("queue", count_json(statistics.queue().total()));
  out.set("compute_input", count_json(statistics.input().total()));
  out.set("compute_infer", count_json(statistics.infer().total()));
  out.set("compute_output", count_json(statistics.output().total()));
  return std::move(out.set("cache_hit", none).set("cache_miss", none));
}

Json batches_of(const Statistics& statistics) {
  Json out = Json::array();
  for (const BatchCount& batch : statistics.batches()) {
    Json each = Json::object().set("batch_size", batch.rows);
    each.set("compute_input", count_json(batch.input));
    each.set("compute_infer", count_json(batch.infer));
    out.push(std::move(each.set("compute_output", count_json(batch.output))));
  }
  return out;
}

Json about_of_tensors(const ServedModel& model, const std::vector<std::string>& models) {
  Json names = Json::array();
  for (const std::string& each : models) names.push(each);
  Json out = Json::object().set("name", model.name()).set("version", model.version());
  out.set("digest", model.digest()).set("explains", model.explainer() != nullptr);
  return std::move(out.set("models", std::move(names)).set("inputs", Json::array()));
}

}  // namespace

Json server_metadata() {
  Json extensions = Json::array();
  for (const char* each : {"classification", "model_repository", "model_configuration",
                           "binary_tensor_data", "parameters", "statistics", "logging"}) {
    extensions.push(each);
  }
  Json out = Json::object().set("name", "kingpost").set("version", kingpost_version());
  return std::move(out.set("extensions", std::move(extensions)));
}

Json metadata_of(const ServedModel& model, const std::vector<Repository::Model>& versions) {
  Json numbers = Json::array();
  for (const Repository::Model& each : versions) numbers.push(each->version());
  Json out = Json::object().set("name", model.name()).set("versions", std::move(numbers));
  out.set("platform", kPlatform).set("inputs", ports_of(model.session().inputs()));
  return std::move(out.set("outputs", ports_of(model.session().outputs())));
}

Json config_of(const ServedModel& model, std::int64_t batch_rows) {
  const bool by_rows = model.by_rows();
  Json out = Json::object().set("name", model.name()).set("platform", kPlatform);
  out.set("backend", "onnxruntime");
  Json latest = Json::object().set("num_versions", 1);
  out.set("version_policy", Json::object().set("latest", std::move(latest)));
  out.set("max_batch_size", by_rows ? batch_rows : 0);
  out.set("input", config_ports(model.session().inputs(), by_rows));
  out.set("output", config_ports(model.session().outputs(), by_rows));
  Json group = Json::object().set("name", model.name() + "_0").set("kind", "KIND_CPU");
  Json groups = Json::array();
  groups.push(std::move(group.set("count", 1)));
  out.set("instance_group", std::move(groups));
  out.set("default_model_filename", "model.onnx");
  if (by_rows) out.set("dynamic_batching", Json::object());
  return out;
}

Json statistics_of(const std::vector<Repository::Model>& models) {
  Json all = Json::array();
  for (const Repository::Model& model : models) {
    const Statistics& statistics = model->statistics();
    Json out = Json::object().set("name", model->name()).set("version", model->version());
    out.set("last_inference", statistics.last_ms()).set("inference_count", statistics.rows());
    out.set("execution_count", statistics.executions());
    out.set("inference_stats", phases_of(statistics)).set("response_stats", Json::object());
    out.set("batch_stats", batches_of(statistics));
    all.push(std::move(out.set("memory_usage", Json::array())));
  }
  return Json::object().set("model_stats", std::move(all));
}

Json index_of(const std::vector<IndexRow>& rows) {
  Json out = Json::array();
  for (const IndexRow& row : rows) {
    Json each = Json::object().set("name", row.model).set("version", row.version);
    each.set("state", state_word(row.state));
    if (!row.reason.empty()) each.set("reason", row.reason);
    out.push(std::move(each));
  }
  return out;
}

Json about_of(const ServedModel& model, const std::vector<std::string>& models) {
  const Json& signature = model.signature();
  Json inputs = Json::array();
  const bool is_by_rows = model.rows() != nullptr;
  for (const Json& each : signature["inputs"].items()) {
    inputs.push(Json::object().set("name", each["name"]).set("type", each["type"]));
  }
  if (signature.is_null() && is_by_rows) {
    for (const onnx::TensorPort& port : model.session().inputs()) {
      // A field of several values has no place in a form.
      if (port.shape.size() > 1 && port.shape[1] > 1) return about_of_tensors(model, models);
      const bool is_text = port.datatype == Datatype::kBytes;
      inputs.push(
          Json::object().set("name", port.name).set("type", is_text ? "string" : "float64"));
    }
  }
  Json out = about_of_tensors(model, models);
  out.set("inputs", is_by_rows ? std::move(inputs) : Json::array());
  out.set("task", signature["task"]).set("target", signature["target"]);
  return std::move(out.set("example", model.example()));
}

}  // namespace kingpost::steps::serve
