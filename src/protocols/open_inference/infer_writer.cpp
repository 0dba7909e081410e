// SPDX-License-Identifier: Apache-2.0
#include "protocols/open_inference/infer_writer.h"

#include <charconv>
#include <cmath>

#include "base/json_text.h"
#include "base/text.h"
#include "base/utf8.h"
#include "protocols/open_inference/raw_tensor.h"

namespace kingpost::open_inference {
namespace {

using records::Datatype;
using records::InferRequest;
using records::InferResponse;
using records::InferTensor;

template <typename Number>
void append_number(Number value, std::string& out) {
  char digits[40];
  const auto end = std::to_chars(digits, digits + sizeof digits, value).ptr;
  out.append(digits, end);
}

template <typename Number>
void append_element(Number value, std::string& out) {
  if constexpr (std::is_same_v<Number, bool>) {
    out += value ? "true" : "false";
  } else if constexpr (std::is_floating_point_v<Number>) {
    if (std::isfinite(value)) {
      append_number(value, out);
    } else {
      out += "null";
    }
  } else {
    append_number(value, out);
  }
}

template <typename Number>
void append_numbers(const InferTensor& tensor, std::string& out) {
  for (std::size_t at = 0; at < tensor.data.size() / sizeof(Number); ++at) {
    if (at > 0) out += ',';
    append_element(tensor.element<Number>(at), out);
  }
}

Error no_json(const InferTensor& tensor, std::string_view why) {
  return fail(Code::kInvalidInput, "infer.not_text", "output '{}' {}: ask for it as binary data",
              tensor.name, why);
}

Status append_texts(const InferTensor& tensor, std::string& out) {
  for (std::size_t i = 0; i < tensor.texts.size(); ++i) {
    if (i > 0) out += ',';
    if (!is_utf8(tensor.texts[i])) return no_json(tensor, "has a text that is no UTF-8");
    add_json_text(out, tensor.texts[i]);
  }
  return {};
}

Status append_data(const InferTensor& tensor, std::string& out) {
  if (tensor.datatype == Datatype::kBytes) return append_texts(tensor, out);
  const bool is_written = records::with_number_type(
      tensor.datatype, [&]<typename Number>() { append_numbers<Number>(tensor, out); });
  if (is_written) return {};
  return no_json(tensor, format("is of type {}", records::datatype_word(tensor.datatype)));
}

bool is_binary(const InferRequest& request, std::size_t output) {
  return request.outputs.empty() ? request.binary_outputs : request.outputs[output].binary;
}

void append_field(std::string_view name, std::string_view text, std::string& out) {
  if (out.back() != '{') out += ',';
  out += '"';
  out += name;
  out += "\":";
  add_json_text(out, text);
}

Status append_output(const InferTensor& tensor, bool binary, std::string& out) {
  out += '{';
  append_field("name", tensor.name, out);
  append_field("datatype", records::datatype_word(tensor.datatype), out);
  out += ",\"shape\":[";
  for (std::size_t i = 0; i < tensor.shape.size(); ++i) {
    if (i > 0) out += ',';
    append_number(tensor.shape[i], out);
  }
  if (binary) {
    out += "],\"parameters\":{\"binary_data_size\":";
    append_number(raw_size(tensor), out);
    out += "}}";
    return {};
  }
  out += "],\"data\":[";
  TRY_STATUS(append_data(tensor, out));
  out += "]}";
  return {};
}

}  // namespace

Result<std::optional<std::size_t>> write_infer(const InferRequest& request,
                                               const InferResponse& response, std::string& out) {
  const std::size_t from = out.size();
  out += '{';
  if (!request.id.empty()) append_field("id", request.id, out);
  append_field("model_name", response.model, out);
  append_field("model_version", response.version, out);
  out += ",\"outputs\":[";
  bool any_binary = false;
  for (std::size_t i = 0; i < response.outputs.size(); ++i) {
    if (i > 0) out += ',';
    const bool binary = is_binary(request, i);
    any_binary = any_binary || binary;
    TRY_STATUS(append_output(response.outputs[i], binary, out));
  }
  out += "]}";
  if (!any_binary) return std::optional<std::size_t>();
  const std::size_t header = out.size() - from;
  for (std::size_t i = 0; i < response.outputs.size(); ++i) {
    if (is_binary(request, i)) append_raw(response.outputs[i], out);
  }
  return std::optional<std::size_t>(header);
}

Status append_json_element(const InferTensor& tensor, std::size_t at, std::string& out) {
  if (tensor.datatype == Datatype::kBytes) {
    if (!is_utf8(tensor.texts[at])) return no_json(tensor, "has a text that is no UTF-8");
    add_json_text(out, tensor.texts[at]);
    return {};
  }
  const bool is_written = records::with_number_type(
      tensor.datatype, [&]<typename Number>() { append_element(tensor.element<Number>(at), out); });
  if (is_written) return {};
  return no_json(tensor, format("is of type {}", records::datatype_word(tensor.datatype)));
}

std::string error_body(std::string_view message) {
  std::string out = "{\"error\":";
  add_json_text(out, message);
  out += '}';
  return out;
}

}  // namespace kingpost::open_inference
