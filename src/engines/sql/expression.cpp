// SPDX-License-Identifier: Apache-2.0
// Expressions through DuckDB's json_serialize_sql: the tree comes with the position of each token.
#include "engines/sql/expression.h"

#include <algorithm>
#include <array>
#include <map>
#include <mutex>
#include <optional>
#include <set>

#include "base/text.h"
#include "engines/sql/dialect.h"
#include "engines/sql/plain_functions.h"
#include "engines/sql/types.h"

namespace kingpost::sql {
namespace {

constexpr std::string_view kSelect = "SELECT ";
constexpr std::size_t kNowhere = static_cast<std::size_t>(-1);

struct Refusal {
  std::string_view node_class;
  std::string_view what;
  std::string_view hint;
};
constexpr std::array<Refusal, 7> kRefused = {{
    {"SUBQUERY", "a subquery is not allowed here", "join the table in curate instead"},
    {"WINDOW", "a window function is not allowed here", "a row may only look at its own columns"},
    {"STAR", "a star is not allowed here", "name the columns"},
    {"PARAMETER", "a parameter is not allowed here", "write the value, or ${name} of vars"},
    {"LAMBDA", "a lambda is not allowed here", ""},
    {"POSITIONAL_REFERENCE", "a column number is not allowed here", "name the column"},
    {"DEFAULT", "DEFAULT is not allowed here", ""},
}};

struct FunctionFacts {
  bool is_aggregate = false;
  bool is_scalar = false;
  bool is_unstable = false;
};

// What the engine's catalogue says of its functions. It takes as long to look through for one as
// for all, and what it says of one that it has does not change while the process lives.
class Catalogue {
 public:
  std::optional<FunctionFacts> find(Session& session, const std::string& name) {
    if (is_plain_function(name)) return kPlain;
    const std::lock_guard lock(mutex_);
    if (const auto found = known_.find(name); found != known_.end()) return found->second;
    // Functions and macros may have come since.
    const std::string where = has_all_ ? " WHERE function_name=" + literal(name) : std::string();
    if (!add(session, where)) return std::nullopt;
    has_all_ = true;
    const auto found = known_.find(name);
    return found == known_.end() ? FunctionFacts() : found->second;
  }

  void add_plain(std::string_view name) {
    const std::lock_guard lock(mutex_);
    known_.insert_or_assign(std::string(name), kPlain);
  }

 private:
  static constexpr FunctionFacts kPlain{false, true, false};

  bool add(Session& session, const std::string& where) {
    const auto rows = session.query(
        format("SELECT function_name AS name, count(*) FILTER (function_type='aggregate') AS "
               "aggregates, count(*) FILTER (function_type IN ('scalar', 'macro')) AS others, "
               "count(*) FILTER (stability <> 'CONSISTENT') AS unstable FROM duckdb_functions(){} "
               "GROUP BY 1",
               where));
    for (std::size_t r = 0; rows && r < rows->size(); ++r) {
      known_[rows->text(r, "name")] = {rows->integer(r, "aggregates") > 0,
                                       rows->integer(r, "others") > 0,
                                       rows->integer(r, "unstable") > 0};
    }
    return rows.has_value();
  }

  std::mutex mutex_;
  std::map<std::string, FunctionFacts, std::less<>> known_;
  bool has_all_ = false;
};

Catalogue& catalogue() {
  static Catalogue out;
  return out;
}

class Checker {
 public:
  Checker(Session& session, const Node& node, const records::TableSchema& scope,
          std::string_view owner, Faults& faults)
      : session_(session), node_(node), scope_(scope), owner_(owner), faults_(faults) {}

  std::optional<Expression> check(Depth depth) {
    const std::size_t before = faults_.size();
    result_.text = node_.value.is_string() ? node_.value.text() : node_.text;
    const auto tree = parse();
    if (!tree) return std::nullopt;
    walk((*tree));
    if (faults_.size() != before) return std::nullopt;
    if (depth == Depth::kTypes && !find_type()) return std::nullopt;
    return result_;
  }

 private:
  void fault(std::string_view id, std::string what, std::string hint, std::size_t offset,
             std::size_t width = 1) {
    const Place place =
        offset == kNowhere ? node_.mark.place() : node_.mark.place_within(offset, width);
    faults_.add(fault_at(node_.mark, format("{}.{}", owner_, id), std::move(what), std::move(hint))
                    .at(place));
  }

