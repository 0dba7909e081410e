// SPDX-License-Identifier: Apache-2.0
// The SQL of the joins.
#include "steps/05_curate/joins.h"

#include <algorithm>

#include "base/text.h"
#include "engines/sql/dialect.h"

namespace kingpost::steps::curate {
namespace {

using sql::identifier;

std::string micros(Micros duration) {
  return format("to_microseconds({})", duration);
}

std::string equal_keys(const Join& join, std::string_view left, std::string_view right) {
  std::vector<std::string> parts;
  for (std::size_t i = 0; i < join.left.size(); ++i) {
    parts.push_back(
        format("{}.{} = {}.{}", left, identifier(join.left[i]), right, identifier(join.right[i])));
  }
  return join.left.empty() ? std::string("true") : kingpost::join(parts, " AND ");
}

// When the values of the columns taken are known.
records::Knowledge knowledge_of(const Join& join, const records::TableSchema& schema) {
  records::Knowledge knowledge;
  for (const std::string& name : join.take) {
    knowledge = records::merge(knowledge, schema.find(name)->known_at);
  }
  return knowledge;
}

// When a right row is known: all columns taken, and the row's own time.
std::string available_at(const Join& join, const records::Knowledge& knowledge) {
  std::vector<std::string> moments;
  if (knowledge.empty()) moments.push_back(identifier(join.asof));
  for (const records::KnownAt& each : knowledge) {
    moments.push_back(format("{} + {}", identifier(each.column), micros(each.after)));
  }
  return moments.size() == 1 ? moments[0] : format("greatest({})", kingpost::join(moments, ", "));
}

// Every right row replaced by the newest event that was known when it became available: then the
// last one available is the newest known, whatever order the rows became known in. Where all wait
// equally long from their own time on, they are in that order already.
std::string newest_known(const RunContext& context, const Join& join, const records::Table& right) {
  const records::Knowledge knowledge = knowledge_of(join, right.schema);
  const std::string keys = sql::identifiers(join.right);
  const std::string partition = join.right.empty() ? "" : "PARTITION BY " + keys + " ";
  std::vector<std::string> not_null = {"_kp_av IS NOT NULL", "_kp_time IS NOT NULL"};
  for (const std::string& key : join.right) not_null.push_back(identifier(key) + " IS NOT NULL");
  const std::string rows =
      format("SELECT file_row_number AS _kp_id, {}{}{} AS _kp_time, {} AS _kp_av FROM {}", keys,
             keys.empty() ? "" : ", ", identifier(join.asof), available_at(join, knowledge),
             from_table(context, right, true));
  const bool in_order = std::all_of(knowledge.begin(), knowledge.end(),
                                    [&](const auto& each) { return each.column == join.asof; });
  if (in_order) {
    return format(
        "SELECT {}{}_kp_av, struct_pack(t := _kp_time, id := _kp_id) AS _kp_best FROM ({}) AS q "
        "WHERE {}",
        keys, keys.empty() ? "" : ", ", rows, kingpost::join(not_null, " AND "));
  }
  const std::string best = format(
      "SELECT {0}{1}_kp_av, max(struct_pack(t := _kp_time, id := _kp_id)) AS _kp_best FROM ({2}) "
      "AS "
      "q WHERE {3} GROUP BY {0}{1}_kp_av",
      keys, keys.empty() ? "" : ", ", rows, kingpost::join(not_null, " AND "));
  return format(
      "SELECT {0}{1}_kp_av, max(_kp_best) OVER ({2}ORDER BY _kp_av ROWS UNBOUNDED "
      "PRECEDING) AS _kp_best FROM ({3}) AS q",
      keys, keys.empty() ? "" : ", ", partition, best);
}

std::string taken(const Join& join) {
  std::string out;
  for (std::size_t i = 0; i < join.take.size(); ++i) {
    out += format(", r.{} AS {}", identifier(join.take[i]), identifier(join.names[i]));
  }
  return out;
}

std::string has_null_key(const Join& join) {
  std::vector<std::string> null = {"false"};
  for (const std::string& name : join.left)
    null.push_back(format("l.{} IS NULL", identifier(name)));
  return kingpost::join(null, " OR ");
}

std::string plain_join(const RunContext& context, const Join& join, std::size_t index,
                       const std::string& left_query, bool with_taken) {
  const records::Table& right = *context.input.find(join.table);
  return format(
      "SELECT l.*, r.file_row_number AS _kp_id_{0}, {1} AS _kp_null_{0}{2} FROM ({3}) AS l LEFT "
      "JOIN {4} AS r ON {5}",
      index, has_null_key(join), with_taken ? taken(join) : "", left_query,
      sql::parquet(context.objects.path_of(right.digest), true), equal_keys(join, "l", "r"));
}

std::string asof_join(const RunContext& context, const Join& join, std::size_t index,
                      const std::string& left_query, bool with_taken) {
  const records::Table& right = *context.input.find(join.table);
  const std::string found = format(
      "SELECT l.*, {} AS _kp_null_{}, p._kp_best AS _kp_best FROM ({}) AS l ASOF LEFT JOIN ({}) "
      "AS p ON {} AND l._kp_predict >= p._kp_av",
      has_null_key(join), index, left_query, newest_known(context, join, right),
      equal_keys(join, "l", "p"));
  std::string id = "_kp_best.id";
  if (join.ttl) {
    id = format("CASE WHEN _kp_best.t >= _kp_predict - {} THEN {} END", micros(*join.ttl), id);
  }
  std::string numbered =
      format("SELECT * EXCLUDE (_kp_best), {} AS _kp_id_{} FROM ({}) AS f", id, index, found);
  if (!with_taken) return numbered;
  return format("SELECT l.*{} FROM ({}) AS l LEFT JOIN {} AS r ON l._kp_id_{} = r.file_row_number",
                taken(join), numbered, sql::parquet(context.objects.path_of(right.digest), true),
                index);
}

}  // namespace

std::vector<Join> joins_of(const Node& section) {
  std::vector<Join> out;
  for (const Node& node : section.list("joins")) {
    Join join;
    join.node = &node;
    join.table = node.text_at("table");
    for (const Entry& entry : node.map("match")) {
      join.left.push_back(entry.key);
      join.right.push_back(entry.value.text);
    }
    join.take = node.texts("take");
    for (const std::string& name : join.take) join.names.push_back(node.text_at("prefix") + name);
    join.asof = node.text_at("asof");
    if (node.has("ttl")) join.ttl = node.integer("ttl");
    out.push_back(std::move(join));
  }
  return out;
}

Status assert_unique(RunContext& context, const Join& join) {
  std::vector<std::string> columns = join.right;
  if (!join.asof.empty()) columns.push_back(join.asof);
  std::vector<std::string> not_null;
  std::vector<std::string> texts;
  for (const std::string& name : columns) {
    not_null.push_back(identifier(name) + " IS NOT NULL");
    texts.push_back(
        format("{} || CAST({} AS VARCHAR)", sql::literal(name + "="), identifier(name)));
  }
  TRY(const auto rows,
      context.sql.query(format(
          "SELECT concat_ws(', ', {}) AS example, n, count(*) OVER () AS groups FROM (SELECT {}, "
          "count(*) AS n FROM {} WHERE {} GROUP BY {} HAVING count(*) > 1) AS d ORDER BY 1 LIMIT 3",
          kingpost::join(texts, ", "), sql::identifiers(columns),
          from_table(context, *context.input.find(join.table)), kingpost::join(not_null, " AND "),
          sql::identifiers(columns))));
  if (rows.size() == 0) return {};
  const bool tie = !join.asof.empty();
  Error error = fail(Code::kDataRejected, tie ? "curate.asof_tie" : "curate.join_not_unique",
                     "table \"{}\" has {} values of ({}) that stand in more than one row",
                     join.table, grouped(rows.integer(0, "groups")), kingpost::join(columns, ", "));
  for (std::size_t r = 0; r < rows.size(); ++r) {
    error = std::move(error).detail(
        format("{}: {} rows", shown(rows.text(r, "example"), 120), rows.integer(r, "n")));
  }
  return std::move(error)
      .at(join.node->mark.place())
      .hint(
          tie ? "which of them was last? remove one in clean: {rule: drop_duplicates, by: columns}"
              : "match on more columns, or remove the duplicates in clean");
}

std::string join_query(const RunContext& context, const Join& join, std::size_t index,
                       const std::string& left_query, bool with_taken) {
  return join.asof.empty() ? plain_join(context, join, index, left_query, with_taken)
                           : asof_join(context, join, index, left_query, with_taken);
}

}  // namespace kingpost::steps::curate
