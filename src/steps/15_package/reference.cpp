// SPDX-License-Identifier: Apache-2.0
// What monitoring will compare live rows with.
#include <algorithm>
#include <cmath>

#include "base/text.h"
#include "engines/sql/dialect.h"
#include "steps/15_package/material.h"
#include "steps/ordered_rows.h"

namespace kingpost::steps::package {
namespace {

constexpr std::size_t kQuantiles = 100;
constexpr std::size_t kBins = 20;
constexpr std::int64_t kMostCategories = 1000;

// The smallest value that `part` of `parts` of the values do not exceed.
double quantile(const std::vector<double>& sorted, std::size_t part, std::size_t parts) {
  const std::size_t reach = (part * sorted.size() + parts - 1) / parts;
  return sorted[std::max<std::size_t>(reach, 1) - 1];
}

// Rows in (edge before, edge]; the last bin is open. Equal edges are one.
Json bins_of(const std::vector<double>& sorted) {
  std::vector<double> edges;
  for (std::size_t i = 1; i < kBins; ++i) {
    const double edge = quantile(sorted, i, kBins);
    if ((edges.empty() || edge > edges.back()) && edge < sorted.back()) edges.push_back(edge);
  }
  Json limits = Json::array();
  Json counts = Json::array();
  auto from = sorted.begin();
  for (const double edge : edges) {
    const auto to = std::upper_bound(from, sorted.end(), edge);
    limits.push(edge);
    counts.push(static_cast<std::int64_t>(to - from));
    from = to;
  }
  counts.push(static_cast<std::int64_t>(sorted.end() - from));
  Json out = Json::object();
  return std::move(out.set("edges", std::move(limits)).set("counts", std::move(counts)));
}

// Takes the values in the order of rows; NaN is null.
Json numbers_sketch(std::vector<double> values) {
  Json out = Json::object();
  const auto rows = std::ssize(values);
  std::erase_if(values, [](double value) { return std::isnan(value); });
  const auto known = std::ssize(values);
  std::erase_if(values, [](double value) { return std::isinf(value); });
  out.set("rows", rows).set("nulls", rows - known);
  if (known != std::ssize(values)) out.set("infinite", known - std::ssize(values));
  if (values.empty()) return out;
  long double sum = 0;
  for (const double value : values) sum += value;
  const auto mean = static_cast<double>(sum / static_cast<long double>(values.size()));
  std::sort(values.begin(), values.end());
  out.set("min", values.front()).set("max", values.back()).set("mean", mean);
  Json quantiles = Json::array();
  for (std::size_t i = 0; i <= kQuantiles; ++i) quantiles.push(quantile(values, i, kQuantiles));
  return std::move(out.set("quantiles", std::move(quantiles)).set("bins", bins_of(values)));
}

OrderedRows train_rows(const Material& material, std::string items) {
  return {std::move(items), from_table(material.context, material.training(), true),
          "_split = 'train'"};
}

Result<Json> numbers_of(const Material& material, const std::string& column) {
  std::vector<double> values;
  TRY_STATUS(stream_in_order(material.context.sql, train_rows(material, sql::identifier(column)),
                             [&](records::Batch& batch) {
                               const std::vector<double>& some = batch.columns[0].numbers;
                               values.insert(values.end(), some.begin(), some.end());
                               return Status();
                             }));
  return numbers_sketch(std::move(values));
}

Result<Json> texts_of(const Material& material, const std::string& column) {
  const std::string name = sql::identifier(column);
  const OrderedRows train = train_rows(material, name);
  const std::string rows = format("FROM {} WHERE {}", train.from, train.where);
  const std::string known = format("{} AND {} IS NOT NULL AND {} <> ''", rows, name, name);
  TRY(const sql::Rows all,
      material.context.sql.query(format(
          "SELECT count(*) AS n, count(NULLIF({0}, '')) AS known, count(DISTINCT NULLIF({0}, '')) "
          "AS d {1}",
          name, rows)));
  TRY(const sql::Rows top,
      material.context.sql.query(format("SELECT {} AS value, count(*) AS n {} GROUP BY 1 ORDER BY "
                                        "n DESC, value LIMIT {}",
                                        name, known, kMostCategories)));
  std::int64_t rest = all.integer(0, "known");
  Json counts = Json::array();
  for (std::size_t r = 0; r < top.size(); ++r) {
    counts.push(Json::object().set("value", top.at(r, "value")).set("rows", top.integer(r, "n")));
    rest -= top.integer(r, "n");
  }
  Json out = Json::object();
  out.set("rows", all.integer(0, "n")).set("nulls", all.integer(0, "n") - all.integer(0, "known"));
  out.set("distinct", all.integer(0, "d"));
  return std::move(out.set("counts", std::move(counts)).set("rest", rest));
}

Json labels_of(const Material& material, const SideRows& side) {
  if (material.task() == records::Task::kNumber) return numbers_sketch(side.labels);
  std::vector<std::int64_t> counts(material.target().classes.size());
  for (const double label : side.labels) ++counts.at(static_cast<std::size_t>(label));
  Json classes = Json::array();
  for (std::size_t i = 0; i < counts.size(); ++i) {
    classes.push(Json::object().set("value", material.target().classes[i]).set("rows", counts[i]));
  }
  Json out = Json::object();
  return std::move(out.set("rows", std::ssize(side.labels)).set("counts", std::move(classes)));
}

// Scores for rows that the model had not seen.
Json scores_sketch(const Material& material) {
  const std::vector<double>& scores = material.judged.scores.at(material.model->name);
  if (scores.empty()) return {};
  const auto width = static_cast<std::size_t>(material.trained.outputs());
  Json columns = Json::array();
  for (std::size_t c = 0; c < width; ++c) {
    std::vector<double> values;
    for (std::size_t at = c; at < scores.size(); at += width) values.push_back(scores[at]);
    Json each = Json::object();
    each.set("name", width == 1 ? Json(material.outputs.front().name)
                                : Json(material.target().classes.at(c)));
    const Json sketch = numbers_sketch(std::move(values));
    for (const auto& [key, value] : sketch.entries()) each.set(key, value);
    columns.push(std::move(each));
  }
  return columns;
}

}  // namespace

Result<Json> reference_of(const Material& material) {
  Json inputs = Json::array();
  for (const records::Column& column : material.inputs) {
    Json each = Json::object();
    each.set("name", column.name).set("type", column.type);
    const bool text = column.type == "string";
    TRY(const Json sketch,
        text ? texts_of(material, column.name) : numbers_of(material, column.name));
    for (const auto& [key, value] : sketch.entries()) each.set(key, value);
    inputs.push(std::move(each));
  }
  TRY(const SideRows train, read_side(material.context, Side::kTrain));
  Json out = Json::object();
  out.set("inputs_of", "train").set("inputs", std::move(inputs));
  out.set("label", labels_of(material, train));
  return std::move(out.set("scores_of", side_word(material.judged.rows.side))
                       .set("scores", scores_sketch(material)));
}

Result<Json> sides_of(const Material& material) {
  const Node& curate = material.context.pipeline.at("curate");
  std::string time = curate.at("split").text_at("column");
  if (time.empty() || !material.training().schema.find(time) ||
      !records::is_temporal(material.training().schema.find(time)->type)) {
    time = curate.at("predict_at").text_at("column");
  }
  const bool timed = !time.empty() && material.training().schema.find(time) != nullptr;
  const std::string column = timed ? sql::identifier(time) : std::string("NULL");
  TRY(const sql::Rows rows,
      material.context.sql.query(
          format("SELECT _split AS side, count(*) AS n, CAST(min({}) AS VARCHAR) AS first, "
                 "CAST(max({}) AS VARCHAR) AS last FROM {} GROUP BY 1",
                 column, column, from_table(material.context, material.training()))));
  Json out = Json::array();
  for (const Side side : {Side::kTrain, Side::kValidation, Side::kTest}) {
    TRY(const SideRows labelled, read_side(material.context, side));
    for (std::size_t r = 0; r < rows.size(); ++r) {
      if (rows.text(r, "side") != side_word(side)) continue;
      Json each = Json::object();
      each.set("side", side_word(side)).set("rows", rows.integer(r, "n"));
      each.set("time", timed ? Json(time) : Json()).set("first", rows.at(r, "first"));
      each.set("last", rows.at(r, "last")).set("label", labels_of(material, labelled));
      out.push(std::move(each));
    }
  }
  return out;
}

}  // namespace kingpost::steps::package
