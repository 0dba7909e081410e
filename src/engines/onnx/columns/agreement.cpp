// SPDX-License-Identifier: Apache-2.0
#include "engines/onnx/columns/agreement.h"

#include <onnxruntime/onnxruntime_c_api.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "base/random.h"
#include "engines/onnx/runtime_values.h"

namespace kingpost::onnx {
namespace {

constexpr std::size_t kMostNumbers = 1'000'000;
constexpr std::int64_t kRows = 256;
constexpr std::int64_t kSeed = 1;

template <typename T>
std::vector<T> drawn(std::size_t count, const std::vector<float>& numbers, Random& random) {
  const auto end = static_cast<std::uint32_t>(numbers.size());
  std::vector<T> out(count);
  for (T& each : out) each = static_cast<T>(numbers[random.below(end)]);
  return out;
}

std::optional<Tensor> drawn(const Port& port, std::int64_t rows, const std::vector<float>& numbers,
                            Random& random) {
  const auto count = static_cast<std::size_t>(rows * port.columns);
  Tensor out{{rows, port.columns}, {}};
  if (port.type == TensorType::kFloat) {
    out.data = drawn<float>(count, numbers, random);
  } else if (port.type == TensorType::kDouble) {
    out.data = drawn<double>(count, numbers, random);
  } else {
    return std::nullopt;
  }
  return out;
}

std::optional<std::vector<Tensor>> ask_runtime(const RuntimeApi& runtime, OrtSession* whole,
                                               const Executor& columns,
                                               const std::vector<Tensor>& inputs) {
  const OrtApi& api = *runtime.table;
  std::vector<Held<OrtValue>> values;
  std::vector<const OrtValue*> in;
  std::vector<const char*> in_names;
  std::vector<const char*> out_names;
  values.reserve(inputs.size() + columns.outputs().size());
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    values.emplace_back(api.ReleaseValue);
    if (!view_tensor(runtime, inputs[i], values.back())) return std::nullopt;
    in.push_back(values.back().get());
    in_names.push_back(columns.inputs()[i].name.c_str());
  }
  std::vector<OrtValue*> raw(columns.outputs().size());
  for (const Port& each : columns.outputs()) out_names.push_back(each.name.c_str());
  const Status done = checked(api,
                              api.Run(whole, nullptr, in_names.data(), in.data(), in.size(),
                                      out_names.data(), out_names.size(), raw.data()),
                              Code::kInvalidInput, kRunFailed);
  for (OrtValue* each : raw) {
    values.emplace_back(api.ReleaseValue);
    *values.back().slot() = each;
  }
  if (!done) return std::nullopt;
  std::vector<Tensor> out(raw.size());
  for (std::size_t i = 0; i < raw.size(); ++i) {
    if (!copy_out(runtime, raw[i], columns.outputs()[i].type, out[i])) return std::nullopt;
  }
  return out;
}

bool has_same_bytes(const Tensor& tensor, const void* data) {
  return std::visit(
      [&]<typename T>(const std::vector<T>& values) {
        if constexpr (std::is_same_v<T, std::string>) {
          const auto* const texts = static_cast<const std::string_view*>(data);
          return std::equal(values.begin(), values.end(), texts);
        } else {
          return std::memcmp(values.data(), data, values.size() * sizeof(T)) == 0;
        }
      },
      tensor.data);
}

bool agree_on(const RuntimeApi& runtime, OrtSession* whole, const Executor& columns,
              const std::vector<Tensor>& inputs) {
  const auto wanted = ask_runtime(runtime, whole, columns, inputs);
  if (!wanted) return false;
  const std::int64_t rows = inputs.front().shape.front();
  std::vector<InputView> in(inputs.size());
  for (std::size_t i = 0; i < in.size(); ++i) {
    std::visit([&](const auto& values) { in[i].data = values.data(); }, inputs[i].data);
  }
  Arena arena;
  std::vector<OutputView> out(wanted->size());
  for (std::size_t i = 0; i < out.size(); ++i) {
    const Port& port = columns.outputs()[i];
    if ((*wanted)[i].size() != rows * port.columns) return false;
    const std::size_t bytes = static_cast<std::size_t>(rows * port.columns) * value_size(port.type);
    out[i] = {arena.allocate(bytes, alignof(std::max_align_t)), &arena};
  }
  if (!columns.run(static_cast<std::size_t>(rows), in, out)) return false;
  for (std::size_t i = 0; i < out.size(); ++i) {
    if (!has_same_bytes((*wanted)[i], out[i].data)) return false;
  }
  return true;
}

}  // namespace

std::vector<float> telling_numbers(const GraphState& graph) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
  std::vector<float> out = {kNan, kNan, kNan, kInfinity, -kInfinity, 0, -0.0F, 1, -1, 0.5F, 1e6F};
  for (const GraphNode& node : graph.nodes) {
    const auto* const splits = find_attribute<std::vector<float>>(node, "nodes_values");
    if (splits == nullptr) continue;
    for (const float each : *splits) {
      if (out.size() >= kMostNumbers) return out;
      out.push_back(std::nextafter(each, -kInfinity));
      out.push_back(each);
      out.push_back(std::nextafter(each, kInfinity));
    }
  }
  return out;
}

bool agree(const RuntimeApi& runtime, OrtSession* whole, const Executor& columns,
           const std::vector<float>& numbers) {
  for (const std::int64_t rows : {std::int64_t{1}, std::int64_t{2}, kRows}) {
    std::vector<Tensor> inputs;
    Random random(kSeed, rows);
    for (const Port& each : columns.inputs()) {
      auto made = drawn(each, rows, numbers, random);
      if (!made) return false;
      inputs.push_back(std::move(*made));
    }
    if (inputs.empty() || !agree_on(runtime, whole, columns, inputs)) return false;
  }
  return true;
}

}  // namespace kingpost::onnx