  // Offset of a tree node within the expression.
  static std::size_t offset_of(const Json& tree) {
    const Json& at = tree["query_location"];
    if (!at.is_integer() || at.integer() < static_cast<std::int64_t>(kSelect.size())) {
      return kNowhere;
    }
    return static_cast<std::size_t>(at.integer()) - kSelect.size();
  }

  std::optional<Json> parse() {
    const std::string query = format("SELECT json_serialize_sql({}) AS tree",
                                     literal(std::string(kSelect) + result_.text + "\n"));
    auto rows = session_.query(query);
    if (!rows) {
      fault("expression_unreadable", rows.error().what(), {}, kNowhere);
      return std::nullopt;
    }
    auto json = parse_json(rows->text(0, "tree"));
    if (!json) {
      fault("expression_unreadable", json.error().what(), {}, kNowhere);
      return std::nullopt;
    }
    if ((*json)["error"].boolean()) {
      if ((*json)["error_message"].text().find("Only SELECT") == 0) {
        not_scalar();
        return std::nullopt;
      }
      const auto position = parse_integer((*json)["position"].text()).value_or(0);
      const auto start = static_cast<std::int64_t>(kSelect.size());
      const auto last = static_cast<std::int64_t>(std::max<std::size_t>(result_.text.size(), 1));
      const auto offset = std::clamp<std::int64_t>(position - start, 0, last - 1);
      fault("expression_syntax",
            format("not a SQL expression: {}", (*json)["error_message"].text()), {},
            static_cast<std::size_t>(offset));
      return std::nullopt;
    }
    return single_item(*json);
  }

  void not_scalar() {
    fault("expression_not_scalar", "one expression is wanted, not a query",
          "leave out SELECT, FROM, WHERE, GROUP, ORDER and ;", kNowhere);
  }

  std::optional<Json> single_item(const Json& json) {
    const Json& statements = json["statements"];
    const Json& select = statements.items().empty() ? Json() : statements.items()[0]["node"];
    const auto& items = select["select_list"].items();
    const bool plain = select["from_table"]["type"].text() == "EMPTY" &&
                       select["where_clause"].is_null() && select["modifiers"].items().empty() &&
                       select["having"].is_null() && select["qualify"].is_null() &&
                       select["group_expressions"].items().empty() &&
                       select["cte_map"]["map"].items().empty();
    if (statements.items().size() != 1 || !plain || items.empty()) {
      not_scalar();
      return std::nullopt;
    }
    if (items.size() > 1) {
      fault("expression_not_scalar", "one expression is wanted but a comma separates several",
            "write each under its own key", offset_of(items[1]));
      return std::nullopt;
    }
    const std::string& alias = items[0]["alias"].text();
    if (!alias.empty()) {
      const std::size_t at = result_.text.rfind(alias);
      fault("expression_alias", format("\"{}\" reads as a new name for the result", alias),
            "an interval is written interval '2 hours'; names are given by the key",
            at == std::string::npos ? kNowhere : at, alias.size());
      return std::nullopt;
    }
    return items[0];
  }

  void walk(const Json& tree) {
    if (tree.is_array()) {
      for (const Json& each : tree.items()) walk(each);
    }
    if (!tree.is_object()) return;
    const std::string& kind = tree["class"].text();
    for (const Refusal& refusal : kRefused) {
      if (kind == refusal.node_class) {
        return fault("expression_refused", std::string(refusal.what), std::string(refusal.hint),
                     offset_of(tree));
      }
    }
    if (kind == "COLUMN_REF") return column(tree);
    if (kind == "FUNCTION") function(tree);
    for (const auto& [key, child] : tree.entries()) {
      if (child.is_object() || child.is_array()) walk(child);
    }
  }

  void column(const Json& tree) {
    const auto& parts = tree["column_names"].items();
    const std::string& name = parts.back().text();
    const bool qualified = parts.size() > 1;
    const std::size_t at = offset_of(tree);
    if (qualified && parts.front().text() != scope_.name) {
      return fault("column_missing",
                   format("\"{}\" is not the table at hand, which is \"{}\"", parts.front().text(),
                          scope_.name),
                   "only the columns of this table can be used here", at,
                   parts.front().text().size());
    }
    const records::Column* found = scope_.find(name);
    if (found == nullptr) found = by_any_case(name);
    if (found == nullptr) {
      return fault(
          "column_missing", format("column \"{}\" does not exist in \"{}\"", name, scope_.name),
          did_you_mean(name, scope_.names(), format("columns: {}", listed(scope_.names(), 30))), at,
          name.size());
    }
    result_.known_at = records::merge(result_.known_at, found->known_at);
    auto& used = result_.columns;
    if (std::find(used.begin(), used.end(), found->name) == used.end()) used.push_back(found->name);
  }

