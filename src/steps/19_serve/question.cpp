// SPDX-License-Identifier: Apache-2.0
#include "steps/19_serve/question.h"

#include <algorithm>
#include <cstring>

#include "base/text.h"

namespace kingpost::steps::serve {
namespace {

using onnx::TensorPort;
using records::InferRequest;
using records::InferTensor;

using Ports = std::vector<TensorPort>;

std::string shape_text(std::span<const std::int64_t> shape) {
  std::string out = "[";
  for (const std::int64_t each : shape) {
    if (out.size() > 1) out += ',';
    out += format("{}", each);
  }
  return out + "]";
}

bool fits(std::span<const std::int64_t> shape, const std::vector<std::int64_t>& port) {
  return std::equal(shape.begin(), shape.end(), port.begin(), port.end(),
                    [](std::int64_t given, std::int64_t wanted) {
                      return given >= 0 && (wanted < 0 || given == wanted);
                    });
}

// Clients mostly name them in the model's own order.
std::size_t place_of(std::string_view name, const Ports& ports, std::size_t likely) {
  if (likely < ports.size() && ports[likely].name == name) return likely;
  const auto found = std::find_if(ports.begin(), ports.end(),
                                  [&](const TensorPort& port) { return port.name == name; });
  return static_cast<std::size_t>(found - ports.begin());
}

template <typename... Args>
Error refused(std::string_view id, FormatString<Args...> text, Args&&... args) {
  return fail(Code::kInvalidInput, id, text, std::forward<Args>(args)...);
}

Status hold(const InferTensor& input, const TensorPort& port, std::string_view model) {
  if (input.datatype != port.datatype) {
    return refused("serve.input_type",
                   "inference input '{}' data-type is '{}', but model '{}' expects '{}'", port.name,
                   records::datatype_word(input.datatype), model,
                   records::datatype_word(port.datatype));
  }
  if (!fits(input.shape, port.shape)) {
    return refused("serve.input_shape",
                   "unexpected shape for input '{}' for model '{}'. Expected {}, got {}", port.name,
                   model, shape_text(port.shape), shape_text(input.shape));
  }
  return {};
}

Result<std::span<const InferTensor>> inputs_of(const InferRequest& request, const Ports& ports,
                                               std::string_view model, Arena& arena) {
  const std::span<InferTensor> out = arena.array<InferTensor>(ports.size());
  const std::span<bool> given = arena.array<bool>(ports.size());
  std::fill(given.begin(), given.end(), false);
  for (std::size_t i = 0; i < request.inputs.size(); ++i) {
    const InferTensor& input = request.inputs[i];
    const std::size_t at = place_of(input.name, ports, i);
    if (at == ports.size()) {
      return refused("serve.input_unknown", "unexpected inference input '{}' for model '{}'",
                     shown(input.name), model);
    }
    if (given[at]) {
      return refused("serve.input_unknown", "inference input '{}' is given twice to model '{}'",
                     ports[at].name, model);
    }
    TRY_STATUS(hold(input, ports[at], model));
    out[at] = input;
    given[at] = true;
  }
  const auto* const missing = std::find(given.begin().base(), given.end().base(), false);
  if (missing != given.end().base()) {
    return refused("serve.input_missing",
                   "expected {} inputs but got {} inputs for model '{}': '{}' is missing",
                   ports.size(), request.inputs.size(), model,
                   ports[static_cast<std::size_t>(missing - given.data())].name);
  }
  return std::span<const InferTensor>(out);
}

std::span<const std::size_t> all_outputs(const Ports& ports, Arena& arena) {
  const std::span<std::size_t> out = arena.array<std::size_t>(ports.size());
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = i;
  return out;
}

Result<std::span<const std::size_t>> outputs_of(const InferRequest& request, const Ports& ports,
                                                std::string_view model, Arena& arena) {
  if (request.outputs.empty()) return all_outputs(ports, arena);
  const std::span<std::size_t> out = arena.array<std::size_t>(request.outputs.size());
  for (std::size_t i = 0; i < out.size(); ++i) {
    const std::string_view name = request.outputs[i].name;
    out[i] = place_of(name, ports, i);
    if (out[i] == ports.size()) {
      return refused("serve.output_unknown", "unexpected inference output '{}' for model '{}'",
                     shown(name), model);
    }
    const auto before = out.first(i);
    if (std::find(before.begin(), before.end(), out[i]) != before.end()) {
      return refused("serve.output_unknown", "inference output '{}' is asked for twice", name);
    }
  }
  return std::span<const std::size_t>(out);
}

bool has_rows(const Ports& ports) {
  return !ports.empty() && std::all_of(ports.begin(), ports.end(), [](const TensorPort& port) {
    return !port.shape.empty() && port.shape[0] < 0;
  });
}

Status same_rows(std::span<const InferTensor> inputs, std::string_view model) {
  for (const InferTensor& input : inputs) {
    if (input.shape[0] == inputs[0].shape[0]) continue;
    return refused("serve.input_shape",
                   "input '{}' has {} rows and input '{}' has {} for model '{}'", inputs[0].name,
                   inputs[0].shape[0], input.name, input.shape[0], model);
  }
  return {};
}

}  // namespace

bool says_rows(const onnx::Session& session) {
  return has_rows(session.inputs()) && has_rows(session.outputs());
}

Result<Question> question_of(const InferRequest& request, const onnx::Session& session,
                             std::string_view model, bool by_rows, Arena& arena) {
  Question out;
  TRY(out.inputs, inputs_of(request, session.inputs(), model, arena));
  TRY(out.outputs, outputs_of(request, session.outputs(), model, arena));
  if (!by_rows) return out;
  TRY_STATUS(same_rows(out.inputs, model));
  out.rows = out.inputs[0].shape[0];
  const bool is_hollow =
      out.rows > 0 && std::all_of(out.inputs.begin(), out.inputs.end(), [](const auto& input) {
        return input.data.empty() && input.texts.empty();
      });
  // So many rows would cost a client nothing, and the server a loop over each.
  if (is_hollow) {
    return refused("serve.input_shape", "the {} rows for model '{}' hold no value", out.rows,
                   model);
  }
  return out;
}

Question made_up_question(const onnx::Session& session, std::int64_t rows, Arena& arena) {
  const Ports& ports = session.inputs();
  const std::span<InferTensor> inputs = arena.array<InferTensor>(ports.size());
  for (std::size_t i = 0; i < ports.size(); ++i) {
    const TensorPort& port = ports[i];
    const std::span<std::int64_t> shape = arena.array<std::int64_t>(port.shape.size());
    for (std::size_t d = 0; d < shape.size(); ++d) {
      const std::int64_t free = d == 0 ? rows : 1;
      shape[d] = port.shape[d] < 0 ? free : port.shape[d];
    }
    const auto count = static_cast<std::size_t>(records::element_count(shape).value_or(0));
    InferTensor input{port.name, port.datatype, shape, {}, {}};
    if (port.datatype == records::Datatype::kBytes) {
      const std::span<std::string_view> texts = arena.array<std::string_view>(count);
      std::fill(texts.begin(), texts.end(), std::string_view());
      input.texts = texts;
    } else {
      const std::size_t bytes = count * records::element_size(port.datatype);
      std::byte* const zeros = arena.allocate(bytes, alignof(std::max_align_t));
      if (bytes > 0) std::memset(zeros, 0, bytes);
      input.data = {zeros, bytes};
    }
    inputs[i] = input;
  }
  return {inputs, all_outputs(session.outputs(), arena), rows};
}

}  // namespace kingpost::steps::serve
