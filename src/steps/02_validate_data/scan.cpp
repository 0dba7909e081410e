// SPDX-License-Identifier: Apache-2.0
// The aggregates of checks: count_if beside count, which the engine computes several times faster
// than count(*) FILTER, because a filter copies the columns of all other aggregates.
#include "steps/02_validate_data/scan.h"

#include <cmath>

#include "base/text.h"
#include "engines/sql/dialect.h"
#include "steps/02_validate_data/moments.h"

namespace kingpost::steps::validate_data {
namespace {

using sql::identifier;

std::string count_if(const std::string& condition, const std::string& name) {
  return format("CAST(count_if({}) AS BIGINT) AS {}", condition, name);
}

// The column, null where the check does not look.
std::string looked_at(const Check& check) {
  std::string column = identifier(check.columns.at(0));
  if (check.where.empty()) return column;
  return format("CASE WHEN {} THEN {} END", check.where, column);
}

bool is_moment(const Check& check) {
  return check.kind == "mean" || check.kind == "stdev" || check.kind == "sum";
}

Moments moments_of(const Check& check, const ColumnFacts& facts) {
  return {facts.column->type, facts.least, facts.most,
          check.kind == "stdev" ? Squares::kFine : Squares::kNone};
}

bool looks_at_nulls(const Check& check) {
  return check.columns.empty() || check.kind == "not_null";
}

// Evaluated rows that the file's statistics tell.
std::optional<std::int64_t> known_evaluated(const Check& check, const TableFacts& facts) {
  if (!check.where.empty()) return std::nullopt;
  if (looks_at_nulls(check)) return facts.table->rows;
  const ColumnFacts* column = facts.find(check.columns[0]);
  if (check.columns.size() > 1 || column == nullptr || column->nulls < 0) return std::nullopt;
  return facts.table->rows - column->nulls;
}

void add_counts(const Check& check, const TableFacts& facts, const std::string& prefix,
                std::vector<std::string>& items) {
  const bool narrowed = !check.where.empty();
  if (narrowed) items.push_back(count_if(check.where, prefix + "e"));
  if (looks_at_nulls(check) || known_evaluated(check, facts)) return;
  if (check.columns.size() == 1 && !narrowed) {
    items.push_back(format("count({}) AS {}v", identifier(check.columns[0]), prefix));
    return;
  }
  const std::string evaluated = evaluated_condition(check);
  items.push_back(
      count_if(narrowed ? format("{} AND {}", check.where, evaluated) : evaluated, prefix + "v"));
}

void within(const Finding& finding, double value, bool& wrong) {
  const Node& node = *finding.check.node;
  wrong = (node.has("min") && value < node.number("min")) ||
          (node.has("max") && value > node.number("max")) ||
          (node.has("equals") && value != node.number("equals"));
}

void read_statistic(const Part& part, const ColumnFacts& facts, const std::string& prefix,
                    Finding& finding) {
  const std::string& kind = finding.check.kind;
  if (finding.evaluated == 0) {
    finding.not_computed = "there is no value to compute it from";
    return;
  }
  const std::int64_t odd = part.rows.integer(0, prefix + "odd");
  if (odd > 0) {
    finding.not_computed =
        format("{} of the values {} NaN or infinite", grouped(odd), odd == 1 ? "is" : "are");
    return;
  }
  double value = 0;
  if (kind == "median") {
    value = part.rows.at(0, prefix + "m").number();
  } else {
    const auto answer = moments_of(finding.check, facts).read(part.rows, prefix);
    if (kind == "stdev" && answer.count < 2) {
      finding.not_computed = "a standard deviation needs two values";
      return;
    }
    value = kind == "mean" ? answer.mean : kind == "sum" ? answer.sum : answer.stdev;
  }
  finding.observed = value;
  within(finding, value, finding.wrong);
}

void read_freshness(RunContext& context, const Part& part, const std::string& prefix,
                    Finding& finding) {
  const Json& newest = part.rows.at(0, prefix + "m");
  const auto time = parse_timestamp(newest.text());
  if (newest.is_null() || !time) {
    finding.not_computed = "there is no value to compute it from";
    return;
  }
  const Node& node = *finding.check.node;
  const Micros age = context.settings.now - *time;
  finding.observed = Json::object().set("newest", newest.text()).set("age", duration_text(age));
  finding.wrong = node.has("error_after") && age > node.integer("error_after");
  finding.old = node.has("warn_after") && age > node.integer("warn_after");
}

}  // namespace

bool Finding::enough_pass() const {
  if (evaluated == 0 || unexpected == 0) return true;
  return static_cast<double>(evaluated - unexpected) / static_cast<double>(evaluated) >=
         check.mostly;
}

std::string_view Finding::verdict() const {
  if (!not_computed.empty()) return "not_computed";
  const bool warns = check.action == Action::kWarn;
  if (!check.of_rows()) {
    if (wrong) return warns ? "warned" : "failed";
    return old ? "warned" : "passed";
  }
  if (unexpected == 0) return "passed";
  if (check.removes_rows()) {
    if (check.mostly_given && !enough_pass()) return "failed";
    return check.action == Action::kDrop ? "dropped" : "quarantined";
  }
  if (enough_pass()) return "passed";
  return warns ? "warned" : "failed";
}

bool Finding::is_refusal() const {
  const std::string_view word = verdict();
  return word == "failed" || (word == "not_computed" && check.action != Action::kWarn);
}

Status scan(RunContext& context, const std::string& from, std::vector<Part>& parts) {
  std::vector<std::string> all;
  for (const Part& part : parts) all.insert(all.end(), part.items.begin(), part.items.end());
  if (all.empty()) return {};
  auto rows = context.sql.query(format("SELECT {} FROM {}", join(all, ", "), from));
  if (rows) {
    std::size_t at = 0;
    for (Part& part : parts) {
      part.rows.rows.emplace_back();
      for (std::size_t i = 0; i < part.items.size(); ++i, ++at) {
        part.rows.columns.push_back(rows->columns[at]);
        part.rows.rows[0].push_back(std::move(rows->rows[0][at]));
      }
    }
    return {};
  }
  if (rows.error().id() != "engine.query_failed") return std::move(rows).error();
  for (Part& part : parts) {
    if (part.items.empty()) continue;
    auto alone = context.sql.query(format("SELECT {} FROM {}", join(part.items, ", "), from));
    if (alone) {
      part.rows = std::move(alone).value();
    } else if (alone.error().id() == "engine.query_failed") {
      part.failure = std::move(alone).error();
    } else {
      return std::move(alone).error();
    }
  }
  return {};
}

Part part_of(const Finding& finding, const TableFacts& facts, const std::string& prefix) {
  const Check& check = finding.check;
  Part part;
  if (check.scope == Scope::kSchema || check.scope == Scope::kQuery) return part;
  add_counts(check, facts, prefix, part.items);
  if (check.scope == Scope::kRow && !finding.counted) {
    part.items.push_back(count_if(failing_condition(check, facts.table->schema), prefix + "u"));
  }
  if (check.kind == "freshness") {
    part.items.push_back(format("max({}) AS {}m", looked_at(check), prefix));
  }
  if (check.scope != Scope::kNumber || check.columns.empty() || check.kind == "freshness") {
    return part;
  }
  const ColumnFacts& column = *facts.find(check.columns[0]);
  if (column.nan + column.infinite > 0) {
    part.items.push_back(count_if(format("NOT isfinite({})", looked_at(check)), prefix + "odd"));
  }
  if (is_moment(check)) {
    const auto items = moments_of(check, column).items(looked_at(check), prefix);
    part.items.insert(part.items.end(), items.begin(), items.end());
  } else {
    part.items.push_back(
        format("quantile_cont(CAST({} AS DOUBLE), 0.5) AS {}m", looked_at(check), prefix));
  }
  return part;
}

void read_part(RunContext& context, const Part& part, const TableFacts& facts,
               const std::string& prefix, Finding& finding) {
  const Check& check = finding.check;
  if (part.failure) {
    finding.not_computed = shown(part.failure->what(), 200);
    return;
  }
  if (check.scope == Scope::kSchema || check.scope == Scope::kQuery) return;
  const std::int64_t elements =
      check.where.empty() ? facts.table->rows : part.rows.integer(0, prefix + "e");
  if (looks_at_nulls(check)) {
    finding.evaluated = elements;
  } else {
    const auto known = known_evaluated(check, facts);
    finding.evaluated = known ? *known : part.rows.integer(0, prefix + "v");
  }
  finding.missing = elements - finding.evaluated;
  if (check.scope == Scope::kRow && !finding.counted)
    finding.unexpected = part.rows.integer(0, prefix + "u");
  if (check.kind == "freshness") return read_freshness(context, part, prefix, finding);
  if (check.kind == "row_count") {
    finding.observed = elements;
    within(finding, static_cast<double>(elements), finding.wrong);
  } else if (check.kind == "row_count_equals") {
    const records::Table* other = context.input.find(check.node->text_at("table"));
    finding.observed = elements;
    finding.wrong = other == nullptr || other->rows != elements;
  } else if (check.scope == Scope::kNumber) {
    read_statistic(part, *facts.find(check.columns[0]), prefix, finding);
  }
}

}  // namespace kingpost::steps::validate_data