  // SQL names do not tell capitals apart.
  const records::Column* by_any_case(const std::string& name) const {
    for (const records::Column& each : scope_.columns) {
      if (lower(each.name) == lower(name)) return &each;
    }
    return nullptr;
  }

  void function(const Json& tree) {
    const std::string& name = tree["function_name"].text();
    if (tree["is_operator"].boolean()) return;
    const auto facts = catalogue().find(session_, lower(name));
    if (!facts) return;
    const std::size_t at = offset_of(tree);
    if (!facts->is_aggregate && !facts->is_scalar) return unknown_function(name, at);
    if (facts->is_aggregate && !facts->is_scalar) {
      return fault(
          "expression_aggregate", format("{} looks at many rows; an expression sees one", name),
          "aggregates belong into a table of their own that curate joins", at, name.size());
    }
    if (facts->is_unstable) {
      fault("expression_unstable", format("{} gives another answer at each run", name),
            "use a column, or a constant of vars such as '${now}'", at, name.size());
    }
  }

  void unknown_function(const std::string& name, std::size_t at) {
    std::vector<std::string> names;
    const auto rows = session_.query(
        "SELECT DISTINCT function_name AS name FROM duckdb_functions() WHERE function_type IN "
        "('scalar', 'macro') ORDER BY 1");
    for (std::size_t r = 0; rows && r < rows->size(); ++r) names.push_back(rows->text(r, "name"));
    fault("expression_invalid", format("there is no function {}", name),
          did_you_mean(name, names, "the functions of DuckDB can be used"), at, name.size());
  }

  bool find_type() {
    const auto rows = session_.query(
        format("DESCRIBE SELECT {} AS value FROM {}", result_.sql(), empty_table(scope_)));
    if (!rows) {
      // The position counts from the start of the statement, one parenthesis before the text.
      const std::int64_t prefix = std::string_view("DESCRIBE SELECT (").size();
      const std::int64_t at = rows.error().place().column - prefix;
      const bool inside = at >= 0 && at < static_cast<std::int64_t>(result_.text.size());
      fault("expression_invalid", std::string(split(rows.error().what(), '\n')[0]), {},
            inside ? static_cast<std::size_t>(at) : kNowhere);
      return false;
    }
    const auto word = type_word(rows->text(0, "column_type"));
    if (!word) {
      fault("expression_invalid",
            format("the result has the type {}, which no column can have",
                   rows->text(0, "column_type")),
            "cast it to a plain type", kNowhere);
      return false;
    }
    result_.type = *word;
    return true;
  }

  Session& session_;
  const Node& node_;
  const records::TableSchema& scope_;
  std::string_view owner_;
  Faults& faults_;
  Expression result_;
};

}  // namespace

std::string empty_table(const records::TableSchema& scope) {
  std::vector<std::string> columns;
  for (const records::Column& column : scope.columns) {
    columns.push_back(format("NULL::{} AS {}", engine_type(column.type), identifier(column.name)));
  }
  const std::string list = columns.empty() ? "NULL AS \"\"" : join(columns, ", ");
  return format("(SELECT {} LIMIT 0) AS {}", list, identifier(scope.name));
}

Status define_macro(Session& session, std::string_view name, std::string_view definition) {
  TRY_STATUS(session.run(format("CREATE OR REPLACE TEMPORARY MACRO {}{}", name, definition)));
  catalogue().add_plain(name);
  return {};
}

std::optional<Expression> check_expression(Session& session, const Node& node,
                                           const records::TableSchema& scope,
                                           std::string_view owner, Faults& faults, Depth depth) {
  return Checker(session, node, scope, owner, faults).check(depth);
}

std::optional<Expression> check_condition(Session& session, const Node& node,
                                          const records::TableSchema& scope, std::string_view owner,
                                          Faults& faults) {
  auto expression = check_expression(session, node, scope, owner, faults);
  if (!expression || expression->type == "boolean") return expression;
  faults.add(fault_at(node.mark, format("{}.condition_not_boolean", owner),
                      format("a condition is wanted but this is of type {}", expression->type),
                      "compare it, e.g. x > 0 or x IS NOT NULL"));
  return std::nullopt;
}

}  // namespace kingpost::sql
