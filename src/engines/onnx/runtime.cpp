// SPDX-License-Identifier: Apache-2.0
// Sessions of ONNX Runtime: what a model takes and gives, checked before the runtime sees it.
#include "engines/onnx/runtime.h"

#include <onnxruntime/onnxruntime_c_api.h>

#include <algorithm>
#include <iterator>
#include <optional>

#include "base/parallel.h"
#include "base/text.h"
#include "engines/onnx/columns/executor.h"
#include "engines/onnx/runtime_values.h"

namespace kingpost::onnx {
namespace {

using records::Batch;
using records::BatchColumn;

constexpr std::string_view kInvalid = "onnx.invalid_model";

std::string_view word_of(TensorType type) {
  switch (type) {
    case TensorType::kFloat:
      return "float32";
    case TensorType::kDouble:
      return "float64";
    case TensorType::kInt64:
      return "int64";
    case TensorType::kBool:
      return "boolean";
    case TensorType::kString:
      return "text";
  }
  return "";
}

Error input_type(const std::string& name, const std::string& what) {
  return fail(Code::kInvalidInput, "onnx.input_type", "column \"{}\" {}", shown(name), what);
}

class GraphModel final : public Model {
 public:
  GraphModel(const RuntimeApi& runtime, std::int64_t at_once)
      : runtime_(&runtime), session_(runtime.table->ReleaseSession), at_once_(at_once) {}
  GraphModel(std::unique_ptr<const Executor> executor, std::int64_t at_once)
      : session_(nullptr),
        at_once_(at_once),
        inputs_(executor->inputs()),
        outputs_(executor->outputs()),
        executor_(std::move(executor)) {}

  Status open(std::string_view bytes, Engine engine) {
    TRY_STATUS(open_session(*runtime_, bytes, session_));
    TRY(inputs_, read_ports(Direction::kInput));
    TRY(outputs_, read_ports(Direction::kOutput));
    for (const Port& each : inputs_) input_names_.push_back(each.name.c_str());
    for (const Port& each : outputs_) output_names_.push_back(each.name.c_str());
    if (engine != Engine::kRuntime) executor_ = Executor::make(*runtime_, bytes, session_.get());
    return {};
  }

  const std::vector<Port>& inputs() const override { return inputs_; }
  const std::vector<Port>& outputs() const override { return outputs_; }

  Result<std::vector<Tensor>> run(const Batch& batch, std::int64_t from,
                                  std::int64_t rows) const override {
    if (executor_ != nullptr) {
      TRY(const auto columns, columns_of(batch, {from, rows}));
      return answer(columns, rows);
    }
    TRY(const auto values, view(batch, {from, rows}));
    if (rows == 0) {
      std::vector<Tensor> none;
      make_room(0, none);
      return none;
    }
    return answer(values);
  }

  void make_room(std::int64_t rows, std::vector<Tensor>& room) const override {
    room.resize(outputs_.size());
    for (std::size_t i = 0; i < outputs_.size(); ++i) {
      const Port& port = outputs_[i];
      Tensor& tensor = room[i];
      if (tensor.type() != port.type) tensor.data = data_of(port.type);
      tensor.shape = {rows, port.columns};
      std::visit([&](auto& values) { values.resize(static_cast<std::size_t>(tensor.size())); },
                 tensor.data);
    }
  }

  Status run_into(const Batch& batch, std::int64_t from, std::int64_t rows,
                  std::vector<Tensor>& outputs) const override {
    if (rows <= 0) return run_slice(batch, {from, rows}, outputs);
    for (std::int64_t at = 0; at < rows; at += at_once_) {
      TRY_STATUS(run_slice(batch, {from + at, std::min(at_once_, rows - at)}, outputs));
    }
    return {};
  }

  Result<std::vector<Tensor>> run(const std::vector<Tensor>& inputs) const override {
    if (inputs.size() != inputs_.size()) {
      return fail(Code::kInternal, "onnx.input_missing", "{} tensors for {} inputs", inputs.size(),
                  inputs_.size());
    }
    if (executor_ != nullptr && are_rows(inputs)) {
      TRY(const auto columns, columns_of(inputs));
      return answer(columns, inputs.front().shape.front());
    }
    if (runtime_ == nullptr) return input_type("inputs", "are not the same number of rows");
    std::vector<Held<OrtValue>> values;
    values.reserve(inputs_.size());
    for (std::size_t i = 0; i < inputs_.size(); ++i) {
      values.emplace_back(api().ReleaseValue);
      TRY_STATUS(check(inputs[i], inputs_[i]));
      TRY_STATUS(view_tensor(*runtime_, inputs[i], values.back()));
    }
    return answer(values);
  }

