// SPDX-License-Identifier: Apache-2.0
#include "protocols/open_inference/grpc_infer.h"

#include <inference/grpc_service.pb.h>

#include <optional>
#include <utility>

#include "base/text.h"
#include "protocols/open_inference/raw_tensor.h"

namespace kingpost::open_inference {
namespace {

using google::protobuf::Arena;
using inference::InferParameter;
using inference::InferTensorContents;
using inference::ModelInferRequest;
using inference::ModelInferResponse;
using records::Datatype;
using records::InferRequest;
using records::InferTensor;

constexpr int kMostDimensions = 16;
constexpr const char* kPredictionId = "kingpost_prediction_id";

template <typename... Args>
Error refused(std::string_view id, FormatString<Args...> text, Args&&... args) {
  return fail(Code::kInvalidInput, id, text, std::forward<Args>(args)...);
}

template <typename Map>
const InferParameter* find(const Map& parameters, const char* key) {
  const auto found = parameters.find(key);
  return found == parameters.end() ? nullptr : &found->second;
}

// Whatever whole kind it was sent as; nothing for one that is none.
std::optional<std::int64_t> whole(const InferParameter& parameter) {
  if (parameter.parameter_choice_case() == InferParameter::kInt64Param) {
    return parameter.int64_param();
  }
  if (parameter.parameter_choice_case() == InferParameter::kUint64Param &&
      std::in_range<std::int64_t>(parameter.uint64_param())) {
    return static_cast<std::int64_t>(parameter.uint64_param());
  }
  return std::nullopt;
}

// From 0 on; 0 where there is none.
template <typename Map>
Result<std::int64_t> take_whole(const Map& parameters, const char* key) {
  const InferParameter* const parameter = find(parameters, key);
  if (parameter == nullptr) return std::int64_t{0};
  const auto value = whole(*parameter);
  if (value && *value >= 0) return *value;
  return refused("infer.request_malformed",
                 "the parameter '{}' is no whole number from 0 on that fits", key);
}

template <typename Map>
Status no_shared_memory(const Map& parameters) {
  if (find(parameters, "shared_memory_region") == nullptr) return {};
  return fail(Code::kNotBuilt, "infer.shared_memory",
              "shared memory regions are not offered by this server");
}

class Reading {
 public:
  Reading(const ModelInferRequest& message, InferRequest& into) : message_(message), into_(into) {}

  Status read() {
    into_.model = message_.model_name();
    into_.version = message_.model_version();
    into_.id = message_.id();
    TRY(const std::int64_t timeout, take_whole(message_.parameters(), "timeout"));
    into_.timeout = std::chrono::microseconds(timeout);
    TRY(const std::int64_t priority, take_whole(message_.parameters(), "priority"));
    into_.priority = static_cast<std::uint64_t>(priority);
    for (const auto& each : message_.inputs()) TRY_STATUS(no_shared_memory(each.parameters()));
    const int raw = message_.raw_input_contents_size();
    if (raw != 0 && raw != message_.inputs_size()) {
      return refused("infer.request_malformed",
                     "expected number of raw input contents is {} but got {}, for model '{}'",
                     message_.inputs_size(), raw, shown(into_.model));
    }
    for (int i = 0; i < message_.inputs_size(); ++i) TRY_STATUS(read_input(i));
    for (const auto& each : message_.outputs()) {
      TRY_STATUS(no_shared_memory(each.parameters()));
      TRY(const std::int64_t classes, take_whole(each.parameters(), "classification"));
      into_.outputs.push_back({each.name(), true, classes});
    }
    into_.binary_outputs = true;
    return {};
  }

