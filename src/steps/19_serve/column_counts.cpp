// SPDX-License-Identifier: Apache-2.0
#include "steps/19_serve/column_counts.h"

#include <algorithm>
#include <cmath>

#include "base/text.h"

namespace kingpost::steps::serve {
namespace {

using records::Datatype;
using records::InferTensor;

template <typename T>
std::uint64_t nans_of(const InferTensor& tensor) {
  std::uint64_t out = 0;
  for (std::size_t at = 0; at < tensor.data.size() / sizeof(T); ++at) {
    out += std::isnan(tensor.element<T>(at)) ? 1 : 0;
  }
  return out;
}

std::uint64_t nulls_of(const InferTensor& tensor) {
  if (tensor.datatype == Datatype::kFp64) return nans_of<double>(tensor);
  if (tensor.datatype == Datatype::kFp32) return nans_of<float>(tensor);
  if (tensor.datatype != Datatype::kBytes) return 0;
  return static_cast<std::uint64_t>(
      std::count_if(tensor.texts.begin(), tensor.texts.end(),
                    [](std::string_view text) { return text.empty(); }));
}

void add_to(std::atomic<std::uint64_t>& counter, std::uint64_t more) {
  // Most have nothing to say, and a counter that is not written stays in every core's cache.
  if (more > 0) counter.fetch_add(more, std::memory_order_relaxed);
}

std::string sql_name(std::string_view name) {
  return "\"" + replace_all(std::string(name), "\"", "\"\"") + "\"";
}

}  // namespace

ColumnCounts::ColumnCounts(const onnx::Session& session, const Json& features) {
  for (const onnx::TensorPort& port : session.inputs()) {
    Column& column = columns_.emplace_back();
    column.name = port.name;
    if (port.datatype != Datatype::kBytes) continue;
    const std::string itself = sql_name(port.name);
    for (const Json& fit : features["fits"].items()) {
      if (fit["type"].text() != "category" || fit["expr"].text() != itself) continue;
      for (const Json& level : fit["levels"].items()) {
        column.levels.insert(level["level"].text());
      }
    }
  }
}

void ColumnCounts::count(Column& column, const InferTensor& tensor) {
  add_to(column.nulls, nulls_of(tensor));
  if (column.levels.empty()) return;
  add_to(column.unseen, static_cast<std::uint64_t>(std::count_if(
                            tensor.texts.begin(), tensor.texts.end(), [&](std::string_view text) {
                              return !text.empty() && !column.levels.contains(text);
                            })));
}

void ColumnCounts::add(const Question& question, const records::InferResponse& answer) {
  for (std::size_t i = 0; i < columns_.size(); ++i) count(columns_[i], question.inputs[i]);
  for (const InferTensor& each : answer.outputs) {
    if (each.name == "prediction") add_to(null_predictions_, nulls_of(each));
  }
}

std::vector<ColumnCounts::Row> ColumnCounts::read() const {
  std::vector<Row> out;
  for (const Column& each : columns_) {
    out.push_back({each.name, each.nulls.load(std::memory_order_relaxed), !each.levels.empty(),
                   each.unseen.load(std::memory_order_relaxed)});
  }
  return out;
}

}  // namespace kingpost::steps::serve
