// SPDX-License-Identifier: Apache-2.0
#include "engines/onnx/columns/executor.h"

#include <onnxruntime/onnxruntime_c_api.h>

#include <algorithm>
#include <array>
#include <iterator>

#include "engines/onnx/columns/agreement.h"
#include "engines/onnx/runtime_values.h"

namespace kingpost::onnx {
namespace {

// A value of the runtime that looks at [rows, columns] of numbers.
Status view_numbers(const RuntimeApi& runtime, const Port& port, std::size_t rows, void* data,
                    Held<OrtValue>& into) {
  const OrtApi& api = *runtime.table;
  const std::array<std::int64_t, 2> shape = {static_cast<std::int64_t>(rows), port.columns};
  const std::size_t bytes = rows * static_cast<std::size_t>(port.columns) * value_size(port.type);
  return checked(
      api,
      api.CreateTensorWithDataAsOrtValue(
          runtime.memory, data, bytes, shape.data(), shape.size(),
          static_cast<ONNXTensorElementDataType>(element_of_type(port.type)), into.slot()),
      Code::kInternal, kRunFailed);
}

}  // namespace

Executor::Executor(const RuntimeApi* runtime)
    : runtime_(runtime), rest_(runtime != nullptr ? runtime->table->ReleaseSession : nullptr) {}

std::unique_ptr<const Executor> Executor::make_alone(std::string_view bytes) {
  std::unique_ptr<Executor> out(new Executor(nullptr));
  auto own = read_graph(bytes);
  if (!own || !out->take(std::move(*own))) return nullptr;
  return out;
}

std::unique_ptr<const Executor> Executor::make(const RuntimeApi& runtime, std::string_view bytes,
                                               OrtSession* whole) {
  std::unique_ptr<Executor> out(new Executor(&runtime));
  if (auto own = read_graph(bytes)) {
    if (!out->take(std::move(*own))) return nullptr;
    return out;
  }
  auto foreign = read_foreign_graph(bytes);
  if (!foreign) return nullptr;
  const std::vector<float> numbers = telling_numbers(*foreign);
  const bool is_whole = out->take(std::move(*foreign)) && out->program_->rest().outputs.empty();
  if (!is_whole || !agree(runtime, whole, *out, numbers)) return nullptr;
  return out;
}

bool Executor::take(GraphState graph) {
  inputs_ = graph.inputs;
  for (const GraphOutput& each : graph.outputs) outputs_.push_back(each.port);
  program_ = Program::compile(std::move(graph));
  if (program_ == nullptr) return false;
  made_ = program_->outputs_made();
  std::size_t rest = program_->exports().size();
  std::size_t made = 0;
  for (const Port& each : outputs_) {
    const bool is_made = made < made_ && program_->exports()[made].port.name == each.name;
    places_.push_back(is_made ? made++ : rest++);
  }
  if (program_->rest().outputs.empty()) return true;
  return runtime_ != nullptr && open_rest().has_value();
}

Status Executor::open_rest() {
  const GraphState& rest = program_->rest();
  for (const Port& each : rest.inputs) rest_inputs_.push_back(each.name.c_str());
  for (const GraphOutput& each : rest.outputs) rest_outputs_.push_back(each.port.name.c_str());
  return open_session(*runtime_, write_graph(rest), rest_);
}

Status Executor::run(std::size_t rows, std::span<const InputView> inputs,
                     std::span<const OutputView> outputs) const {
  thread_local Arena arena(std::size_t{4} << 20U);
  arena.reset();
  const auto& exports = program_->exports();
  const std::span<OutputView> views = arena.array<OutputView>(exports.size());
  std::fill(views.begin(), views.end(), OutputView());
  for (std::size_t i = 0; i < places_.size(); ++i) {
    if (places_[i] < exports.size()) views[places_[i]] = outputs[i];
  }
  for (std::size_t i = made_; i < exports.size(); ++i) {
    const Port& port = exports[i].port;
    const std::size_t bytes = rows * static_cast<std::size_t>(port.columns) * value_size(port.type);
    views[i].data = arena.allocate(bytes, alignof(std::max_align_t));
  }
  if (!program_->run(rows, inputs, views)) {
    return fail(Code::kInvalidInput, kRunFailed,
                "a table of the graph is asked for what is out of bounds");
  }
  if (rest_outputs_.empty()) return {};
  return run_rest(rows, views.subspan(made_), outputs, arena);
}

Status Executor::run_rest(std::size_t rows, std::span<const OutputView> crossing,
                          std::span<const OutputView> outputs, Arena& arena) const {
  const OrtApi& api = *runtime_->table;
  std::vector<Held<OrtValue>> values;
  values.reserve(crossing.size() + rest_outputs_.size());
  const auto add = [&](const Port& port, void* data) {
    values.emplace_back(api.ReleaseValue);
    return view_numbers(*runtime_, port, rows, data, values.back());
  };
  const auto& exports = program_->exports();
  for (std::size_t i = 0; i < crossing.size(); ++i) {
    TRY_STATUS(add(exports[made_ + i].port, crossing[i].data));
  }
  for (std::size_t i = 0; i < places_.size(); ++i) {
    if (places_[i] < exports.size()) continue;
    const Port& port = outputs_[i];
    const std::size_t bytes = rows * static_cast<std::size_t>(port.columns) * value_size(port.type);
    void* const data = outputs[i].data != nullptr
                           ? outputs[i].data
                           : arena.allocate(bytes, alignof(std::max_align_t));
    TRY_STATUS(add(port, data));
  }
  std::vector<OrtValue*> raw;
  raw.reserve(values.size());
  for (const auto& each : values) raw.push_back(each.get());
  return checked(api,
                 api.Run(rest_.get(), nullptr, rest_inputs_.data(), raw.data(), crossing.size(),
                         rest_outputs_.data(), rest_outputs_.size(), raw.data() + crossing.size()),
                 Code::kInvalidInput, kRunFailed);
}

}  // namespace kingpost::onnx