 private:
  Status read_input(int place) {
    const auto& input = message_.inputs(place);
    const auto datatype = records::datatype_of(input.datatype());
    if (!datatype) {
      return refused("infer.datatype_unknown", "invalid datatype for input {}: {}",
                     shown(input.name()), shown(input.datatype()));
    }
    InferTensor tensor{input.name(), *datatype, {}, {}, {}};
    TRY(const std::size_t count, read_shape(input, tensor));
    if (message_.raw_input_contents_size() == 0) {
      TRY_STATUS(read_typed(input.contents(), count, tensor));
    } else if (input.has_contents()) {
      return refused("infer.request_malformed",
                     "contents field must not be specified when using raw_input_contents for "
                     "'{}' for model '{}'",
                     shown(input.name()), shown(into_.model));
    } else {
      TRY_STATUS(read_raw(message_.raw_input_contents(place), count, into_.arena, tensor));
    }
    into_.inputs.push_back(tensor);
    return {};
  }

  Result<std::size_t> read_shape(const ModelInferRequest::InferInputTensor& input,
                                 InferTensor& tensor) {
    const int dimensions = input.shape_size();
    const auto shape = into_.arena.array<std::int64_t>(static_cast<std::size_t>(dimensions));
    std::copy(input.shape().begin(), input.shape().end(), shape.begin());
    tensor.shape = shape;
    const auto count = records::element_count(shape);
    if (dimensions > kMostDimensions || !count) {
      return refused("infer.request_malformed",
                     "the shape of input '{}' has a negative dimension, or is too large",
                     shown(input.name()));
    }
    return static_cast<std::size_t>(*count);
  }

  template <typename To, typename From>
  Status take(const From& values, std::size_t count, InferTensor& tensor) {
    if (static_cast<std::size_t>(values.size()) != count) {
      return refused("infer.data_size",
                     "unexpected number of elements {} for input '{}', expecting {}", values.size(),
                     shown(tensor.name), count);
    }
    const std::span<To> out = into_.arena.array<To>(count);
    for (int i = 0; i < values.size(); ++i) {
      if constexpr (std::is_integral_v<To> && !std::is_same_v<To, bool>) {
        if (!std::in_range<To>(values[i])) {
          return refused("infer.data_malformed", "element {} of input '{}' is no {}", i,
                         shown(tensor.name), records::datatype_word(tensor.datatype));
        }
      }
      out[static_cast<std::size_t>(i)] = static_cast<To>(values[i]);
    }
    tensor.data = std::as_bytes(out);
    return {};
  }

  Status take_texts(const InferTensorContents& contents, std::size_t count, InferTensor& tensor) {
    if (static_cast<std::size_t>(contents.bytes_contents_size()) != count) {
      return refused("infer.data_size",
                     "unexpected number of elements {} for input '{}', expecting {}",
                     contents.bytes_contents_size(), shown(tensor.name), count);
    }
    const std::span<std::string_view> out = into_.arena.array<std::string_view>(count);
    for (std::size_t i = 0; i < count; ++i) out[i] = contents.bytes_contents(static_cast<int>(i));
    tensor.texts = out;
    return {};
  }

  Status read_typed(const InferTensorContents& contents, std::size_t count, InferTensor& tensor) {
    switch (tensor.datatype) {
      case Datatype::kBool:
        return take<bool>(contents.bool_contents(), count, tensor);
      case Datatype::kUint8:
        return take<std::uint8_t>(contents.uint_contents(), count, tensor);
      case Datatype::kUint16:
        return take<std::uint16_t>(contents.uint_contents(), count, tensor);
      case Datatype::kUint32:
        return take<std::uint32_t>(contents.uint_contents(), count, tensor);
      case Datatype::kUint64:
        return take<std::uint64_t>(contents.uint64_contents(), count, tensor);
      case Datatype::kInt8:
        return take<std::int8_t>(contents.int_contents(), count, tensor);
      case Datatype::kInt16:
        return take<std::int16_t>(contents.int_contents(), count, tensor);
      case Datatype::kInt32:
        return take<std::int32_t>(contents.int_contents(), count, tensor);
      case Datatype::kInt64:
        return take<std::int64_t>(contents.int64_contents(), count, tensor);
      case Datatype::kFp32:
        return take<float>(contents.fp32_contents(), count, tensor);
      case Datatype::kFp64:
        return take<double>(contents.fp64_contents(), count, tensor);
      case Datatype::kBytes:
        return take_texts(contents, count, tensor);
      case Datatype::kFp16:
      case Datatype::kBf16:
        break;
    }
    return refused("infer.data_malformed", "input '{}' of type {} must be sent as raw contents",
                   shown(tensor.name), records::datatype_word(tensor.datatype));
  }

