// SPDX-License-Identifier: Apache-2.0
#include "engines/onnx/session/session.h"

#include <onnxruntime/onnxruntime_c_api.h>

#include <algorithm>
#include <memory>

#include "base/text.h"
#include "engines/onnx/columns/executor.h"
#include "engines/onnx/runtime_api.h"
#include "engines/onnx/session/elements.h"

namespace kingpost::onnx {
namespace {

using records::Datatype;
using records::InferResponse;
using records::InferTensor;

constexpr std::string_view kInvalid = "onnx.invalid_model";
constexpr std::string_view kFailed = "onnx.run_failed";

class OrtSessionHolder final : public Session {
 public:
  explicit OrtSessionHolder(const RuntimeApi& runtime)
      : runtime_(runtime), api_(*runtime.table), session_(runtime.table->ReleaseSession) {}

  Status open(std::string_view bytes) {
    TRY_STATUS(open_session(runtime_, bytes, session_));
    TRY(inputs_, read_ports(Direction::kInput));
    TRY(outputs_, read_ports(Direction::kOutput));
    for (const TensorPort& each : inputs_) input_names_.push_back(each.name.c_str());
    for (const TensorPort& each : outputs_) output_names_.push_back(each.name.c_str());
    executor_ = Executor::make(runtime_, bytes, session_.get());
    return {};
  }

  const std::vector<TensorPort>& inputs() const override { return inputs_; }
  const std::vector<TensorPort>& outputs() const override { return outputs_; }

  Status run(std::span<const InferTensor> inputs, std::span<const std::size_t> outputs,
             InferResponse& into) const override {
    if (executor_ != nullptr) {
      if (const std::int64_t rows = rows_of(inputs); rows > 0) {
        return run_columns(inputs, rows, outputs, into);
      }
    }
    // What the runtime is given and gives, released on every way out.
    Values values(api_, inputs.size() + outputs.size());
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      TRY_STATUS(value_of(runtime_, inputs[i], values.slot(i)));
    }
    const std::span<const char*> names = into.arena.array<const char*>(outputs.size());
    for (std::size_t i = 0; i < outputs.size(); ++i) names[i] = output_names_[outputs[i]];
    OrtValue** in = values.begin();
    OrtValue** out = in + inputs.size();
    TRY_STATUS(ran(api_.Run(session_.get(), nullptr, input_names_.data(), in, inputs.size(),
                            names.data(), names.size(), out)));
    for (std::size_t i = 0; i < outputs.size(); ++i) {
      const TensorPort& port = outputs_[outputs[i]];
      InferTensor answer{port.name, port.datatype, {}, {}, {}};
      TRY_STATUS(tensor_of(runtime_, out[i], into.arena, answer));
      into.outputs.push_back(answer);
    }
    return {};
  }

 private:
  // 0 where the inputs are not as many rows of each port's columns.
  std::int64_t rows_of(std::span<const InferTensor> inputs) const {
    const auto& ports = executor_->inputs();
    if (inputs.size() != ports.size() || inputs.empty() || inputs[0].shape.empty()) return 0;
    const std::int64_t rows = inputs[0].shape[0];
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      const auto shape = inputs[i].shape;
      if (shape.size() != 2 || shape[0] != rows || shape[1] != ports[i].columns) return 0;
    }
    return std::max<std::int64_t>(rows, 0);
  }

  Status run_columns(std::span<const InferTensor> inputs, std::int64_t rows,
                     std::span<const std::size_t> outputs, InferResponse& into) const {
    const auto& ports = executor_->outputs();
    const std::span<InputView> in = into.arena.array<InputView>(inputs.size());
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      const bool is_text = inputs[i].datatype == Datatype::kBytes;
      in[i].data = is_text ? static_cast<const void*>(inputs[i].texts.data())
                           : static_cast<const void*>(inputs[i].data.data());
    }
    const std::span<OutputView> out = into.arena.array<OutputView>(ports.size());
    std::fill(out.begin(), out.end(), OutputView());
    const std::size_t first = into.outputs.size();
    for (const std::size_t each : outputs) {
      const Port& port = ports[each];
      const auto count = static_cast<std::size_t>(rows * port.columns);
      const std::size_t bytes = count * value_size(port.type);
      std::byte* const data = into.arena.allocate(bytes, alignof(std::max_align_t));
      // An output [rows] is one column.
      const std::span<std::int64_t> shape =
          into.arena.array<std::int64_t>(outputs_[each].shape.size());
      if (shape.size() > 1) shape[1] = port.columns;
      shape[0] = rows;
      InferTensor answer{outputs_[each].name, outputs_[each].datatype, shape, {}, {}};
      out[each] = {data, &into.arena};
      if (port.type == TensorType::kString) {
        answer.texts = {reinterpret_cast<const std::string_view*>(data), count};
      } else {
        answer.data = {data, bytes};
      }
      into.outputs.push_back(answer);
    }
    const Status done = executor_->run(static_cast<std::size_t>(rows), in, out);
    if (!done) into.outputs.resize(first);
    return done;
  }

  class Values {
   public:
    Values(const OrtApi& api, std::size_t count) : api_(api), values_(count, nullptr) {}
    ~Values() {
      for (OrtValue* each : values_) {
        if (each != nullptr) api_.ReleaseValue(each);
      }
    }
    Values(const Values&) = delete;
    Values& operator=(const Values&) = delete;
    OrtValue** slot(std::size_t i) { return &values_[i]; }
    OrtValue** begin() { return values_.data(); }

   private:
    const OrtApi& api_;
    std::vector<OrtValue*> values_;
  };

  Status ran(OrtStatus* status) const {
    return checked(api_, status, Code::kInvalidInput, kFailed);
  }

  Result<std::vector<TensorPort>> read_ports(Direction direction) const {
    TRY(auto ports, ports_of(runtime_, session_.get(), direction));
    std::vector<TensorPort> out;
    for (RuntimePort& each : ports) {
      const auto datatype = datatype_of_element(each.element);
      if (!datatype) {
        return fail(Code::kInvalidInput, kInvalid,
                    "\"{}\" is no tensor that the Open Inference Protocol can carry",
                    shown(each.name))
            .hint("export classifiers without ZipMap, so that probabilities are a tensor");
      }
      out.push_back({std::move(each.name), *datatype, std::move(each.shape)});
    }
    return out;
  }

  const RuntimeApi& runtime_;
  const OrtApi& api_;
  Held<OrtSession> session_;
  std::vector<TensorPort> inputs_;
  std::vector<TensorPort> outputs_;
  std::vector<const char*> input_names_;
  std::vector<const char*> output_names_;
  /// Null where the runtime runs all of it.
  std::unique_ptr<const Executor> executor_;
};

}  // namespace

Result<std::unique_ptr<Session>> Session::load(std::string_view bytes) {
  TRY(const RuntimeApi* runtime, runtime_api());
  auto session = std::make_unique<OrtSessionHolder>(*runtime);
  TRY_STATUS(session->open(bytes));
  return std::unique_ptr<Session>(std::move(session));
}

}  // namespace kingpost::onnx
