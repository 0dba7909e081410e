// SPDX-License-Identifier: Apache-2.0
#include "protocols/open_inference/grpc_messages.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/wire_format_lite.h>
#include <inference/grpc_service.pb.h>

#include <array>
#include <utility>

#include "base/text.h"

namespace kingpost::open_inference {
namespace {

using inference::StatisticDuration;

template <typename MessageType>
Result<MessageType> parsed(std::string_view bytes) {
  MessageType out;
  if (!std::in_range<int>(bytes.size()) ||
      !out.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return fail(Code::kInvalidInput, "infer.message_malformed",
                "the message is not of the kind that the method takes");
  }
  return out;
}

template <typename MessageType>
std::string bytes_of(const MessageType& message) {
  std::string out;
  message.SerializeToString(&out);
  return out;
}

template <typename Change>
Result<RepositoryChange> change_of(std::string_view bytes) {
  TRY(const Change message, parsed<Change>(bytes));
  RepositoryChange out{message.model_name(), false};
  for (const auto& [key, value] : message.parameters()) {
    out.has_content = out.has_content || key == "config" || starts_with(key, "file:");
  }
  return out;
}

std::uint64_t count_of(const Json& json, std::string_view key) {
  return static_cast<std::uint64_t>(json[key].integer());
}

void fill(const Json& from, StatisticDuration& to) {
  to.set_count(count_of(from, "count"));
  to.set_ns(count_of(from, "ns"));
}

void fill(const Json& from, inference::InferStatistics& to) {
  fill(from["success"], *to.mutable_success());
  fill(from["fail"], *to.mutable_fail());
  fill(from["queue"], *to.mutable_queue());
  fill(from["compute_input"], *to.mutable_compute_input());
  fill(from["compute_infer"], *to.mutable_compute_infer());
  fill(from["compute_output"], *to.mutable_compute_output());
  fill(from["cache_hit"], *to.mutable_cache_hit());
  fill(from["cache_miss"], *to.mutable_cache_miss());
}

inference::DataType data_type_of(std::string_view word) {
  using namespace inference;  // NOLINT(google-build-using-namespace): the table is of its words
  struct Row {
    std::string_view word;
    DataType type;
  };
  constexpr std::array<Row, 14> kRows = {{{"TYPE_BOOL", TYPE_BOOL},
                                          {"TYPE_UINT8", TYPE_UINT8},
                                          {"TYPE_UINT16", TYPE_UINT16},
                                          {"TYPE_UINT32", TYPE_UINT32},
                                          {"TYPE_UINT64", TYPE_UINT64},
                                          {"TYPE_INT8", TYPE_INT8},
                                          {"TYPE_INT16", TYPE_INT16},
                                          {"TYPE_INT32", TYPE_INT32},
                                          {"TYPE_INT64", TYPE_INT64},
                                          {"TYPE_FP16", TYPE_FP16},
                                          {"TYPE_FP32", TYPE_FP32},
                                          {"TYPE_FP64", TYPE_FP64},
                                          {"TYPE_STRING", TYPE_STRING},
                                          {"TYPE_BF16", TYPE_BF16}}};
  for (const Row& each : kRows) {
    if (each.word == word) return each.type;
  }
  return TYPE_INVALID;
}

// Of an input or output of a ModelConfig.
template <typename PortType>
void fill_port(const Json& from, PortType& to) {
  to.set_name(from["name"].text());
  to.set_data_type(data_type_of(from["data_type"].text()));
  for (const Json& each : from["dims"].items()) to.add_dims(each.integer());
}

void fill_tensor(const Json& from, inference::ModelMetadataResponse::TensorMetadata& to) {
  to.set_name(from["name"].text());
  to.set_datatype(from["datatype"].text());
  for (const Json& each : from["shape"].items()) to.add_shape(each.integer());
}

}  // namespace

Result<NamedModel> read_named_model(std::string_view bytes) {
  // All have these two fields first, and the four no others.
  TRY(const auto message, parsed<inference::ModelReadyRequest>(bytes));
  return NamedModel{message.name(), message.version()};
}

NamedModel peek_named_model(std::string_view beginning) {
  using google::protobuf::internal::WireFormatLite;
  constexpr std::uint32_t kName = 1U << 3U | WireFormatLite::WIRETYPE_LENGTH_DELIMITED;
  constexpr std::uint32_t kVersion = 2U << 3U | WireFormatLite::WIRETYPE_LENGTH_DELIMITED;
  NamedModel out;
  if (!std::in_range<int>(beginning.size())) return out;
  google::protobuf::io::CodedInputStream in(reinterpret_cast<const std::uint8_t*>(beginning.data()),
                                            static_cast<int>(beginning.size()));
  while (const std::uint32_t tag = in.ReadTag()) {
    if (tag == kName || tag == kVersion) {
      std::string text;
      if (!WireFormatLite::ReadString(&in, &text)) return out;
      (tag == kName ? out.name : out.version) = std::move(text);
    } else if (!WireFormatLite::SkipField(&in, tag)) {
      return out;
    }
  }
  return out;
}

Result<bool> read_index_request(std::string_view bytes) {
  TRY(const auto message, parsed<inference::RepositoryIndexRequest>(bytes));
  return message.ready();
}

Result<RepositoryChange> read_repository_change(std::string_view bytes) {
  // An unload has the fields of a load.
  return change_of<inference::RepositoryModelLoadRequest>(bytes);
}

Result<Json> read_log_settings(std::string_view bytes) {
  TRY(const auto message, parsed<inference::LogSettingsRequest>(bytes));
  using Value = inference::LogSettingValue;
  Json out = Json::object();
  for (const auto& [name, value] : message.settings()) {
    Json plain;
    if (value.parameter_choice_case() == Value::kBoolParam) plain = value.bool_param();
    if (value.parameter_choice_case() == Value::kStringParam) plain = value.string_param();
    if (value.parameter_choice_case() == Value::kUint32Param) {
      plain = std::int64_t{value.uint32_param()};
    }
    out.set(name, std::move(plain));
  }
  return out;
}

Result<std::string> read_health_request(std::string_view bytes) {
  TRY(const auto message, parsed<inference::HealthCheckRequest>(bytes));
  return message.service();
}

std::string grpc_truth(bool is_true) {
  // The one field of all three has the number 1.
  inference::ServerLiveResponse out;
  out.set_live(is_true);
  return bytes_of(out);
}

std::string grpc_server_metadata(const Json& metadata) {
  inference::ServerMetadataResponse out;
  out.set_name(metadata["name"].text());
  out.set_version(metadata["version"].text());
  for (const Json& each : metadata["extensions"].items()) out.add_extensions(each.text());
  return bytes_of(out);
}

std::string grpc_model_metadata(const Json& metadata) {
  inference::ModelMetadataResponse out;
  out.set_name(metadata["name"].text());
  for (const Json& each : metadata["versions"].items()) out.add_versions(each.text());
  out.set_platform(metadata["platform"].text());
  for (const Json& each : metadata["inputs"].items()) fill_tensor(each, *out.add_inputs());
  for (const Json& each : metadata["outputs"].items()) fill_tensor(each, *out.add_outputs());
  return bytes_of(out);
}

std::string grpc_model_config(const Json& config) {
  inference::ModelConfigResponse out;
  inference::ModelConfig& to = *out.mutable_config();
  to.set_name(config["name"].text());
  to.set_platform(config["platform"].text());
  to.set_backend(config["backend"].text());
  const std::int64_t versions = config["version_policy"]["latest"]["num_versions"].integer();
  to.mutable_version_policy()->mutable_latest()->set_num_versions(
      static_cast<std::uint32_t>(versions));
  to.set_max_batch_size(static_cast<std::int32_t>(config["max_batch_size"].integer()));
  for (const Json& each : config["input"].items()) fill_port(each, *to.add_input());
  for (const Json& each : config["output"].items()) fill_port(each, *to.add_output());
  for (const Json& each : config["instance_group"].items()) {
    inference::ModelInstanceGroup& group = *to.add_instance_group();
    group.set_name(each["name"].text());
    group.set_count(static_cast<std::int32_t>(each["count"].integer()));
    group.set_kind(inference::ModelInstanceGroup::KIND_CPU);
  }
  to.set_default_model_filename(config["default_model_filename"].text());
  if (config.has("dynamic_batching")) to.mutable_dynamic_batching();
  return bytes_of(out);
}

std::string grpc_statistics(const Json& statistics) {
  inference::ModelStatisticsResponse out;
  for (const Json& each : statistics["model_stats"].items()) {
    inference::ModelStatistics& to = *out.add_model_stats();
    to.set_name(each["name"].text());
    to.set_version(each["version"].text());
    to.set_last_inference(count_of(each, "last_inference"));
    to.set_inference_count(count_of(each, "inference_count"));
    to.set_execution_count(count_of(each, "execution_count"));
    fill(each["inference_stats"], *to.mutable_inference_stats());
    for (const Json& batch : each["batch_stats"].items()) {
      inference::InferBatchStatistics& size = *to.add_batch_stats();
      size.set_batch_size(count_of(batch, "batch_size"));
      fill(batch["compute_input"], *size.mutable_compute_input());
      fill(batch["compute_infer"], *size.mutable_compute_infer());
      fill(batch["compute_output"], *size.mutable_compute_output());
    }
  }
  return bytes_of(out);
}

std::string grpc_log_settings(const Json& settings) {
  inference::LogSettingsResponse out;
  for (const auto& [name, value] : settings.entries()) {
    inference::LogSettingValue& to = (*out.mutable_settings())[name];
    if (value.is_boolean()) to.set_bool_param(value.boolean());
    if (value.is_string()) to.set_string_param(value.text());
    if (value.is_integer()) to.set_uint32_param(static_cast<std::uint32_t>(value.integer()));
  }
  return bytes_of(out);
}

std::string grpc_index(const Json& rows) {
  inference::RepositoryIndexResponse out;
  for (const Json& each : rows.items()) {
    auto& row = *out.add_models();
    row.set_name(each["name"].text());
    row.set_version(each["version"].text());
    row.set_state(each["state"].text());
    row.set_reason(each["reason"].text());
  }
  return bytes_of(out);
}

std::string grpc_health(bool is_serving) {
  inference::HealthCheckResponse out;
  out.set_status(is_serving ? inference::HealthCheckResponse::SERVING
                            : inference::HealthCheckResponse::NOT_SERVING);
  return bytes_of(out);
}

}  // namespace kingpost::open_inference
