// SPDX-License-Identifier: Apache-2.0
// What a first look at a table tells.
#include "lifecycle/init/table_facts.h"

#include <algorithm>
#include <set>

#include "base/text.h"
#include "engines/sql/dialect.h"

namespace kingpost::lifecycle {
namespace {

using sql::identifier;

const std::vector<std::string>& usual_tokens() {
  static const std::vector<std::string> tokens = {"NA",   "N/A",  "n/a",  "null", "NULL",
                                                  "Null", "None", "none", "nan",  "NaN",
                                                  "NAN",  "-",    "?",    "#N/A", "missing"};
  return tokens;
}

// Columns whose names sound like names of rows come first, floats never.
std::vector<std::string> key_candidates(const TableFacts& facts) {
  std::vector<const ColumnFacts*> sound;
  for (const ColumnFacts& column : facts.columns) {
    const bool whole = records::is_integer(column.type) || column.type == "string" ||
                       records::is_temporal(column.type);
    if (whole && column.nulls == 0 && column.distinct > 1) sound.push_back(&column);
  }
  const auto rank = [](const ColumnFacts& column) {
    const std::string name = lower(column.name);
    const bool id = name == "id" || name == "key" || name.ends_with("_id") ||
                    name.ends_with("id") || name.ends_with("_key") || name.ends_with("code");
    return id ? 0 : 1;
  };
  std::stable_sort(sound.begin(), sound.end(), [&](const ColumnFacts* a, const ColumnFacts* b) {
    if (rank(*a) != rank(*b)) return rank(*a) < rank(*b);
    return a->distinct > b->distinct;
  });
  std::vector<std::string> out;
  for (const ColumnFacts* column : sound) out.push_back(column->name);
  return out;
}

Result<bool> is_unique(sql::Session& session, const std::string& from, std::int64_t rows,
                       const std::vector<std::string>& columns) {
  // Most sets of columns repeat among the first rows already.
  constexpr std::int64_t kFirst = 20'000;
  if (rows > kFirst) {
    const std::string first = format("(SELECT * FROM {} LIMIT {}) AS f", from, kFirst);
    TRY(const bool unique, is_unique(session, first, kFirst, columns));
    if (!unique) return false;
  }
  TRY(const auto found,
      session.query(format("SELECT count(*) AS n FROM (SELECT DISTINCT {} FROM {}) AS t",
                           sql::identifiers(columns), from)));
  return found.integer(0, "n") == rows;
}

// All pairs, then all triples.
std::vector<std::vector<std::string>> sets_of(const std::vector<std::string>& names) {
  std::vector<std::vector<std::string>> pairs;
  std::vector<std::vector<std::string>> triples;
  for (std::size_t a = 0; a < names.size(); ++a) {
    for (std::size_t b = a + 1; b < names.size(); ++b) {
      pairs.push_back({names[a], names[b]});
      for (std::size_t c = b + 1; c < names.size(); ++c) {
        triples.push_back({names[a], names[b], names[c]});
      }
    }
  }
  pairs.insert(pairs.end(), triples.begin(), triples.end());
  return pairs;
}

// One column, then pairs and triples of the likeliest.
Result<std::vector<std::string>> find_key(sql::Session& session, const std::string& from,
                                          const TableFacts& facts) {
  constexpr std::size_t kTried = 10;
  if (facts.rows < 2) return std::vector<std::string>{};
  std::vector<std::string> names = key_candidates(facts);
  for (const std::string& name : names) {
    const ColumnFacts& column = *facts.find(name);
    // A measure may happen to be unique; a name of rows is whole numbers or texts.
    if (column.distinct == facts.rows && !records::is_temporal(column.type)) {
      return std::vector<std::string>{name};
    }
  }
  names.resize(std::min(names.size(), kTried));
  for (auto& set : sets_of(names)) {
    TRY(const bool unique, is_unique(session, from, facts.rows, set));
    if (unique) return std::move(set);
  }
  return std::vector<std::string>{};
}

}  // namespace

const ColumnFacts* TableFacts::find(std::string_view column) const {
  const auto found = std::find_if(columns.begin(), columns.end(),
                                  [&](const ColumnFacts& each) { return each.name == column; });
  return found == columns.end() ? nullptr : &*found;
}

Result<std::vector<std::string>> null_tokens(sql::Session& session, const std::string& from,
                                             const records::TableSchema& schema) {
  std::set<std::string> found;
  for (const records::Column& column : schema.columns) {
    if (column.type != "string") continue;
    TRY(const auto rows,
        session.query(format(
            "SELECT v, count(*) AS n, (SELECT count(DISTINCT {0}) FROM {1}) AS distinct_values "
            "FROM (SELECT {0} AS v FROM {1}) AS t WHERE v IN ({2}) GROUP BY v ORDER BY v",
            identifier(column.name), from, sql::literals(usual_tokens()))));
    for (std::size_t r = 0; r < rows.size(); ++r) {
      // A column that has nothing else keeps its word.
      if (rows.integer(r, "distinct_values") > 1) found.insert(rows.text(r, "v"));
    }
  }
  return std::vector<std::string>(found.begin(), found.end());
}

Result<TableFacts> look_at_table(sql::Session& session, const std::string& from,
                                 const records::Table& table) {
  TableFacts out;
  out.name = table.name;
  out.rows = table.rows;
  for (const records::Column& column : table.schema.columns) {
    TRY(const auto rows,
        session.query(format("SELECT count(*) - count({0}) AS nulls, count(DISTINCT {0}) AS "
                             "different, CAST(min({0}) AS VARCHAR) AS least, CAST(max({0}) AS "
                             "VARCHAR) AS most FROM {1}",
                             identifier(column.name), from)));
    out.columns.push_back({column.name, column.type, rows.integer(0, "nulls"),
                           rows.integer(0, "different"), rows.text(0, "least"),
                           rows.text(0, "most")});
  }
  TRY(out.key, find_key(session, from, out));
  return out;
}

}  // namespace kingpost::lifecycle