 private:
  // An input as the columns have it; texts are looked at one by one.
  struct Viewed {
    InputView view;
    std::vector<std::string_view> texts;

    template <typename T>
    void look_at(const std::vector<T>& values, std::size_t from, std::size_t count) {
      if constexpr (std::is_same_v<T, std::string>) {
        const auto* const first = values.data() + from;
        texts.assign(first, first + count);
        view.data = texts.data();
      } else {
        view.data = values.data() + from;
      }
    }
  };

  bool are_rows(const std::vector<Tensor>& inputs) const {
    // No rows at all are for the runtime, where there is one.
    const std::int64_t least = runtime_ == nullptr ? 0 : 1;
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      const auto& shape = inputs[i].shape;
      if (shape.size() != 2 || shape[1] != inputs_[i].columns || shape[0] < least ||
          shape[0] != inputs.front().shape.front()) {
        return false;
      }
    }
    return !inputs.empty();
  }

  Result<std::vector<Viewed>> columns_of(const std::vector<Tensor>& inputs) const {
    std::vector<Viewed> out(inputs.size());
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      TRY_STATUS(check(inputs[i], inputs_[i]));
      std::visit([&](const auto& values) { out[i].look_at(values, 0, values.size()); },
                 inputs[i].data);
    }
    return out;
  }

  Result<std::vector<Viewed>> columns_of(const Batch& batch, const RowRange& range) const {
    TRY_STATUS(check(batch, range));
    std::vector<Viewed> out(inputs_.size());
    for (std::size_t i = 0; i < inputs_.size(); ++i) {
      TRY(const BatchColumn* column, column_for(batch, i));
      const auto from = static_cast<std::size_t>(range.from);
      const auto rows = static_cast<std::size_t>(range.rows);
      if (column->is_text) {
        out[i].look_at(column->texts, from, rows);
      } else {
        out[i].look_at(column->numbers, from, rows);
      }
    }
    return out;
  }

  // The rows of the answer go to those from `at` on.
  Status ask(const std::vector<Viewed>& columns, const RowRange& at,
             std::vector<Tensor>& outputs) const {
    if (at.rows == 0) return {};
    std::vector<InputView> in;
    for (const Viewed& each : columns) in.push_back(each.view);
    Arena arena;
    const auto rows = static_cast<std::size_t>(at.rows);
    std::vector<OutputView> out(outputs.size());
    const auto begin = [&](std::size_t i) { return at.from * outputs_[i].columns; };
    for (std::size_t i = 0; i < outputs.size(); ++i) {
      std::visit(
          [&](auto& values) {
            using T = typename std::decay_t<decltype(values)>::value_type;
            if constexpr (std::is_same_v<T, std::string>) {
              const std::size_t count = rows * static_cast<std::size_t>(outputs_[i].columns);
              out[i] = {arena.array<std::string_view>(count).data(), &arena};
            } else {
              out[i].data = values.data() + begin(i);
            }
          },
          outputs[i].data);
    }
    TRY_STATUS(executor_->run(rows, in, out));
    for (std::size_t i = 0; i < outputs.size(); ++i) {
      if (outputs_[i].type != TensorType::kString) continue;
      const auto* const texts = static_cast<const std::string_view*>(out[i].data);
      auto& to = std::get<std::vector<std::string>>(outputs[i].data);
      const std::size_t count = rows * static_cast<std::size_t>(outputs_[i].columns);
      std::copy_n(texts, count, to.begin() + begin(i));
    }
    return {};
  }

  Result<std::vector<Tensor>> answer(const std::vector<Viewed>& columns, std::int64_t rows) const {
    std::vector<Tensor> out;
    make_room(rows, out);
    TRY_STATUS(ask(columns, {0, rows}, out));
    return out;
  }

  static Status check(const Batch& batch, const RowRange& range) {
    if (range.from < 0 || range.rows < 0 || range.from > batch.rows - range.rows) {
      return fail(Code::kInternal, kRunFailed, "rows {} to {} of a batch of {}", range.from,
                  range.from + range.rows, batch.rows);
    }
    return {};
  }

  Status ran(OrtStatus* status) const {
    return checked(api(), status, Code::kInvalidInput, kRunFailed);
  }