  const ModelInferRequest& message_;
  InferRequest& into_;
};

void fill(const InferRequest& request, const records::InferResponse& response,
          ModelInferResponse& out) {
  out.set_model_name(response.model.data(), response.model.size());
  out.set_model_version(response.version.data(), response.version.size());
  out.set_id(request.id.data(), request.id.size());
  if (!response.prediction_id.empty()) {
    (*out.mutable_parameters())[kPredictionId].set_string_param(
        std::string(response.prediction_id));
  }
  for (const InferTensor& tensor : response.outputs) {
    auto& output = *out.add_outputs();
    output.set_name(tensor.name.data(), tensor.name.size());
    const std::string_view datatype = records::datatype_word(tensor.datatype);
    output.set_datatype(datatype.data(), datatype.size());
    for (const std::int64_t dimension : tensor.shape) output.add_shape(dimension);
    append_raw(tensor, *out.add_raw_output_contents());
  }
}

template <typename MessageType>
std::string bytes_of(const MessageType& message) {
  std::string out;
  message.SerializeToString(&out);
  return out;
}

template <typename MessageType>
bool parse(std::string_view bytes, MessageType& into) {
  return std::in_range<int>(bytes.size()) &&
         into.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()));
}

void keep_alone(ModelInferResponse& answer) {
  answer.clear_model_version();
  answer.mutable_parameters()->erase(kPredictionId);
}

}  // namespace

struct GrpcInferReader::State {
  Arena arena;
};

GrpcInferReader::GrpcInferReader() : state_(std::make_unique<State>()) {}
GrpcInferReader::~GrpcInferReader() = default;

Status GrpcInferReader::read(std::string_view bytes, InferRequest& into) {
  // One huge message must not hold its memory for ever, and a small one need not ask for new.
  state_->arena.Reset();
  auto* const message = Arena::CreateMessage<ModelInferRequest>(&state_->arena);
  if (!parse(bytes, *message)) {
    return refused("infer.message_malformed", "the message is no ModelInferRequest");
  }
  return Reading(*message, into).read();
}

std::string grpc_infer_response(const InferRequest& request,
                                const records::InferResponse& response) {
  Arena arena;
  auto* const out = Arena::CreateMessage<ModelInferResponse>(&arena);
  fill(request, response, *out);
  return bytes_of(*out);
}

std::string grpc_stream_response(const InferRequest& request,
                                 const records::InferResponse& response) {
  inference::ModelStreamInferResponse out;
  ModelInferResponse& answer = *out.mutable_infer_response();
  fill(request, response, answer);
  (*answer.mutable_parameters())["triton_final_response"].set_bool_param(true);
  return bytes_of(out);
}

std::string grpc_stream_error(std::string_view id, std::string_view message) {
  inference::ModelStreamInferResponse out;
  out.set_error_message(message.data(), message.size());
  out.mutable_infer_response()->set_id(id.data(), id.size());
  return bytes_of(out);
}

std::optional<std::string> grpc_answer_alone(std::string_view bytes, bool is_stream) {
  Arena arena;
  if (!is_stream) {
    auto* const answer = Arena::CreateMessage<ModelInferResponse>(&arena);
    if (!parse(bytes, *answer)) return std::nullopt;
    keep_alone(*answer);
    return bytes_of(*answer);
  }
  auto* const answer = Arena::CreateMessage<inference::ModelStreamInferResponse>(&arena);
  if (!parse(bytes, *answer)) return std::nullopt;
  if (answer->has_infer_response()) keep_alone(*answer->mutable_infer_response());
  return bytes_of(*answer);
}

}  // namespace kingpost::open_inference
