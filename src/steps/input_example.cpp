// SPDX-License-Identifier: Apache-2.0
// Cells as JSON and back.
#include "steps/input_example.h"

#include <bit>
#include <cmath>
#include <limits>

#include "base/clock.h"
#include "base/text.h"
#include "engines/onnx/runtime.h"

namespace kingpost::steps {
namespace {

using records::Tensor;
using records::TensorType;

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
/// Whole numbers up to here are exact as double.
constexpr double kExact = 9007199254740992.0;

// Without zone, because pandas and MLflow want naive times; all are UTC.
std::string time_text(std::string_view type, double micros) {
  std::string text = timestamp_text(static_cast<Micros>(micros));
  if (type == "date") return text.substr(0, 10);
  if (!text.empty() && text.back() == 'Z') text.pop_back();
  return text;
}

Json cell(const records::Column& column, const records::BatchColumn& values, std::size_t row) {
  if (values.is_text) {
    return values.texts[row].empty() ? Json() : Json(values.texts[row]);
  }
  const double number = values.numbers[row];
  if (std::isnan(number)) return {};
  if (column.type == "boolean") return number != 0;
  if (records::is_temporal(column.type)) return time_text(column.type, number);
  const bool whole = records::is_integer(column.type) && std::abs(number) <= kExact;
  return whole ? Json(static_cast<std::int64_t>(number)) : Json(number);
}

Json answer(const Tensor& tensor, std::size_t at) {
  switch (tensor.type()) {
    case TensorType::kFloat:
      return static_cast<double>(tensor.floats()[at]);
    case TensorType::kDouble:
      return tensor.doubles()[at];
    case TensorType::kInt64:
      return tensor.integers()[at];
    case TensorType::kBool:
      return tensor.booleans()[at] != 0;
    case TensorType::kString:
      return tensor.texts()[at];
  }
  return {};
}

Json split_form(Json columns, Json data) {
  Json out = Json::object();
  return std::move(out.set("columns", std::move(columns)).set("data", std::move(data)));
}

class Reader {
 public:
  explicit Reader(const Bundle& bundle) : bundle_(bundle) {}

  Result<InputExample> read(const onnx::Model& model) {
    TRY(const Json signature, bundle_.json("signature.json"));
    TRY(const Json rows, bundle_.json(kExampleFile));
    InputExample out;
    out.rows.rows = std::ssize(rows["data"].items());
    for (std::size_t c = 0; c < signature["inputs"].items().size(); ++c) {
      const Json& input = signature["inputs"].items()[c];
      if (c >= rows["columns"].items().size() ||
          rows["columns"].items()[c].text() != input["name"].text()) {
        return damaged(kExampleFile, "its columns are not the inputs of the model");
      }
      TRY(records::BatchColumn column, read_column(input, rows["data"], c));
      out.rows.columns.push_back(std::move(column));
    }
    TRY(const Json answers, bundle_.json(kAnswersFile));
    for (std::size_t c = 0; c < model.outputs().size(); ++c) {
      TRY(Tensor tensor, read_answers(model.outputs()[c], answers["data"], c));
      if (tensor.shape[0] != out.rows.rows) return damaged(kAnswersFile, "rows are missing");
      out.answers.push_back(std::move(tensor));
    }
    return out;
  }

 private:
  Error damaged(std::string_view file, std::string why) const {
    return fail(Code::kCorrupt, "bundle.damaged", "the file \"{}\" of the bundle is damaged: {}",
                file, why)
        .hint("take a fresh copy of the bundle");
  }

  Result<records::BatchColumn> read_column(const Json& input, const Json& data, std::size_t c) {
    const std::string& type = input["type"].text();
    records::BatchColumn out{input["name"].text(), input["onnx"].text() == "string"};
    for (const Json& row : data.items()) {
      const Json value = c < row.items().size() ? row.items()[c] : Json();
      if (out.is_text) {
        if (!value.is_null() && !value.is_string()) return wrong(kExampleFile, out.name, value);
        out.texts.push_back(value.text());
        continue;
      }
      double number = value.is_boolean() ? static_cast<double>(value.boolean()) : value.number();
      const bool temporal = records::is_temporal(type);
      if (value.is_null()) {
        number = kNan;
      } else if (temporal) {
        const auto time = parse_timestamp(value.text());
        if (!time) return wrong(kExampleFile, out.name, value);
        number = static_cast<double>(*time);
      } else if (!value.is_number() && !value.is_boolean()) {
        return wrong(kExampleFile, out.name, value);
      }
      out.numbers.push_back(number);
    }
    return out;
  }

  Error wrong(std::string_view file, std::string_view column, const Json& value) const {
    return damaged(file, format("\"{}\" cannot be {}", column, shown(value.dump())));
  }

