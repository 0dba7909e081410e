// SPDX-License-Identifier: Apache-2.0
// What the file's statistics settle is not looked at; the rest is one scan, bounded by a LIMIT.
#include "steps/02_validate_data/caught.h"

#include <algorithm>
#include <cmath>

#include "base/text.h"
#include "engines/sql/dialect.h"

namespace kingpost::steps::validate_data {
namespace {

using sql::identifier;

// Wide rows in memory: some ten checks may fail as often as their rows are kept.
constexpr std::int64_t kMostCaught = 10 * kKeptRows;
constexpr std::string_view kOwnPrefix = "_validate_data_";

std::string mark(const Check& check) {
  return identifier(format("{}{}", kOwnPrefix, check.number));
}

bool has_own_names(const records::TableSchema& schema) {
  const auto names = schema.names();
  return std::any_of(names.begin(), names.end(),
                     [](const std::string& name) { return starts_with(lower(name), kOwnPrefix); });
}

// Beyond 53 bits a double no longer tells neighbouring whole numbers apart.
bool is_exact(const Json& cell) {
  constexpr double kLargest = 9007199254740992.0;
  return !cell.is_null() && std::abs(cell.number()) < kLargest;
}

bool lies_within(const Check& check, const ColumnFacts& column) {
  const std::string_view type = column.column->type;
  if (!records::is_integer(type) && type != "float64") return false;
  if (column.nan + column.infinite > 0) return false;
  if (!is_exact(column.least) || !is_exact(column.most)) return false;
  const Node& node = *check.node;
  const double least = column.least.number();
  const double most = column.most.number();
  if (node.has("min")) {
    const double low = node.number("min");
    if (node.flag("strict_min") ? least <= low : least < low) return false;
  }
  if (!node.has("max")) return true;
  const double high = node.number("max");
  return node.flag("strict_max") ? most < high : most <= high;
}

// Failing rows that the file's statistics tell.
std::optional<std::int64_t> known_failures(const Check& check, const TableFacts& facts) {
  const ColumnFacts* column = facts.find(check.columns.at(0));
  if (!check.where.empty() || column == nullptr) return std::nullopt;
  if (check.kind == "not_null" && column->nulls >= 0) return column->nulls;
  if (check.kind == "between" && lies_within(check, *column)) return 0;
  return std::nullopt;
}

// The key and the columns of the checks, each once.
std::vector<std::string> kept_columns(const records::TableSchema& schema,
                                      const std::vector<Finding*>& looked) {
  std::vector<std::string> out;
  const auto add = [&](const std::string& name) {
    if (schema.find(name) == nullptr || std::find(out.begin(), out.end(), name) != out.end())
      return;
    out.push_back(name);
  };
  for (const std::string& name : schema.key) add(name);
  for (const Finding* each : looked) {
    for (const std::string& name : each->check.columns) add(name);
  }
  return out;
}

std::string catching_query(const RunContext& context, const TableFacts& facts,
                           const std::vector<Finding*>& looked) {
  const records::TableSchema& schema = facts.table->schema;
  std::vector<std::string> items = {"file_row_number"};
  for (const std::string& name : kept_columns(schema, looked)) items.push_back(identifier(name));
  std::vector<std::string> marks;
  for (const Finding* each : looked) {
    marks.push_back(mark(each->check));
    items.push_back(format("{} AS {}", failing_condition(each->check, schema), marks.back()));
  }
  return format("SELECT * FROM (SELECT {} FROM {}) AS \"_t\" WHERE {} LIMIT {}", join(items, ", "),
                from_table(context, *facts.table, true), join(marks, " OR "), kMostCaught + 1);
}

Status read_counts(RunContext& context, const std::vector<Finding*>& looked) {
  std::vector<std::string> items = {"count(*) AS n"};
  for (const Finding* each : looked) {
    items.push_back(
        format("CAST(count_if({}) AS BIGINT) AS u{}", mark(each->check), each->check.number));
  }
  TRY(const auto rows,
      context.sql.query(format("SELECT {} FROM {}", join(items, ", "), caught_table())));
  if (rows.integer(0, "n") > kMostCaught) return {};
  for (Finding* each : looked) {
    each->counted = true;
    each->caught = true;
    each->unexpected = rows.integer(0, format("u{}", each->check.number));
  }
  return {};
}

}  // namespace

std::string caught_table() {
  return identifier(format("{}caught", kOwnPrefix));
}

Status catch_rows(RunContext& context, const TableFacts& facts, std::vector<Finding>& findings) {
  if (has_own_names(facts.table->schema)) return {};
  std::vector<Finding*> looked;
  for (Finding& each : findings) {
    if (each.check.scope != Scope::kRow) continue;
    const auto known = known_failures(each.check, facts);
    if (known && (*known == 0 || *known > kKeptRows)) {
      each.counted = true;
      each.unexpected = *known;
    } else {
      looked.push_back(&each);
    }
  }
  if (looked.empty()) return {};
  // A LIMIT that keeps the order of rows runs on one thread, in three times the time. All that read
  // the table order by the row's number.
  TRY_STATUS(context.sql.run("SET preserve_insertion_order=false"));
  auto done = context.sql.run(format("CREATE OR REPLACE TEMP TABLE {} AS {}", caught_table(),
                                     catching_query(context, facts, looked)));
  TRY_STATUS(context.sql.run("SET preserve_insertion_order=true"));
  if (done) return read_counts(context, looked);
  // The scan finds out which condition it was.
  if (done.error().id() == "engine.query_failed") return {};
  return done;
}

Source failing_source(const RunContext& context, const TableFacts& facts, const Finding& finding) {
  if (finding.caught) {
    return {format("{} AS {}", caught_table(), identifier(facts.table->name)), mark(finding.check)};
  }
  Source out;
  out.from = from_table(context, *facts.table, true);
  out.condition = finding.row_set.empty()
                      ? failing_condition(finding.check, facts.table->schema)
                      : format("file_row_number IN (SELECT \"_row\" FROM {})", finding.row_set);
  return out;
}

}  // namespace kingpost::steps::validate_data
