// SPDX-License-Identifier: Apache-2.0
// Counting what a chain of rules did: one scan for all counts, one more for the examples.
#include <algorithm>
#include <map>
#include <set>

#include "base/text.h"
#include "engines/sql/dialect.h"
#include "engines/sql/rewrite.h"

namespace kingpost::sql {
namespace {

constexpr std::size_t kExamples = 3;
constexpr std::size_t kShownBytes = 80;

std::string smallest_rows(const std::string& row, const std::string& condition) {
  return format("CAST(list_sort(min({}, {}) FILTER (WHERE {})) AS VARCHAR)", identifier(row),
                kExamples, condition);
}

// "[3, 5, 9]" as numbers; a null cell has none.
std::vector<std::int64_t> row_numbers(const Json& cell) {
  std::vector<std::int64_t> out;
  const std::string_view text = cell.text();
  if (text.size() < 3) return out;
  for (const std::string& part : split(text.substr(1, text.size() - 2), ',')) {
    if (const auto number = parse_integer(trim(part))) out.push_back(*number);
  }
  return out;
}

std::string joined(const std::set<std::int64_t>& numbers) {
  std::vector<std::string> out;
  for (const std::int64_t number : numbers) out.push_back(format("{}", number));
  return join(out, ", ");
}

Json shown_cell(const Json& cell) {
  return cell.is_string() ? Json(shown(cell.text(), kShownBytes)) : cell;
}

}  // namespace

bool Tally::touched() const {
  return kept != rows || std::any_of(rules.begin(), rules.end(),
                                     [](const RuleTally& rule) { return rule.values > 0; });
}

std::string Rewrite::live_sql(std::size_t rule, bool with_taken_out) const {
  if (removals_.empty()) return "true";
  return format("({0} IS NULL OR {0} {1} {2})", identifier(hidden("out")),
                with_taken_out ? ">=" : ">", rule);
}

std::string Rewrite::touched_sql(const Change& change) const {
  const std::string before = identifier(change.before);
  const std::string after = identifier(change.after);
  if (!change.counts_all) return format("{} IS DISTINCT FROM {}", before, after);
  return format("({} IS NOT NULL OR {} IS NOT NULL)", before, after);
}

std::string Rewrite::count_query() const {
  const std::string row = hidden("row");
  const std::string out = identifier(hidden("out"));
  std::vector<std::string> items = {"count(*)", format("count(*) FILTER (WHERE {} IS NULL)", out)};
  const auto count = [&](const std::string& condition) {
    items.push_back(format("count(*) FILTER (WHERE {})", condition));
    items.push_back(smallest_rows(row, condition));
  };
  for (const Removal& removal : removals_) count(format("{} = {}", out, removal.rule));
  for (const Change& change : changes_) {
    const std::string live = live_sql(change.rule);
    count(format("{} AND {}", live, touched_sql(change)));
    if (!change.counts_nulled) continue;
    count(format("{} AND {} IS NOT NULL AND {} IS NULL", live, identifier(change.before),
                 identifier(change.after)));
  }
  for (std::size_t rule = 0; rule < rules_; ++rule) {
    std::vector<std::string> any;
    for (const Change& change : changes_) {
      if (change.rule == rule) any.push_back(format("({})", touched_sql(change)));
    }
    if (any.empty()) any.push_back("false");
    items.push_back(
        format("count(*) FILTER (WHERE {} AND ({}))", live_sql(rule), join(any, " OR ")));
  }
  for (const Change& change : changes_) {
    for (const auto& flag : change.flags) {
      items.push_back(format("count(*) FILTER (WHERE {} AND {})", live_sql(change.rule, true),
                             identifier(flag.second)));
    }
  }
  return format("SELECT {} FROM ({})", join(items, ", "), counting_);
}

void Rewrite::blame() {
  for (std::size_t rule = 0; rule < rules_; ++rule) {
    std::vector<std::string> probes;
    for (const Change& change : changes_) {
      if (change.rule == rule) probes.push_back(change.probe);
    }
    for (const Removal& removal : removals_) {
      if (removal.rule == rule) probes.push_back(removal.probe);
    }
    for (const std::string& probe : probes) {
      if (session_.query(probe)) continue;
      failed_rule_ = rule;
      return;
    }
  }
}

Result<Tally> Rewrite::tally() {
  auto counts = session_.query(count_query());
  if (!counts) {
    if (counts.error().id() == "engine.query_failed") blame();
    return std::move(counts).error();
  }
  const auto& cells = counts->rows.front();
  std::size_t at = 0;
  Tally tally;
  tally.rows = cells[at++].integer();
  tally.kept = cells[at++].integer();
  tally.rules.resize(rules_);
  for (const Removal& removal : removals_) {
    tally.rules[removal.rule].taken_out += cells[at].integer();
    at += 2;
  }
  for (const Change& change : changes_) {
    tally.rules[change.rule].values += cells[at].integer();
    at += 2;
    if (!change.counts_nulled) continue;
    tally.rules[change.rule].nulled += cells[at].integer();
    at += 2;
  }
  for (RuleTally& rule : tally.rules) rule.rows = cells[at++].integer() + rule.taken_out;
  for (const Change& change : changes_) {
    for (const auto& flag : change.flags) {
      tally.rules[change.rule].flags.emplace_back(flag.first, cells[at++].integer());
    }
  }
  TRY_STATUS(add_examples(wanted_examples(cells), tally));
  return tally;
}

// The row numbers stand in the counting query's answer beside their counts, in its order.
std::vector<Rewrite::Wanted> Rewrite::wanted_examples(const std::vector<Json>& cells) const {
  std::vector<Wanted> out;
  std::size_t at = 3;
  const auto next = [&](const Change* change, const Removal* removal, bool nulled) {
    out.push_back({change, removal, nulled, row_numbers(cells[at])});
    at += 2;
  };
  for (const Removal& removal : removals_) next(nullptr, &removal, false);
  for (const Change& change : changes_) {
    next(&change, nullptr, false);
    if (change.counts_nulled) next(&change, nullptr, true);
  }
  return out;
}

std::string Rewrite::example_query(const std::set<std::int64_t>& numbers) const {
  std::vector<std::string> items = {identifier(hidden("row"))};
  const auto add_text = [&](const std::string& name) {
    items.push_back(format("CAST({0} AS VARCHAR) AS {0}", identifier(name)));
  };
  add_text(hidden("why"));
  add_text(hidden("what"));
  for (std::size_t i = 0; i < schema_.key.size(); ++i) add_text(hidden(format("key{}", i)));
  for (const Change& change : changes_) {
    add_text(change.before);
    add_text(change.after);
  }
  return format("SELECT {} FROM ({}) WHERE {} IN ({})", join(items, ", "), counting_,
                identifier(hidden("row")), joined(numbers));
}

Json Rewrite::example(const Wanted& wanted, const Rows& rows, std::size_t r) const {
  Json out = Json::object();
  out.set("row", rows.integer(r, hidden("row")));
  if (!schema_.key.empty()) {
    Json key = Json::object();
    for (std::size_t i = 0; i < schema_.key.size(); ++i) {
      key.set(schema_.key[i], shown_cell(rows.at(r, hidden(format("key{}", i)))));
    }
    out.set("key", std::move(key));
  }
  if (wanted.change != nullptr) {
    out.set("column", wanted.change->column);
    out.set("before", shown_cell(rows.at(r, wanted.change->before)));
    out.set("after", shown_cell(rows.at(r, wanted.change->after)));
  } else if (!wanted.removal->column.empty()) {
    out.set("column", wanted.removal->column);
    out.set("value", shown_cell(rows.at(r, hidden("what"))));
    out.set("reason", rows.at(r, hidden("why")));
  }
  return out;
}

Status Rewrite::add_examples(const std::vector<Wanted>& wanted, Tally& tally) {
  std::set<std::int64_t> numbers;
  for (const Wanted& each : wanted) numbers.insert(each.rows.begin(), each.rows.end());
  if (numbers.empty()) return {};
  TRY(const auto rows, session_.query(example_query(numbers)));
  std::map<std::int64_t, std::size_t> found;
  for (std::size_t r = 0; r < rows.size(); ++r) found[rows.integer(r, hidden("row"))] = r;
  // The first example of every column comes before the second of any.
  for (std::size_t round = 0; round < kExamples; ++round) {
    for (const Wanted& each : wanted) {
      if (round >= each.rows.size()) continue;
      RuleTally& rule =
          tally.rules[each.change != nullptr ? each.change->rule : each.removal->rule];
      Json& list = each.nulled ? rule.nulled_examples : rule.examples;
      const auto at = found.find(each.rows[round]);
      if (at == found.end() || list.items().size() >= kExamples) continue;
      list.push(example(each, rows, at->second));
    }
  }
  return {};
}

}  // namespace kingpost::sql