  Result<Tensor> read_answers(const onnx::Port& port, const Json& data, std::size_t c) {
    Tensor out;
    out.shape = {std::ssize(data.items()), port.columns};
    if (port.type == TensorType::kFloat) out.data = std::vector<float>();
    if (port.type == TensorType::kDouble) out.data = std::vector<double>();
    if (port.type == TensorType::kInt64) out.data = std::vector<std::int64_t>();
    if (port.type == TensorType::kBool) out.data = std::vector<std::uint8_t>();
    if (port.type == TensorType::kString) out.data = std::vector<std::string>();
    for (const Json& row : data.items()) {
      const Json value = c < row.items().size() ? row.items()[c] : Json();
      const Json list = value.is_array() ? value : Json(Json::Array{value});
      if (std::ssize(list.items()) != port.columns) return wrong(kAnswersFile, port.name, value);
      for (const Json& each : list.items()) add(each, out);
    }
    return out;
  }

  static void add(const Json& value, Tensor& to) {
    const double number = value.is_null() ? kNan : value.number();
    switch (to.type()) {
      case TensorType::kFloat:
        std::get<0>(to.data).push_back(static_cast<float>(number));
        break;
      case TensorType::kDouble:
        std::get<1>(to.data).push_back(number);
        break;
      case TensorType::kInt64:
        std::get<2>(to.data).push_back(value.integer());
        break;
      case TensorType::kBool:
        std::get<3>(to.data).push_back(value.boolean() ? 1 : 0);
        break;
      case TensorType::kString:
        std::get<4>(to.data).push_back(value.text());
        break;
    }
  }

  const Bundle& bundle_;
};

Result<std::unique_ptr<onnx::Model>> model_of(const Bundle& bundle) {
  TRY(const std::string bytes, bundle.bytes("model.onnx"));
  return onnx::Model::load(bytes);
}

// JSON keeps neither NaN nor infinity: all that is no number is equal.
bool same_bits(const Tensor& a, const Tensor& b, std::size_t at) {
  if (a.type() == TensorType::kFloat) {
    const float left = a.floats()[at];
    const float right = b.floats()[at];
    if (!std::isfinite(left) && !std::isfinite(right)) return true;
    return std::bit_cast<std::uint32_t>(left) == std::bit_cast<std::uint32_t>(right);
  }
  if (a.type() == TensorType::kDouble) {
    const double left = a.doubles()[at];
    const double right = b.doubles()[at];
    if (!std::isfinite(left) && !std::isfinite(right)) return true;
    return std::bit_cast<std::uint64_t>(left) == std::bit_cast<std::uint64_t>(right);
  }
  return answer(a, at) == answer(b, at);
}

}  // namespace

Json example_rows(const std::vector<records::Column>& columns, const records::Batch& rows) {
  Json names = Json::array();
  for (const records::Column& column : columns) names.push(column.name);
  Json data = Json::array();
  for (std::size_t r = 0; r < static_cast<std::size_t>(rows.rows); ++r) {
    Json row = Json::array();
    for (std::size_t c = 0; c < columns.size(); ++c) {
      row.push(cell(columns[c], rows.columns[c], r));
    }
    data.push(std::move(row));
  }
  return split_form(std::move(names), std::move(data));
}

Json example_answers(const std::vector<onnx::Port>& outputs,
                     const std::vector<records::Tensor>& answers) {
  Json names = Json::array();
  for (const onnx::Port& port : outputs) names.push(port.name);
  Json data = Json::array();
  const std::int64_t rows = answers.empty() ? 0 : answers[0].shape[0];
  for (std::int64_t r = 0; r < rows; ++r) {
    Json row = Json::array();
    for (std::size_t c = 0; c < outputs.size(); ++c) {
      Json list = Json::array();
      for (std::int64_t k = 0; k < outputs[c].columns; ++k) {
        list.push(answer(answers[c], static_cast<std::size_t>(r * outputs[c].columns + k)));
      }
      row.push(outputs[c].columns == 1 ? list.items()[0] : list);
    }
    data.push(std::move(row));
  }
  return split_form(std::move(names), std::move(data));
}

Result<InputExample> read_input_example(const Bundle& bundle) {
  TRY(const auto model, model_of(bundle));
  return Reader(bundle).read(*model);
}

Result<std::vector<std::string>> differing_answers(const Bundle& bundle) {
  TRY(const auto model, model_of(bundle));
  TRY(const InputExample example, Reader(bundle).read(*model));
  std::vector<std::string> out;
  if (example.rows.rows == 0) return out;
  TRY(const auto answers, model->run(example.rows, 0, example.rows.rows));
  for (std::size_t c = 0; c < answers.size(); ++c) {
    const onnx::Port& port = model->outputs()[c];
    for (std::int64_t at = 0; at < answers[c].size(); ++at) {
      const auto index = static_cast<std::size_t>(at);
      if (same_bits(answers[c], example.answers[c], index)) continue;
      out.push_back(format("row {}, {}: {}, was {}", at / port.columns, port.name,
                           answer(answers[c], index).dump(),
                           answer(example.answers[c], index).dump()));
    }
  }
  return out;
}

}  // namespace kingpost::steps
