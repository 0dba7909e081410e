// SPDX-License-Identifier: Apache-2.0
// A chain of rules as nested sub-selects. Beside the table's own columns each level carries hidden
// ones: the row's number, the rule that took the row out, and a before and after per change. The
// engine prunes those that a query does not ask for, so counting costs a scan of the touched
// columns and writing costs nothing more.
#include "engines/sql/rewrite.h"

#include <algorithm>
#include <atomic>

#include "base/text.h"
#include "engines/sql/dialect.h"
#include "engines/sql/types.h"

namespace kingpost::sql {
namespace {

bool same_name(const std::string& a, const std::string& b) {
  return lower(a) == lower(b);
}

// The `first` form of a name that is not taken yet.
std::string free_name(std::string name, const records::TableSchema& schema) {
  const auto taken = [&](const records::Column& column) { return same_name(column.name, name); };
  while (std::any_of(schema.columns.begin(), schema.columns.end(), taken)) name += "_";
  return name;
}

// Names of temporary tables differ between rewrites of one session.
std::string temporary_name() {
  static std::atomic<std::int64_t> counter{0};
  return format("kingpost_repeats_{}", ++counter);
}

}  // namespace

Rewrite::Rewrite(Session& session, const records::TableSchema& schema, std::string path,
                 const std::vector<std::string>& later_names)
    : session_(session),
      schema_(schema),
      path_(std::move(path)),
      prefix_("k_"),
      visible_(schema.columns) {
  std::vector<std::string> names = schema.names();
  names.insert(names.end(), later_names.begin(), later_names.end());
  const auto taken = [&](const std::string& name) { return starts_with(lower(name), prefix_); };
  while (std::any_of(names.begin(), names.end(), taken)) prefix_ += "_";
  const auto as = [&](const std::string& value, const std::string& name) {
    return format("{} AS {}", value, identifier(hidden(name)));
  };
  Level level;
  level.fixed = {as("file_row_number", "row"), as("CAST(NULL AS INTEGER)", "out"),
                 as("CAST(NULL AS VARCHAR)", "why"), as("CAST(NULL AS VARCHAR)", "what")};
  for (const records::Column& column : visible_) level.visible.push_back(identifier(column.name));
  for (std::size_t i = 0; i < schema.key.size(); ++i) {
    traced_.push_back(hidden(format("key{}", i)));
    level.traced.push_back(as(identifier(schema.key[i]), format("key{}", i)));
  }
  query_ = format("SELECT {} FROM {}", level.items(false), parquet(path_, true));
  counting_ = format("SELECT {} FROM {}", level.items(true), parquet(path_, true));
}

Rewrite::~Rewrite() {
  for (const std::string& name : temporary_) {
    // A leftover table ends with the session.
    const auto dropped = session_.run("DROP TABLE IF EXISTS temp." + name);
    static_cast<void>(dropped);
  }
}

std::size_t Rewrite::begin_rule() {
  return rules_++;
}

const records::Column* Rewrite::find(const std::string& column) const {
  const auto found = std::find_if(visible_.begin(), visible_.end(),
                                  [&](const records::Column& c) { return c.name == column; });
  return found == visible_.end() ? nullptr : &*found;
}

bool Rewrite::reshaped() const {
  return !std::equal(
      visible_.begin(), visible_.end(), schema_.columns.begin(), schema_.columns.end(),
      [](const auto& a, const auto& b) { return a.name == b.name && a.type == b.type; });
}

std::string Rewrite::Level::items(bool all) const {
  std::vector<std::string> out = fixed;
  out.insert(out.end(), visible.begin(), visible.end());
  if (all) out.insert(out.end(), traced.begin(), traced.end());
  return join(out, ", ");
}

Rewrite::Level Rewrite::passed_on() const {
  Level level;
  for (const char* name : {"row", "out", "why", "what"}) {
    level.fixed.push_back(identifier(hidden(name)));
  }
  for (const records::Column& column : visible_) level.visible.push_back(identifier(column.name));
  for (const std::string& name : traced_) level.traced.push_back(identifier(name));
  return level;
}

std::string Rewrite::over(const Level& level, const std::string& query, bool all) const {
  return format("SELECT {} FROM ({}) AS {}", level.items(all), query, identifier(schema_.name));
}

void Rewrite::select(const Level& level) {
  query_ = over(level, query_, false);
  counting_ = over(level, counting_, true);
}

// The counting query looks at a value before and after, so it computes the value one level below
// the one that puts it in place.
void Rewrite::assign(const std::vector<Assignment>& assignments) {
  Level computed = passed_on();
  Level placed = computed;
  Level lean = computed;
  const std::size_t first = changes_.size();
  for (const Assignment& each : assignments) {
    const auto at = static_cast<std::size_t>(
        std::find_if(visible_.begin(), visible_.end(),
                     [&](const records::Column& c) { return c.name == each.column; }) -
        visible_.begin());
    const bool is_new = at == visible_.size();
    if (is_new) {
      visible_.push_back({each.column, each.type, {}, {}});
      placed.visible.emplace_back();
      lean.visible.emplace_back();
    }
    if (!each.type.empty()) visible_[at].type = each.type;
    const std::string name = identifier(each.column);
    const std::string number = format("{}", changes_.size());
    const std::string value = format("CAST({} AS {})", each.value, engine_type(visible_[at].type));
    Change change{rules_ - 1,
                  each.column,
                  hidden("b" + number),
                  hidden("n" + number),
                  each.counts_all || is_new,
                  each.counts_nulled,
                  {},
                  {}};
    computed.traced.push_back(format("{} AS {}", value, identifier(change.after)));
    placed.visible[at] = format("{} AS {}", identifier(change.after), name);
    lean.visible[at] = format("{} AS {}", value, name);
    placed.traced.push_back(format("{} AS {}", is_new ? "NULL" : name, identifier(change.before)));
    placed.traced.push_back(identifier(change.after));
    traced_.push_back(change.before);
    traced_.push_back(change.after);
    for (const auto& [word, condition] : each.flags) {
      const std::string flag = hidden(format("f{}_{}", number, change.flags.size()));
      computed.traced.push_back(format("({}) AS {}", condition, identifier(flag)));
      placed.traced.push_back(identifier(flag));
      traced_.push_back(flag);
      change.flags.emplace_back(word, flag);
    }
    changes_.push_back(std::move(change));
  }
  counting_ = over(computed, counting_, true);
  for (std::size_t i = first; i < changes_.size(); ++i) {
    changes_[i].probe =
        format("SELECT count({}) AS n FROM ({})", identifier(changes_[i].after), counting_);
  }
  counting_ = over(placed, counting_, true);
  query_ = over(lean, query_, false);
}

void Rewrite::take_out(const std::string& condition, const std::string& why,
                       const std::string& what) {
  Level level = passed_on();
  const std::string out = level.fixed[1];
  const auto set = [&](std::size_t at, const std::string& value) {
    if (value.empty()) return;
    const std::string name = level.fixed[at];
    level.fixed[at] = format("coalesce({}, CASE WHEN {} IS NULL AND {} THEN {} END) AS {}", name,
                             out, condition, value, name);
  };
  set(1, format("{}", rules_ - 1));
  set(2, why);
  set(3, what);
  select(level);
  removals_.push_back({rules_ - 1, {}, format("SELECT count({}) AS n FROM ({})", out, query_)});
}

void Rewrite::drop_where(const std::string& condition) {
  take_out(condition, {}, {});
}

void Rewrite::reject(const std::string& column, const std::string& reason) {
  take_out(format("({}) IS NOT NULL", reason), reason,
           format("CAST({} AS VARCHAR)", identifier(column)));
  removals_.back().column = column;
}

Status Rewrite::drop_repeats(const std::vector<std::string>& columns, bool keep_last) {
  const std::string row = identifier(hidden("row"));
  const std::string names = identifiers(columns);
  const std::string live = format("FROM ({}) WHERE {} IS NULL", query_, identifier(hidden("out")));
  // Most tables have no repeats, and counting hashes is cheaper than a window. Equal rows have
  // equal hashes; a chance meeting of two hashes only costs the window.
  const auto repeats = session_.query(
      format("SELECT count(*) AS n FROM (SELECT 1 {} GROUP BY hash({}) HAVING count(*) > 1)", live,
             names));
  if (!repeats) {
    failed_rule_ = rules_ - 1;
    blame();
    return std::move(repeats).error();
  }
  if (repeats->integer(0, "n") == 0) {
    take_out("false", {}, {});
    return {};
  }
  const std::string table = temporary_name();
  TRY_STATUS(session_.run(format(
      "CREATE TEMP TABLE {} AS SELECT {} FROM (SELECT {}, row_number() OVER (PARTITION BY {} "
      "ORDER BY {}{}) AS n {}) WHERE n > 1",
      table, row, row, names, row, keep_last ? " DESC" : "", live)));
  temporary_.push_back(table);
  joined_ = true;
  take_out(format("{} IN (SELECT {} FROM temp.{})", row, row, table), {}, {});
  return {};
}

void Rewrite::rename(const std::vector<std::pair<std::string, std::string>>& old_and_new) {
  Level level = passed_on();
  for (std::size_t c = 0; c < visible_.size(); ++c) {
    for (const auto& [before, after] : old_and_new) {
      if (visible_[c].name != before) continue;
      level.visible[c] = format("{} AS {}", identifier(before), identifier(after));
      visible_[c].name = after;
      break;
    }
  }
  select(level);
}

void Rewrite::remove(const std::vector<std::string>& columns) {
  const auto is_removed = [&](const records::Column& column) {
    return std::find(columns.begin(), columns.end(), column.name) != columns.end();
  };
  visible_.erase(std::remove_if(visible_.begin(), visible_.end(), is_removed), visible_.end());
  select(passed_on());
}

Result<std::optional<std::pair<std::int64_t, std::int64_t>>> Rewrite::time_range(
    const std::string& column) {
  const std::string name = identifier(column);
  TRY(const auto rows,
      session_.query(format("SELECT epoch_us(min({0})) AS low, epoch_us(max({0})) AS high FROM "
                            "({1}) WHERE isfinite({0})",
                            name, query_)));
  if (rows.at(0, "low").is_null()) return std::optional<std::pair<std::int64_t, std::int64_t>>{};
  return std::optional(std::pair(rows.integer(0, "low"), rows.integer(0, "high")));
}

std::string Rewrite::kept_query() const {
  std::vector<std::string> names;
  for (const records::Column& column : visible_) names.push_back(column.name);
  std::string query = format("SELECT {} FROM ({})", identifiers(names), query_);
  if (!removals_.empty()) query += format(" WHERE {} IS NULL", identifier(hidden("out")));
  // A join may change the order of rows; nothing else here does.
  if (joined_) query += format(" ORDER BY {}", identifier(hidden("row")));
  return query;
}

std::string Rewrite::aside(const std::vector<std::pair<std::string, std::string>>& more) const {
  std::vector<std::string> items;
  for (const records::Column& column : schema_.columns) {
    items.push_back("came." + identifier(column.name));
  }
  for (const auto& [name, value] : more) {
    items.push_back(format("{} AS {}", value, identifier(free_name(name, schema_))));
  }
  const std::string row = identifier(hidden("row"));
  const std::string out = identifier(hidden("out"));
  return format(
      "SELECT {0} FROM {1} AS came JOIN (SELECT {2}, {3}, {4}, {5} FROM ({6}) WHERE {3} IS NOT "
      "NULL) AS gone ON came.file_row_number = gone.{2} ORDER BY gone.{2}",
      join(items, ", "), parquet(path_, true), row, out, identifier(hidden("why")),
      identifier(hidden("what")), query_);
}

std::string Rewrite::dropped_query(const std::vector<std::string>& words) const {
  std::string word = format("CASE gone.{}", identifier(hidden("out")));
  for (std::size_t rule = 0; rule < words.size(); ++rule) {
    word += format(" WHEN {} THEN {}", rule, literal(words[rule]));
  }
  return aside({{"_rule", word + " END"}, {"_row", "gone." + identifier(hidden("row"))}});
}

std::string Rewrite::rejected_query() const {
  std::string column = format("CASE gone.{}", identifier(hidden("out")));
  for (const Removal& removal : removals_) {
    column += format(" WHEN {} THEN {}", removal.rule, literal(removal.column));
  }
  return aside({{"_column", column + " END"},
                {"_value", "gone." + identifier(hidden("what"))},
                {"_reason", "gone." + identifier(hidden("why"))},
                {"_row", "gone." + identifier(hidden("row"))}});
}

records::TableSchema Rewrite::aside_schema(const std::string& name,
                                           const std::vector<records::Column>& more) const {
  records::TableSchema out = schema_;
  out.name = name;
  // Repeats and faulty keys are what is put aside.
  out.key.clear();
  for (records::Column column : more) {
    column.name = free_name(column.name, schema_);
    out.columns.push_back(std::move(column));
  }
  return out;
}

records::TableSchema Rewrite::dropped_schema(const std::string& name) const {
  return aside_schema(name, {{"_rule", "string", {}, {}}, {"_row", "int64", {}, {}}});
}

records::TableSchema Rewrite::rejected_schema(const std::string& name) const {
  return aside_schema(name, {{"_column", "string", {}, {}},
                             {"_value", "string", {}, {}},
                             {"_reason", "string", {}, {}},
                             {"_row", "int64", {}, {}}});
}

}  // namespace kingpost::sql
