// SPDX-License-Identifier: Apache-2.0
// The engine reads the rows from a temporary table, the graph from the batch.
#include "support/expression_oracle.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <filesystem>

#include "base/node.h"
#include "base/text.h"
#include "engines/onnx/graph.h"
#include "engines/onnx/runtime.h"
#include "engines/sql/dialect.h"
#include "engines/sql/types.h"
#include "steps/06_extract_features/expression/compiler.h"

namespace kingpost::test {
namespace {

using steps::extract_features::ExpressionCompiler;
using Answer = ExpressionOracle::Answer;
using Verdict = ExpressionOracle::Verdict;

constexpr const char* kRaw = "oracle_raw";

void need(const Status& status) {
  if (status) return;
  std::fputs(render(status.error()).c_str(), stderr);
  std::abort();
}

// A column of the raw table, which holds numbers and texts, as its type.
std::string typed(const records::Column& column) {
  const std::string name = sql::identifier(column.name);
  std::string micros = format("make_timestamp(CAST({} AS BIGINT))", name);
  if (column.type == "string") return format("NULLIF({}, '')", name);
  if (column.type == "boolean") return format("{} <> 0", name);
  if (column.type == "date") return format("CAST({} AS DATE)", micros);
  if (column.type == "timestamp") return micros;
  if (column.type == "timestamp_utc") return format("CAST({} AS TIMESTAMPTZ)", micros);
  return format("CAST({} AS {})", name, sql::engine_type(column.type));
}

bool agrees(double expected, double actual, bool is_exact) {
  if (std::isnan(expected) || std::isnan(actual)) return std::isnan(expected) == std::isnan(actual);
  // The sign of zero is not kept: ONNX Runtime's Where drops it.
  if (expected == actual) return true;
  if (is_exact || std::isinf(expected) || std::isinf(actual)) return false;
  const double size = std::max({1.0, std::fabs(expected), std::fabs(actual)});
  return std::fabs(expected - actual) <= 1e-6 * size;
}

template <typename T>
const T& at(const std::vector<T>& values, std::size_t row) {
  return values[values.size() == 1 ? 0 : row];
}

}  // namespace

ExpressionOracle::ExpressionOracle(records::TableSchema schema, records::Batch rows)
    : schema_(std::move(schema)), rows_(std::move(rows)) {
  sql::EngineConfig config;
  config.threads = 1;
  config.temp_folder = std::filesystem::temp_directory_path() / "kingpost_oracle";
  auto session = sql::Session::open(config);
  if (!session) need(session.error());
  session_ = std::move(*session);
  // These would take a subexpression that occurs twice out of its TRY.
  need(session_->run("SET disabled_optimizers='common_subexpressions'"));
  records::Batch raw = rows_;
  records::BatchColumn number{.name = "oracle_row"};
  for (std::int64_t r = 0; r < raw.rows; ++r) number.numbers.push_back(static_cast<double>(r));
  raw.columns.push_back(number);
  need(session_->append(kRaw, raw));
  std::vector<std::string> items = {"oracle_row"};
  for (const records::Column& each : schema_.columns) {
    items.push_back(format("{} AS {}", typed(each), sql::identifier(each.name)));
  }
  need(session_->run(format("CREATE TEMPORARY TABLE {} AS SELECT {} FROM {}",
                            sql::identifier(schema_.name), join(items, ", "), kRaw)));
  need(steps::extract_features::define_functions(*session_));
}

Result<ExpressionOracle::Column> ExpressionOracle::expected(const std::string& reference,
                                                            const std::string& type) {
  const std::string value = type == "decimal" ? "CAST(v AS DOUBLE)" : "v";
  Column out;
  TRY_STATUS(session_->stream(
      format("SELECT {} AS value, CAST(v IS NOT NULL AS DOUBLE) AS there FROM (SELECT oracle_row, "
             "({}\n) AS v FROM {}) ORDER BY oracle_row",
             value, reference, sql::identifier(schema_.name)),
      [&](records::Batch& batch) {
        const auto& cells = batch.columns[0];
        out.numbers.insert(out.numbers.end(), cells.numbers.begin(), cells.numbers.end());
        out.texts.insert(out.texts.end(), cells.texts.begin(), cells.texts.end());
        const auto& there = batch.columns[1].numbers;
        out.there.insert(out.there.end(), there.begin(), there.end());
        return Status();
      }));
  return out;
}

Result<ExpressionOracle::Column> ExpressionOracle::actual(const onnx::Graph& graph, bool is_text,
                                                          std::int64_t from, std::int64_t rows) {
  TRY(const auto model, onnx::Model::load(graph.bytes()));
  TRY(const auto tensors, model->run(rows_, from, rows));
  const auto wanted = is_text ? records::TensorType::kString : records::TensorType::kDouble;
  if (tensors[0].type() != wanted || tensors[1].type() != records::TensorType::kBool) {
    return fail(Code::kInternal, "oracle.tensor_type", "the graph answers with another type");
  }
  Column out;
  for (std::size_t r = 0; r < static_cast<std::size_t>(rows); ++r) {
    out.there.push_back(at(tensors[1].booleans(), r));
    if (is_text) {
      out.texts.push_back(at(tensors[0].texts(), r));
    } else {
      out.numbers.push_back(at(tensors[0].doubles(), r));
    }
  }
  return out;
}

std::string ExpressionOracle::difference(const Column& a, std::size_t row_a, const Column& b,
                                         std::size_t row_b, bool is_exact) {
  const bool there_a = a.there[row_a] != 0;
  const bool there_b = b.there[row_b] != 0;
  const bool is_text = !a.texts.empty();
  const bool is_same = is_text ? a.texts[row_a] == b.texts[row_b]
                               : agrees(a.numbers[row_a], b.numbers[row_b], is_exact);
  if (there_a == there_b && is_same) return {};
  const auto shown_cell = [&](const Column& column, std::size_t row) -> std::string {
    if (column.there[row] == 0) return "null";
    return is_text ? "'" + column.texts[row] + "'" : format("{:.17g}", column.numbers[row]);
  };
  return format("row {}: {} and {}", row_a, shown_cell(a, row_a), shown_cell(b, row_b));
}

Answer ExpressionOracle::compare(const std::string& text, const std::string& reference) {
  Node node;
  node.kind = Node::Kind::kScalar;
  node.text = text;
  node.value = Json(text);
  Faults faults;
  onnx::Graph graph("expression");
  ExpressionCompiler compiler(*session_, graph, schema_);
  const auto compiled = compiler.compile(node, faults);
  if (!compiled) {
    const Error& first = faults.errors().front();
    return {Verdict::kRefused, first.id() + ": " + first.what() + " | " + first.hint()};
  }
  graph.output("value", compiled->value);
  graph.output("present", compiled->present);
  graph.prune();
  const bool is_text = compiled->type == "string";
  const bool is_exact = !graph.notes().contains("exactness");
  const std::size_t nodes = graph.node_count();
  const auto alone = static_cast<std::int64_t>(text.size()) % rows_.rows;
  const auto want = expected(reference, compiled->type);
  if (!want) return {Verdict::kEngineFailed, want.error().what(), nodes};
  const auto got = actual(graph, is_text, 0, rows_.rows);
  if (!got) return {Verdict::kDiffers, got.error().what(), nodes};
  const auto one = actual(graph, is_text, alone, 1);
  if (!one) return {Verdict::kDiffers, one.error().what(), nodes};
  for (std::size_t r = 0; r < static_cast<std::size_t>(rows_.rows); ++r) {
    const std::string words = difference(*want, r, *got, r, is_exact);
    if (!words.empty()) return {Verdict::kDiffers, words + " (engine, graph)", nodes};
  }
  const std::string words = difference(*got, static_cast<std::size_t>(alone), *one, 0, is_exact);
  const bool has_other_zero =
      is_exact && !is_text &&
      std::signbit(got->numbers[static_cast<std::size_t>(alone)]) != std::signbit(one->numbers[0]);
  if (has_other_zero && words.empty()) {
    return {Verdict::kDiffers, "another bit for one row alone", nodes};
  }
  if (!words.empty()) return {Verdict::kDiffers, words + " (in the batch, alone)", nodes};
  return {Verdict::kEqual, {}, nodes};
}

}  // namespace kingpost::test
