// SPDX-License-Identifier: Apache-2.0
// Exact where it is cheap: nulls, least and greatest values, NaN, infinities. Up to half a million
// rows also lengths, mean, deviation and the number of different values; beyond, reading, hashing
// and adding up every value would take longer than all checks together, so these come from the
// sample.
#include "steps/02_validate_data/profile.h"

#include <algorithm>

#include "base/text.h"
#include "engines/sql/dialect.h"
#include "steps/02_validate_data/moments.h"

namespace kingpost::steps::validate_data {
namespace {

using sql::identifier;
using sql::literal;

constexpr std::int64_t kWholeRows = 500'000;
constexpr std::int64_t kSampleRows = 20'000;
constexpr std::int64_t kFewRows = 50'000;
constexpr std::size_t kSampleGroups = 2;
constexpr int kTopValues = 20;
constexpr std::string_view kSample = "\"_validate_data_sample\"";
constexpr std::string_view kQuantiles = "[0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99]";

bool is_whole(const TableFacts& facts) {
  return facts.table->rows <= kWholeRows;
}
bool is_number(const ColumnFacts& facts) {
  return records::is_numeric(facts.column->type);
}
bool has_values(const ColumnFacts& facts) {
  return !facts.least.is_null();
}
bool is_text(const ColumnFacts& facts) {
  return facts.column->type == "string";
}
// In a large table, texts for which the file's writer gave up its dictionary hardly repeat: reading
// them is dear and their counts say nothing.
bool has_top(const TableFacts& facts, const ColumnFacts& column) {
  if (column.column->type == "boolean") return true;
  return is_text(column) && (is_whole(facts) || column.distinct_in_all_groups);
}
bool counts_in_sample(const TableFacts& facts, const ColumnFacts& column) {
  return has_top(facts, column) || (is_number(column) && has_values(column));
}
// Of other texts in a large table only the lengths.
bool is_sampled(const TableFacts& facts, const ColumnFacts& column) {
  return is_text(column) || counts_in_sample(facts, column);
}

// A column with a dictionary in every row group repeats its values, and counting few different
// values exactly is cheaper than estimating them.
bool counts_distinct(const TableFacts& facts, const ColumnFacts& column) {
  return is_whole(facts) && column.distinct_in_all_groups;
}

// Fine squares cost several times as much, and a few rows do not average out the rounding of fast
// ones.
Moments moments_of(const TableFacts& facts, const ColumnFacts& column) {
  const bool few = facts.table->rows <= kFewRows;
  return {column.column->type, column.least, column.most, few ? Squares::kFine : Squares::kFast};
}

std::vector<std::string> length_items(const std::string& name, const std::string& prefix) {
  return {format("min(length({})) AS {}short", name, prefix),
          format("max(length({})) AS {}long", name, prefix)};
}

void set_lengths(Json& out, const sql::Rows& rows, const std::string& prefix) {
  out.set("min_length", rows.at(0, prefix + "short"))
      .set("max_length", rows.at(0, prefix + "long"));
}

struct Sample {
  // Ranges of rows, and every how manyth of them by hash.
  std::vector<std::pair<std::int64_t, std::int64_t>> ranges;
  std::int64_t rows_in_ranges = 0;
  std::int64_t every = 1;
};

// Row groups, evenly spread: all of a small table, else a tenth of them and at least two, so that
// reading them stays small beside the scan.
Sample plan_sample(const TableFacts& facts) {
  Sample out;
  const std::size_t all = facts.groups.size();
  const std::size_t take =
      is_whole(facts) ? all : std::min(all, std::max(kSampleGroups, (all + 9) / 10));
  std::vector<std::int64_t> starts;
  std::int64_t start = 0;
  for (const std::int64_t rows : facts.groups) {
    starts.push_back(start);
    start += rows;
  }
  for (std::size_t i = 0; i < take; ++i) {
    const std::size_t group = i * all / take;
    const std::int64_t rows = facts.groups[group];
    out.rows_in_ranges += rows;
    if (!out.ranges.empty() && out.ranges.back().second + 1 == starts[group]) {
      out.ranges.back().second += rows;
    } else {
      out.ranges.emplace_back(starts[group], starts[group] + rows - 1);
    }
  }
  out.every = std::max<std::int64_t>(1, (out.rows_in_ranges + kSampleRows - 1) / kSampleRows);
  return out;
}

Status take_sample(RunContext& context, const TableFacts& facts) {
  const Sample plan = plan_sample(facts);
  std::vector<std::string> names;
  for (const ColumnFacts& each : facts.columns) {
    if (is_sampled(facts, each)) names.push_back(each.column->name);
  }
  const std::string columns = names.empty() ? "1 AS one" : sql::identifiers(names);
  const std::string spread =
      plan.every == 1 ? std::string() : format(" AND hash(file_row_number) % {} = 0", plan.every);
  std::vector<std::string> branches;
  for (const auto& [from, to] : plan.ranges) {
    branches.push_back(format("SELECT {} FROM {} WHERE file_row_number BETWEEN {} AND {}{}",
                              columns, from_table(context, *facts.table, true), from, to, spread));
  }
  return context.sql.run(
      format("CREATE OR REPLACE TEMP TABLE {} AS {}", kSample, join(branches, " UNION ALL ")));
}

Result<sql::Rows> sample_numbers(RunContext& context, const TableFacts& facts) {
  std::vector<std::string> items = {"count(*) AS n"};
  for (std::size_t i = 0; i < facts.columns.size(); ++i) {
    const ColumnFacts& column = facts.columns[i];
    const std::string name = identifier(column.column->name);
    const std::string prefix = format("p{}_", i);
    if (!is_whole(facts) && counts_in_sample(facts, column)) {
      items.push_back(format("approx_count_distinct({}) AS {}d", name, prefix));
    }
    if (!is_whole(facts) && is_text(column)) {
      const auto lengths = length_items(name, prefix);
      items.insert(items.end(), lengths.begin(), lengths.end());
    }
    if (!is_number(column) || !has_values(column)) continue;
    const bool real = starts_with(column.column->type, "float");
    items.push_back(format("CAST(to_json(quantile_disc({}, {})) AS VARCHAR) AS {}quantiles",
                           real ? format("CASE WHEN isfinite({0}) THEN {0} END", name) : name,
                           kQuantiles, prefix));
    if (is_whole(facts)) continue;
    const auto moments = moments_of(facts, column).items(name, prefix);
    items.insert(items.end(), moments.begin(), moments.end());
  }
  return context.sql.query(format("SELECT {} FROM {}", join(items, ", "), kSample));
}

Result<sql::Rows> sample_values(RunContext& context, const TableFacts& facts) {
  std::vector<std::string> branches;
  for (std::size_t i = 0; i < facts.columns.size(); ++i) {
    if (!has_top(facts, facts.columns[i])) continue;
    branches.push_back(
        format("(SELECT {0} AS \"_c\", CAST({1} AS VARCHAR) AS \"_v\", count(*) AS \"_n\" FROM {2} "
               "WHERE {1} "
               "IS NOT NULL GROUP BY {1} ORDER BY \"_n\" DESC, \"_v\" LIMIT {3})",
               i, identifier(facts.columns[i].column->name), kSample, kTopValues));
  }
  if (branches.empty()) return sql::Rows{};
  return context.sql.query(format("SELECT * FROM ({}) ORDER BY \"_c\", \"_n\" DESC, \"_v\"",
                                  join(branches, " UNION ALL ")));
}

Result<sql::Rows> count_distinct(RunContext& context, const TableFacts& facts) {
  std::vector<std::string> items;
  for (std::size_t i = 0; i < facts.columns.size(); ++i) {
    if (!counts_distinct(facts, facts.columns[i])) continue;
    items.push_back(
        format("count(DISTINCT {}) AS p{}_d", identifier(facts.columns[i].column->name), i));
  }
  if (items.empty()) return sql::Rows{};
  return context.sql.query(
      format("SELECT {} FROM {}", join(items, ", "), from_table(context, *facts.table)));
}

Json number_json(const Json& cell) {
  if (!cell.is_string()) return cell;
  const auto number = parse_number(cell.text());
  return number ? Json(*number) : cell;
}

void set_moments(Json& out, const TableFacts& facts, const ColumnFacts& column,
                 const sql::Rows& rows, const std::string& prefix) {
  const auto answer = moments_of(facts, column).read(rows, prefix);
  if (answer.count > 0) out.set("mean", answer.mean);
  if (answer.count > 1) out.set("stdev", answer.stdev);
}

void set_distinct(Json& out, std::int64_t count, std::string_view how) {
  out.set("distinct", count).set("distinct_is", how);
}

// What the scan and the file told.
Json column_json(const TableFacts& facts, std::size_t i, const sql::Rows& rows) {
  const ColumnFacts& column = facts.columns[i];
  const std::string prefix = format("p{}_", i);
  Json out = Json::object();
  out.set("name", column.column->name).set("type", column.column->type);
  out.set("nulls",
          column.nulls >= 0 ? column.nulls : facts.table->rows - rows.integer(0, prefix + "v"));
  if (is_text(column)) {
    if (is_whole(facts)) set_lengths(out, rows, prefix);
  } else if (column.column->type != "boolean") {
    const bool decimal = column.column->type == "decimal";
    out.set("min", decimal ? number_json(column.least) : column.least);
    out.set("max", decimal ? number_json(column.most) : column.most);
  }
  if (starts_with(column.column->type, "float")) {
    out.set("nan", column.nan).set("infinite", column.infinite);
  }
  if (is_whole(facts) && !counts_distinct(facts, column)) {
    set_distinct(out, rows.integer(0, prefix + "d"), "about");
  }
  if (is_whole(facts) && is_number(column) && has_values(column)) {
    set_moments(out, facts, column, rows, prefix);
  }
  return out;
}

Json quantiles_json(const std::string& text) {
  static const std::vector<std::string> names = {"0.01", "0.05", "0.25", "0.5",
                                                 "0.75", "0.95", "0.99"};
  Json out = Json::object();
  const auto list = parse_json(text);
  if (!list || list->items().size() != names.size()) return {};
  for (std::size_t q = 0; q < names.size(); ++q) out.set(names[q], list->items()[q]);
  return out;
}

void set_sample(Json& out, const TableFacts& facts, std::size_t i, const sql::Rows& numbers,
                const sql::Rows& values) {
  const ColumnFacts& column = facts.columns[i];
  const std::string prefix = format("p{}_", i);
  Json sample = Json::object();
  if (!is_whole(facts)) {
    if (column.most_distinct > 0) set_distinct(out, column.most_distinct, "at_least");
    if (counts_in_sample(facts, column)) sample.set("distinct", numbers.at(0, prefix + "d"));
    if (is_text(column)) set_lengths(sample, numbers, prefix);
    if (is_number(column) && has_values(column))
      set_moments(sample, facts, column, numbers, prefix);
  }
  const Json quantiles = quantiles_json(numbers.text(0, prefix + "quantiles"));
  if (!quantiles.is_null()) sample.set("quantiles", quantiles);
  Json top = Json::array();
  for (std::size_t r = 0; r < values.size(); ++r) {
    if (values.integer(r, "_c") != static_cast<std::int64_t>(i)) continue;
    top.push(Json::object()
                 .set("value", shown(values.text(r, "_v"), 200))
                 .set("count", values.integer(r, "_n")));
  }
  if (!top.items().empty()) sample.set("top", std::move(top));
  if (!sample.entries().empty()) out.set("sample", std::move(sample));
}

}  // namespace

Part profile_part(const TableFacts& facts) {
  Part part;
  for (std::size_t i = 0; i < facts.columns.size(); ++i) {
    const ColumnFacts& column = facts.columns[i];
    const std::string name = identifier(column.column->name);
    const std::string prefix = format("p{}_", i);
    if (column.nulls < 0) part.items.push_back(format("count({}) AS {}v", name, prefix));
    if (!is_whole(facts)) continue;
    if (is_text(column)) {
      const auto lengths = length_items(name, prefix);
      part.items.insert(part.items.end(), lengths.begin(), lengths.end());
    }
    if (!counts_distinct(facts, column)) {
      part.items.push_back(format("approx_count_distinct({}) AS {}d", name, prefix));
    }
    if (!is_number(column) || !has_values(column)) continue;
    const auto moments = moments_of(facts, column).items(name, prefix);
    part.items.insert(part.items.end(), moments.begin(), moments.end());
  }
  return part;
}

Result<Json> read_profile(RunContext& context, const TableFacts& facts, const Part& part) {
  if (part.failure) return *part.failure;
  Json out = Json::array();
  const bool sampled = facts.table->rows > 0;
  sql::Rows numbers;
  sql::Rows values;
  TRY(const auto distinct, count_distinct(context, facts));
  if (sampled) {
    TRY_STATUS(take_sample(context, facts));
    TRY(numbers, sample_numbers(context, facts));
    TRY(values, sample_values(context, facts));
    TRY_STATUS(context.sql.run(format("DROP TABLE IF EXISTS {}", kSample)));
  }
  for (std::size_t i = 0; i < facts.columns.size(); ++i) {
    Json column = column_json(facts, i, part.rows);
    if (counts_distinct(facts, facts.columns[i])) {
      set_distinct(column, distinct.integer(0, format("p{}_d", i)), "exact");
    }
    if (sampled) set_sample(column, facts, i, numbers, values);
    out.push(std::move(column));
  }
  return out;
}

Json sample_words(const TableFacts& facts) {
  const Sample plan = plan_sample(facts);
  return Json::object()
      .set("every", plan.every)
      .set("of_rows", plan.rows_in_ranges)
      .set("rows_in_table", facts.table->rows);
}

}  // namespace kingpost::steps::validate_data
