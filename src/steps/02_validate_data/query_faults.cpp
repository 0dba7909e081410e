// SPDX-License-Identifier: Apache-2.0
// The query of a sql check before it runs: it may read the tables of the pipeline and nothing else,
// because only those are part of the step's cache key.
#include <algorithm>
#include <set>

#include "base/files.h"
#include "base/text.h"
#include "engines/sql/dialect.h"
#include "engines/sql/expression.h"
#include "steps/02_validate_data/faults.h"

namespace kingpost::steps::validate_data {
namespace {

constexpr std::size_t kLargestQuery = 1U << 20U;

class QueryFinder {
 public:
  QueryFinder(CheckContext& context, const Node& at, std::string text)
      : context_(context), at_(at), text_(std::move(text)) {}

  void find() {
    const auto tree = parse();
    if (!tree) return;
    collect_names(*tree);
    const std::size_t before = context_.faults.size();
    walk(*tree);
    if (context_.faults.size() == before) bind();
  }

 private:
  void fault(std::string what, std::string hint = {}) {
    context_.faults.add(
        fault_at(at_.mark, "validate_data.query", std::move(what), std::move(hint)));
  }

  std::optional<Json> parse() {
    const auto rows = context_.sql.query(
        format("SELECT json_serialize_sql({}) AS tree", sql::literal(text_ + "\n")));
    if (!rows) {
      fault(rows.error().what());
      return std::nullopt;
    }
    auto tree = parse_json(rows->text(0, "tree"));
    if (!tree || (*tree)["error"].boolean()) {
      fault(format("not a SQL query: {}",
                   tree ? shown((*tree)["error_message"].text(), 200) : tree.error().what()),
            "one SELECT that returns the failing rows");
      return std::nullopt;
    }
    if ((*tree)["statements"].items().size() != 1) {
      fault("one query is wanted", "write each query as a check of its own");
      return std::nullopt;
    }
    return std::move(tree).value();
  }

  // Names that the query itself gives to its WITH parts.
  void collect_names(const Json& tree) {
    for (const Json& each : tree.items()) collect_names(each);
    for (const auto& [key, child] : tree.entries()) {
      if (key == "cte_map") {
        for (const Json& entry : child["map"].items()) own_.insert(lower(entry["key"].text()));
      }
      collect_names(child);
    }
  }

  void walk(const Json& tree) {
    for (const Json& each : tree.items()) walk(each);
    const std::string& type = tree["type"].text();
    if (type == "BASE_TABLE") table(tree);
    if (type == "TABLE_FUNCTION") table_function(tree["function"]["function_name"].text());
    if (tree["class"].text() == "FUNCTION") function(tree["function_name"].text());
    for (const auto& [key, child] : tree.entries()) walk(child);
  }

  void table(const Json& tree) {
    const std::string& name = tree["table_name"].text();
    if (!tree["schema_name"].text().empty() || !tree["catalog_name"].text().empty()) {
      return fault(format("\"{}\" is no table of this file", shown(name)),
                   "name the tables without a schema");
    }
    if (own_.count(lower(name)) > 0) return;
    for (const std::string& each : context_.catalog.names()) {
      if (lower(each) == lower(name)) return;
    }
    const auto names = context_.catalog.names();
    fault(format("table \"{}\" does not exist", shown(name)),
          did_you_mean(name, names, format("tables: {}", listed(names, 30))));
  }

  void table_function(const std::string& name) {
    static const std::set<std::string> pure = {"unnest", "range", "generate_series"};
    if (pure.count(lower(name)) > 0) return;
    fault(format("{} reads what is no table of this file", shown(name)),
          "bring it in through ingest, then name the table");
  }

  void function(const std::string& name) {
    const auto rows = context_.sql.query(
        format("SELECT count(*) AS n FROM duckdb_functions() WHERE function_name = {} AND "
               "stability <> 'CONSISTENT'",
               sql::literal(lower(name))));
    if (rows && rows->integer(0, "n") > 0) {
      fault(format("{} gives another answer at each run", shown(name)),
            "use a column, or a constant of vars such as '${now}'");
    }
  }

  void bind() {
    std::vector<std::string> parts;
    for (const records::TableSchema& table : context_.catalog.tables) {
      parts.push_back(
          format("{} AS (SELECT * FROM {})", sql::identifier(table.name), sql::empty_table(table)));
    }
    const auto rows = context_.sql.query(
        format("DESCRIBE WITH {} SELECT * FROM (\n{}\n) AS \"_q\"", join(parts, ", "), text_));
    if (!rows) fault(format("the query does not bind: {}", shown(rows.error().what(), 300)));
  }

  CheckContext& context_;
  const Node& at_;
  std::string text_;
  std::set<std::string> own_;
};

}  // namespace

Result<std::string> query_text(const Settings& settings, const Check& check) {
  std::string text = check.node->text_at("query");
  if (check.node->has("file")) {
    TRY(text, read_file(resolve_path(settings.folder, check.node->text_at("file")), kLargestQuery));
  }
  std::string_view inner = trim(text);
  while (!inner.empty() && inner.back() == ';') inner = trim(inner.substr(0, inner.size() - 1));
  return std::string(inner);
}

void find_query_faults(CheckContext& context, const Check& check) {
  const Node& node = *check.node;
  if (node.has("query") == node.has("file")) {
    context.faults.add(fault_at(node.mark, "validate_data.query",
                                "a sql check has either query or file",
                                "write the query under query, or name its file under file"));
    return;
  }
  const Node& at = node.has("file") ? node.at("file") : node.at("query");
  const auto text = query_text(context.settings, check);
  if (!text) {
    context.faults.add(fault_at(at.mark, "validate_data.file_missing",
                                format("the query's file cannot be read: {}", text.error().what()),
                                "the path starts at the folder of the pipeline file"));
    return;
  }
  QueryFinder(context, at, *text).find();
}

}  // namespace kingpost::steps::validate_data
