// SPDX-License-Identifier: Apache-2.0
// A chain of row-wise rules over one sealed table as one statement: each rule sees what the one
// before it left, and one more scan counts what every rule did.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/json.h"
#include "engines/sql/session.h"
#include "records/schema.h"

namespace kingpost::sql {

/// A new value for a column. A column that does not exist yet is appended.
struct Assignment {
  std::string column;
  /// SQL over the columns as the rule before left them.
  std::string value;
  /// The column's new type; empty keeps the old one.
  std::string type = {};
  /// Every value that is there counts as changed, not only those that differ: for changes of type.
  bool counts_all = false;
  /// Also counts the values that the rule made null.
  bool counts_nulled = false;
  /// More to count: a name and a condition over the columns before the rule.
  std::vector<std::pair<std::string, std::string>> flags = {};
};

/// What one rule did.
struct RuleTally {
  /// Rows taken out, or rows with at least one changed value.
  std::int64_t rows = 0;
  std::int64_t values = 0;
  std::int64_t nulled = 0;
  std::int64_t taken_out = 0;
  /// Counts of Assignment::flags, rows that the same rule takes out included.
  std::vector<std::pair<std::string, std::int64_t>> flags;
  /// At most three {row, key, column, before, after}; `row` counts from 0. Those of a rejection
  /// have `value` and `reason` in place of before and after.
  Json examples = Json::array();
  Json nulled_examples = Json::array();
};

struct Tally {
  std::int64_t rows = 0;
  std::int64_t kept = 0;
  std::vector<RuleTally> rules;
  /// A value changed or a row was taken out.
  bool touched() const;
};

class Rewrite {
 public:
  /// `path` is the Parquet file of the table. `later_names` are the columns that will be added.
  Rewrite(Session& session, const records::TableSchema& schema, std::string path,
          const std::vector<std::string>& later_names = {});
  ~Rewrite();
  Rewrite(const Rewrite&) = delete;
  Rewrite& operator=(const Rewrite&) = delete;

  /// Starts the next rule and answers its number, from 0.
  std::size_t begin_rule();
  /// The operations below belong to the rule begun last. A rule changes a row only while the row
  /// is still there.
  void assign(const std::vector<Assignment>& assignments);
  /// Takes out the rows for which the condition is true.
  void drop_where(const std::string& condition);
  /// Takes out all but the first (or last) of the rows that agree in `columns`; nulls agree.
  Status drop_repeats(const std::vector<std::string>& columns, bool keep_last);
  /// Takes out the rows for which `reason`, a text over the columns, is not null.
  void reject(const std::string& column, const std::string& reason);
  void rename(const std::vector<std::pair<std::string, std::string>>& old_and_new);
  void remove(const std::vector<std::string>& columns);

  /// The columns as the last rule left them.
  const records::Column* find(const std::string& column) const;
  /// Whether a rule changed the name, the type, the number or the order of columns.
  bool reshaped() const;
  /// The smallest and largest finite value of a time column at this point, as microseconds;
  /// nothing when there is none.
  Result<std::optional<std::pair<std::int64_t, std::int64_t>>> time_range(
      const std::string& column);

  /// Runs all rules and counts. After an error, `failed_rule` says which one could not run.
  Result<Tally> tally();
  std::optional<std::size_t> failed_rule() const { return failed_rule_; }

  /// Query for the rows that are left, in the order they came.
  std::string kept_query() const;
  /// Query for the rows that were taken out, as they came in, with two columns more: the rule's
  /// word and the row's number from 0. `words` has one entry per rule.
  std::string dropped_query(const std::vector<std::string>& words) const;
  /// The same for rejected rows: column, value, reason and row.
  std::string rejected_query() const;
  /// The schema that dropped_query (or rejected_query) answers, under `name`.
  records::TableSchema dropped_schema(const std::string& name) const;
  records::TableSchema rejected_schema(const std::string& name) const;

 private:
  struct Change {
    std::size_t rule = 0;
    std::string column;
    std::string before;
    std::string after;
    bool counts_all = false;
    bool counts_nulled = false;
    /// Name and hidden column.
    std::vector<std::pair<std::string, std::string>> flags;
    std::string probe;
  };
  struct Removal {
    std::size_t rule = 0;
    std::string column;
    std::string probe;
  };
  /// The select items of one sub-select: row, out, why and what; the table's own; and what only
  /// the counting query carries along.
  struct Level {
    std::vector<std::string> fixed;
    std::vector<std::string> visible;
    std::vector<std::string> traced;
    std::string items(bool all) const;
  };
  struct Wanted {
    const Change* change = nullptr;
    const Removal* removal = nullptr;
    bool nulled = false;
    std::vector<std::int64_t> rows;
  };

  std::string hidden(const std::string& name) const { return prefix_ + name; }
  Level passed_on() const;
  std::string over(const Level& level, const std::string& query, bool all) const;
  void select(const Level& level);
  void take_out(const std::string& condition, const std::string& why, const std::string& what);
  std::string touched_sql(const Change& change) const;
  std::string live_sql(std::size_t rule, bool with_taken_out = false) const;
  std::string count_query() const;
  std::vector<Wanted> wanted_examples(const std::vector<Json>& cells) const;
  std::string example_query(const std::set<std::int64_t>& numbers) const;
  Json example(const Wanted& wanted, const Rows& rows, std::size_t r) const;
  Status add_examples(const std::vector<Wanted>& wanted, Tally& tally);
  void blame();
  std::string aside(const std::vector<std::pair<std::string, std::string>>& more) const;
  records::TableSchema aside_schema(const std::string& name,
                                    const std::vector<records::Column>& more) const;

  Session& session_;
  const records::TableSchema schema_;
  const std::string path_;
  std::string prefix_;
  std::vector<records::Column> visible_;
  std::vector<std::string> traced_;
  /// The table as the last rule left it, and the same with all that is counted.
  std::string query_;
  std::string counting_;
  std::size_t rules_ = 0;
  std::vector<Change> changes_;
  std::vector<Removal> removals_;
  std::vector<std::string> temporary_;
  std::optional<std::size_t> failed_rule_;
  bool joined_ = false;
};

}  // namespace kingpost::sql