  Result<std::vector<Port>> read_ports(Direction direction) const {
    TRY(const auto ports, ports_of(*runtime_, session_.get(), direction));
    std::vector<Port> out;
    for (const RuntimePort& each : ports) {
      const auto type = type_of_element(each.element);
      if (!type) {
        return fail(Code::kInvalidInput, kInvalid,
                    "\"{}\" is neither numbers, booleans nor texts of a supported type",
                    shown(each.name));
      }
      if (each.shape.size() != 2 || each.shape.back() < 0) {
        return fail(Code::kInvalidInput, kInvalid,
                    "\"{}\" is not [rows, columns] with a fixed number of columns",
                    shown(each.name));
      }
      out.push_back({each.name, *type, each.shape.back()});
    }
    return out;
  }

  Result<const BatchColumn*> column_for(const Batch& batch, std::size_t input) const {
    const Port& port = inputs_[input];
    const bool is_in_place = input < batch.columns.size() && batch.columns[input].name == port.name;
    const BatchColumn* column = is_in_place ? &batch.columns[input] : batch.find(port.name);
    if (column == nullptr) {
      std::vector<std::string> names;
      for (const BatchColumn& each : batch.columns) names.push_back(each.name);
      return fail(Code::kInvalidInput, "onnx.input_missing", "there is no column \"{}\"",
                  shown(port.name))
          .hint(did_you_mean(port.name, names, "the model needs it"));
    }
    const bool is_number = port.type == TensorType::kDouble && !column->is_text;
    const bool is_text = port.type == TensorType::kString && column->is_text;
    if ((!is_number && !is_text) || port.columns != 1) {
      return input_type(port.name, format("is {}, where the model takes {}{}",
                                          column->is_text ? "text" : "numbers", word_of(port.type),
                                          port.columns == 1 ? "" : " of several columns"));
    }
    const std::size_t values = is_text ? column->texts.size() : column->numbers.size();
    if (values != static_cast<std::size_t>(batch.rows)) {
      return input_type(port.name, format("has {} values in {} rows", values, batch.rows));
    }
    return column;
  }

  static Status check(const Tensor& tensor, const Port& port) {
    const auto count = std::visit([](const auto& values) { return values.size(); }, tensor.data);
    if (tensor.type() != port.type) {
      return input_type(port.name, format("is {}, where the model takes {}", word_of(tensor.type()),
                                          word_of(port.type)));
    }
    if (count != static_cast<std::size_t>(tensor.size())) {
      return input_type(port.name, "has a shape that its values don't fill");
    }
    return {};
  }

  // Texts have no place of a fixed size; an output that is an input is handed through as it is.
  bool is_copied(std::size_t output) const {
    const Port& port = outputs_[output];
    return port.type == TensorType::kString ||
           std::any_of(inputs_.begin(), inputs_.end(),
                       [&](const Port& input) { return input.name == port.name; });
  }

  static Tensor::Data data_of(TensorType type) {
    Tensor::Data out;
    if (type == TensorType::kDouble) out.emplace<1>();
    if (type == TensorType::kInt64) out.emplace<2>();
    if (type == TensorType::kBool) out.emplace<3>();
    if (type == TensorType::kString) out.emplace<4>();
    return out;
  }

  Result<std::vector<Held<OrtValue>>> view(const Batch& batch, const RowRange& range) const {
    TRY_STATUS(check(batch, range));
    std::vector<Held<OrtValue>> values;
    values.reserve(inputs_.size());
    for (std::size_t i = 0; i < inputs_.size(); ++i) {
      TRY(const BatchColumn* column, column_for(batch, i));
      values.emplace_back(api().ReleaseValue);
      if (range.rows > 0) TRY_STATUS(view_rows(*runtime_, *column, range, values.back()));
    }
    return values;
  }

  // Answers that are there are written to; the others are made.
  Status run_raw(const std::vector<Held<OrtValue>>& inputs,
                 std::vector<Held<OrtValue>>& answers) const {
    std::vector<const OrtValue*> in;
    in.reserve(inputs.size());
    for (const auto& each : inputs) in.push_back(each.get());
    std::vector<OrtValue*> raw;
    for (const auto& each : answers) raw.push_back(each.get());
    const Status done =
        ran(api().Run(session_.get(), nullptr, input_names_.data(), in.data(), in.size(),
                      output_names_.data(), output_names_.size(), raw.data()));
    for (std::size_t i = 0; i < raw.size(); ++i) {
      if (answers[i].get() == nullptr) *answers[i].slot() = raw[i];
    }
    return done;
  }

