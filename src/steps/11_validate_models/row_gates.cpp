// SPDX-License-Identifier: Apache-2.0
// Gates that send rows through the whole graph.
#include <algorithm>
#include <cmath>
#include <limits>

#include "base/text.h"
#include "steps/11_validate_models/gates.h"

namespace kingpost::steps::validate_models {
namespace {

using records::Tensor;
using records::TensorType;

// Why the answer for a row is none, or nothing.
std::string fault_of(const TrainedModels& trained, const std::vector<onnx::Port>& ports,
                     const std::vector<Tensor>& answers, std::size_t row) {
  for (std::size_t i = 0; i < ports.size(); ++i) {
    const auto columns = static_cast<std::size_t>(ports[i].columns);
    if (answers[i].type() == TensorType::kString) {
      const std::string& text = answers[i].texts()[row];
      const auto& classes = trained.features.target.classes;
      if (std::find(classes.begin(), classes.end(), text) == classes.end()) {
        return format("{} is \"{}\", which is no class", ports[i].name, shown(text));
      }
    }
    if (answers[i].type() != TensorType::kFloat) continue;
    const bool shares = starts_with(ports[i].name, "probabilit");
    double sum = 0;
    for (std::size_t k = 0; k < columns; ++k) {
      const double value = answers[i].floats()[row * columns + k];
      if (!std::isfinite(value)) return format("{} is not finite", ports[i].name);
      if (shares && (value < 0 || value > 1)) {
        return format("{} is {}, no probability", ports[i].name, value);
      }
      sum += value;
    }
    constexpr double kRounding = 1e-5;
    if (shares && columns > 1 && std::abs(sum - 1) > kRounding) {
      return format("{} add up to {}", ports[i].name, sum);
    }
  }
  return {};
}

void odd(records::Batch& row, const std::string& kind) {
  for (records::BatchColumn& column : row.columns) {
    if (kind == "all_null" && column.is_text) column.texts[0].clear();
    if (kind == "all_null" && !column.is_text) {
      column.numbers[0] = std::numeric_limits<double>::quiet_NaN();
    }
    if (kind == "unseen_category" && column.is_text) column.texts[0] = "\u2205 never seen before";
  }
  if (kind == "extra_column") row.columns.push_back({"_kp_extra", true, {}, {"extra"}});
}

Finding finding_of(const char* gate, bool passed, std::string words, double number, double limit) {
  Finding out;
  out.gate = gate;
  out.passed = passed;
  out.number = number;
  out.limit = limit;
  out.words = std::move(words);
  return out;
}

}  // namespace

Result<records::Batch> Gates::first_rows(std::int64_t count) {
  records::Batch out;
  TRY_STATUS(context_.sql.stream(
      side_query(context_, trained_, judged_.rows.side, count), [&](records::Batch& batch) {
        if (out.columns.empty()) {
          out = std::move(batch);
          return Status();
        }
        out.rows += batch.rows;
        for (std::size_t i = 0; i < out.columns.size(); ++i) {
          const records::BatchColumn& from = batch.columns[i];
          records::BatchColumn& to = out.columns[i];
          to.numbers.insert(to.numbers.end(), from.numbers.begin(), from.numbers.end());
          to.texts.insert(to.texts.end(), from.texts.begin(), from.texts.end());
        }
        return Status();
      }));
  if (out.rows == 0) {
    return fail(Code::kDataRejected, "metrics.undefined", "there are no rows to ask about");
  }
  return out;
}

Result<const onnx::Model*> Gates::whole(const TrainedModel& model) {
  if (whole_ == nullptr || whole_of_ != model.name) {
    TRY(whole_, whole_model(context_, trained_, model.name));
    whole_of_ = model.name;
  }
  return whole_.get();
}

Result<Finding> Gates::answers(const Node& gate, const TrainedModel& model) {
  TRY(const records::Batch rows, first_rows(gate.has("rows") ? gate.integer("rows") : 100));
  TRY(const onnx::Model* graph, whole(model));
  TRY(const auto answers, graph->run(rows, 0, rows.rows));
  std::int64_t good = 0;
  std::string first;
  for (std::int64_t row = 0; row < rows.rows; ++row) {
    const std::string fault =
        fault_of(trained_, graph->outputs(), answers, static_cast<std::size_t>(row));
    if (fault.empty()) ++good;
    if (first.empty() && !fault.empty()) first = format("; row {}: {}", row, fault);
  }
  return finding_of("answers", good == rows.rows,
                    format("{} of {} {} rows have an answer{}", good, rows.rows,
                           side_word(judged_.rows.side), first),
                    static_cast<double>(good), static_cast<double>(rows.rows));
}

Result<Finding> Gates::survives(const Node& gate, const TrainedModel& model) {
  std::vector<std::string> kinds = gate.texts("rows");
  if (kinds.empty()) kinds = {"all_null", "unseen_category", "extra_column"};
  TRY(const onnx::Model* graph, whole(model));
  std::vector<std::string> words;
  std::size_t good = 0;
  for (const std::string& kind : kinds) {
    TRY(records::Batch row, first_rows(1));
    odd(row, kind);
    const auto answers = graph->run(row, 0, 1);
    const std::string fault =
        answers ? fault_of(trained_, graph->outputs(), *answers, 0) : answers.error().what();
    if (fault.empty()) ++good;
    words.push_back(format("{}: {}", kind, fault.empty() ? "answered" : fault));
  }
  return finding_of("survives", good == kinds.size(), join(words, "; "), static_cast<double>(good),
                    static_cast<double>(kinds.size()));
}

}  // namespace kingpost::steps::validate_models
