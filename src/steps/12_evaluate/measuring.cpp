// SPDX-License-Identifier: Apache-2.0
// One pass over the samples serves every model, metric and slice.
#include "steps/12_evaluate/measuring.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "base/text.h"
#include "engines/sql/dialect.h"
#include "steps/ordered_rows.h"

namespace kingpost::steps::evaluate {
namespace {

std::vector<std::string> usual_metrics(records::Task task) {
  if (task == records::Task::kNumber) return {"mae", "rmse", "p90_abs_error", "bias"};
  if (task == records::Task::kBinary) return {"auc", "logloss", "brier", "pr_auc", "accuracy"};
  return {"logloss", "accuracy", "balanced_accuracy", "f1_macro"};
}

void set_interval(Json& out, const std::optional<Interval>& interval) {
  if (!interval) return;
  out.set("low", interval->low).set("high", interval->high).set("error", interval->error);
}

}  // namespace

std::string block_column(const Node& section, const Node& pipeline) {
  std::string named = section.at("intervals").text_at("column");
  if (!named.empty()) return named;
  const Node& curate = pipeline.at("curate");
  std::string predict = curate.at("predict_at").text_at("column");
  if (!predict.empty()) return predict;
  return curate.at("split").text_at("type") == "time" ? curate.at("split").text_at("column") : "";
}

std::vector<std::string> wanted_metrics(const Node& section, const Node& pipeline) {
  std::vector<std::string> out = {train_metric(pipeline)};
  auto more = section.texts("metrics");
  if (more.empty()) more = usual_metrics(task_of(pipeline));
  for (const std::string& name : more) {
    if (std::find(out.begin(), out.end(), name) == out.end()) out.push_back(name);
  }
  return out;
}

Status Measuring::begin() {
  metrics_ = wanted_metrics(context_.section, context_.pipeline);
  TRY(slices_, slices_of(context_, Side::kTest, column_lists(context_.section.at("slices"))));
  const Node& intervals = context_.section.at("intervals");
  return intervals.has("block") ? read_blocks(intervals.integer("block")) : Status();
}

// Rows without a time are one block.
Status Measuring::read_blocks(std::int64_t width) {
  std::vector<double> starts;
  const std::string column = block_column(context_.section, context_.pipeline);
  TRY_STATUS(stream_in_order(
      context_.sql,
      {sql::identifier(column), from_table(context_, *context_.input.find("training"), true),
       "_split = 'test'"},
      [&](records::Batch& batch) {
        for (const double time : batch.columns[0].numbers) {
          starts.push_back(std::isnan(time) ? -INFINITY
                                            : std::floor(time / static_cast<double>(width)));
        }
        return Status();
      }));
  std::map<double, std::int32_t> numbers;
  for (const double start : starts) numbers.emplace(start, 0);
  std::int32_t next = 0;
  for (auto& [start, number] : numbers) number = next++;
  for (const double start : starts) blocks_.push_back(numbers[start]);
  constexpr std::int32_t kFewBlocks = 10;
  if (next < kFewBlocks) {
    warnings_.push_back(
        format("the test rows fall into {} blocks only: the intervals are coarse", next));
  }
  return {};
}

Status Measuring::add_cells(const std::vector<ScoredRows>& models,
                            std::optional<std::size_t> slice) {
  std::span<const std::int64_t> picked;
  if (slice) picked = slices_.slices[*slice].rows;
  for (std::size_t model = 0; model < models.size(); ++model) {
    for (const std::string& metric : metrics_) {
      Cell cell;
      cell.model = model;
      cell.slice = slice;
      cell.metric = metric;
      TRY(cell.measure, Measure::prepare(metric, models[model], picked));
      const auto value = cell.measure->value();
      if (value) {
        cell.value = *value;
      } else {
        cell.words = value.error().what();
      }
      cells_.push_back(std::move(cell));
    }
  }
  return {};
}

void Measuring::draw(std::int64_t rows) {
  const Node& asked = context_.section.at("intervals");
  Resampling resampling;
  resampling.threads = context_.settings.engine.threads;
  if (asked.has("samples")) {
    resampling.samples = static_cast<std::int32_t>(asked.integer("samples"));
    resampling.seed = asked.integer("seed");
    resampling.level = asked.number("level");
  }
  std::vector<const Measure*> measures;
  std::vector<Cell*> cells;
  for (Cell& cell : cells_) {
    // In slices the metric of train alone, because a sample of all would cost too much.
    if (!cell.value || (cell.slice && cell.metric != metrics_[0])) continue;
    measures.push_back(cell.measure.get());
    cells.push_back(&cell);
  }
  if (blocks_.empty()) {
    const auto drawn = bootstrap(measures, rows, resampling);
    for (std::size_t i = 0; i < cells.size(); ++i) cells[i]->interval = drawn[i];
    return;
  }
  Resampling by_block = resampling;
  by_block.blocks = blocks_;
  const auto drawn = bootstrap(measures, rows, by_block);
  for (std::size_t i = 0; i < cells.size(); ++i) cells[i]->interval = drawn[i];
  // Beside them the plain intervals of the whole, to be compared with.
  std::erase_if(cells, [](const Cell* cell) { return cell->slice.has_value(); });
  measures.clear();
  for (const Cell* cell : cells) measures.push_back(cell->measure.get());
  const auto plain = bootstrap(measures, rows, resampling);
  for (std::size_t i = 0; i < cells.size(); ++i) cells[i]->plain = plain[i];
}

Json Measuring::metric_json(const Cell& cell) const {
  Json out = Json::object();
  if (!cell.value) return std::move(out.set("value", Json()).set("words", cell.words));
  out.set("value", *cell.value);
  set_interval(out, cell.interval);
  if (cell.plain) {
    Json plain = Json::object();
    set_interval(plain, cell.plain);
    out.set("plain", std::move(plain));
  }
  return out;
}

Json Measuring::slice_json(std::size_t slice) const {
  const Slice& from = slices_.slices[slice];
  Json columns = Json::array();
  Json values = Json::array();
  for (const std::string& each : from.columns) columns.push(each);
  for (const std::string& each : from.values) values.push(each);
  const auto rows = static_cast<std::int64_t>(from.rows.size());
  const Node& section = context_.section;
  const std::int64_t least = section.has("small_below") ? section.integer("small_below") : 30;
  Json out = Json::object();
  out.set("columns", std::move(columns)).set("values", std::move(values));
  out.set("words", from.words()).set("rows", rows).set("small", rows < least);
  return std::move(out.set("metrics", Json::object()));
}

Result<std::vector<Json>> Measuring::measured(const std::vector<ScoredRows>& models) {
  cells_.clear();
  TRY_STATUS(add_cells(models, std::nullopt));
  for (std::size_t i = 0; i < slices_.slices.size(); ++i) TRY_STATUS(add_cells(models, i));
  if (context_.section.at("intervals").text_at("method") != "none" && !models.empty()) {
    draw(static_cast<std::int64_t>(models[0].labels.size()));
  }
  std::vector<Json> metrics(models.size(), Json::object());
  std::vector<std::vector<Json>> slices(models.size());
  for (const Cell& cell : cells_) {
    if (!cell.slice) {
      if (!cell.value && cell.model == 0) warnings_.push_back(cell.words);
      metrics[cell.model].set(cell.metric, metric_json(cell));
      continue;
    }
    auto& own = slices[cell.model];
    if (own.size() <= *cell.slice) own.push_back(slice_json(*cell.slice));
    Json inside = own[*cell.slice]["metrics"];
    own[*cell.slice].set("metrics", inside.set(cell.metric, metric_json(cell)));
  }
  std::vector<Json> out;
  for (std::size_t i = 0; i < models.size(); ++i) {
    Json each = Json::object();
    each.set("metrics", std::move(metrics[i])).set("slices", Json(Json::Array(slices[i])));
    out.push_back(std::move(each));
  }
  return out;
}

}  // namespace kingpost::steps::evaluate