  Status run_slice(const Batch& batch, const RowRange& range, std::vector<Tensor>& outputs) const {
    if (executor_ != nullptr) {
      TRY(const auto columns, columns_of(batch, range));
      return ask(columns, range, outputs);
    }
    TRY(const auto values, view(batch, range));
    if (range.rows == 0) return {};
    std::vector<Held<OrtValue>> answers;
    answers.reserve(outputs_.size());
    for (std::size_t i = 0; i < outputs_.size(); ++i) {
      answers.emplace_back(api().ReleaseValue);
      if (is_copied(i)) continue;
      TRY_STATUS(view_answer(*runtime_, outputs[i], range, answers.back()));
    }
    TRY_STATUS(run_raw(values, answers));
    for (std::size_t i = 0; i < outputs_.size(); ++i) {
      if (!is_copied(i)) continue;
      TRY_STATUS(copy_rows_out(*runtime_, answers[i].get(), range, outputs[i]));
    }
    return {};
  }

  Result<std::vector<Tensor>> answer(const std::vector<Held<OrtValue>>& inputs) const {
    std::vector<Held<OrtValue>> answers;
    for (std::size_t i = 0; i < outputs_.size(); ++i) answers.emplace_back(api().ReleaseValue);
    TRY_STATUS(run_raw(inputs, answers));
    std::vector<Tensor> out(answers.size());
    for (std::size_t i = 0; i < answers.size(); ++i) {
      TRY_STATUS(copy_out(*runtime_, answers[i].get(), outputs_[i].type, out[i]));
    }
    return out;
  }

  const OrtApi& api() const { return *runtime_->table; }

  /// Null where all is run by columns; so is the session then.
  const RuntimeApi* runtime_ = nullptr;
  Held<OrtSession> session_;
  std::int64_t at_once_;
  std::vector<Port> inputs_;
  std::vector<Port> outputs_;
  std::vector<const char*> input_names_;
  std::vector<const char*> output_names_;
  /// Null where the runtime runs all of it.
  std::unique_ptr<const Executor> executor_;
};

void append(Tensor part, Tensor& out) {
  std::visit(
      [&](auto& to) {
        auto& from = std::get<std::decay_t<decltype(to)>>(part.data);
        to.insert(to.end(), std::move_iterator(from.begin()), std::move_iterator(from.end()));
      },
      out.data);
  out.shape.front() += part.shape.front();
}

}  // namespace

Result<std::unique_ptr<Model>> Model::load(std::string_view bytes, std::int64_t at_once,
                                           Engine engine) {
  if (engine == Engine::kOwnColumns) {
    auto executor = Executor::make_alone(bytes);
    if (executor != nullptr) {
      return std::unique_ptr<Model>(std::make_unique<GraphModel>(std::move(executor), at_once));
    }
  }
  TRY(const RuntimeApi* runtime, runtime_api());
  auto model = std::make_unique<GraphModel>(*runtime, at_once);
  TRY_STATUS(model->open(bytes, engine));
  return std::unique_ptr<Model>(std::move(model));
}

Status run_slices(const Model& model, std::span<const float> features, std::int64_t columns,
                  int threads, const TakeRows& take) {
  const std::int64_t rows = std::ssize(features) / columns;
  const std::int64_t slices = std::max<std::int64_t>(1, (rows + kRowsAtOnce - 1) / kRowsAtOnce);
  std::vector<Status> done(static_cast<std::size_t>(slices));
  parallel(done.size(), threads, [&](std::size_t i) {
    const std::int64_t from = static_cast<std::int64_t>(i) * kRowsAtOnce;
    const std::int64_t count = std::min(kRowsAtOnce, rows - from);
    const auto begin = features.begin() + from * columns;
    const Tensor slice{{count, columns}, std::vector<float>(begin, begin + count * columns)};
    auto made = model.run({slice});
    if (made) {
      take(from, std::move(made).value());
    } else {
      done[i] = std::move(made).error();
    }
  });
  for (Status& each : done) TRY_STATUS(std::move(each));
  return {};
}

Result<std::vector<Tensor>> run_rows(const Model& model, std::span<const float> features,
                                     std::int64_t columns, int threads) {
  const auto slices = static_cast<std::size_t>(std::ssize(features) / columns / kRowsAtOnce + 1);
  std::vector<std::vector<Tensor>> parts(slices);
  TRY_STATUS(run_slices(model, features, columns, threads,
                        [&](std::int64_t from, std::vector<Tensor> made) {
                          parts[static_cast<std::size_t>(from / kRowsAtOnce)] = std::move(made);
                        }));
  std::vector<Tensor> out = std::move(parts.front());
  for (std::size_t part = 1; part < slices; ++part) {
    for (std::size_t i = 0; i < parts[part].size(); ++i) append(std::move(parts[part][i]), out[i]);
  }
  return out;
}

}  // namespace kingpost::onnx
