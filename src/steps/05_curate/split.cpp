// SPDX-License-Identifier: Apache-2.0
// Splits by chance order the rows by the md5 of their key and the seed, so that the order of the
// rows in the file does not matter where there is a key.
#include "steps/05_curate/split.h"

#include <cmath>

#include "base/clock.h"
#include "base/format.h"
#include "base/text.h"
#include "engines/sql/dialect.h"

namespace kingpost::steps::curate {
namespace {

using sql::identifier;

constexpr std::string_view kRows = "FROM kingpost_rows WHERE _kp_labelled";
constexpr std::string_view kNoFold = "CAST(NULL AS INTEGER) AS _fold";

std::string text_of(const std::vector<std::string>& columns) {
  std::vector<std::string> parts;
  for (const std::string& name : columns) {
    parts.push_back(format("coalesce(CAST({} AS VARCHAR), chr(1))", identifier(name)));
  }
  return columns.empty() ? std::string("CAST(_kp_row AS VARCHAR)")
                         : format("concat_ws(chr(31), {})", join(parts, ", "));
}

std::string hash_of(const std::vector<std::string>& columns, std::int64_t seed) {
  return format("md5({} || {})", sql::literal(format("{}:", seed)), text_of(columns));
}

// Test first, so that another share of validation leaves the test set as it is. The sum is rounded:
// 0.1 + 0.2 is a little more than 0.3 and would take one row too many.
std::string sides(const std::string& place, double test, double validation) {
  const double both = std::round((test + validation) * 1e9) / 1e9;
  return format(
      "CASE WHEN {0} < {1} THEN 'test' WHEN {0} < {2} THEN 'validation' ELSE 'train' END "
      "AS _split",
      place, test, both);
}

// Place of a row among those of its part, from 0 to below 1, in the order of the hash.
std::string ranked(const std::string& hash, const std::string& part) {
  const std::string over = part.empty() ? "" : format("PARTITION BY {} ", part);
  return format(
      "(row_number() OVER ({0}ORDER BY {1}, _kp_row) - 1) / CAST(count(*) OVER ({2}) AS "
      "DOUBLE)",
      over, hash, over);
}

std::string by_time(const Node& split, const records::TableSchema& rows) {
  const std::string column = identifier(split.text_at("column"));
  const std::string type = rows.find(split.text_at("column"))->type;
  const auto moment = [&](std::string_view key) {
    const std::string text = timestamp_text(*parse_timestamp(split.text_at(key)));
    std::string local = format("TIMESTAMP '{}'", text.substr(0, text.size() - 1));
    bool zoned = false;
    parse_timestamp(split.text_at(key), &zoned);
    if (type != "timestamp_utc") return local;
    return format("timezone({}, {})", sql::literal(zoned ? "UTC" : split.text_at("tz")), local);
  };
  const std::string gap = format("to_microseconds({})", split.integer("gap"));
  const std::string from = moment("validation_from");
  const std::string test = moment("test_from");
  return format(
      "SELECT _kp_row, CASE WHEN {0} >= {2} THEN 'test' WHEN {0} >= {1} AND {0} < {2} - {3} THEN "
      "'validation' WHEN {0} < {1} - {3} THEN 'train' END AS _split, {4} {5}",
      column, from, test, gap, kNoFold, kRows);
}

std::string by_rank(const Node& split, const std::vector<std::string>& key,
                    const std::string& part) {
  const std::string place = ranked(hash_of(key, split.integer("seed")), part);
  return format("SELECT _kp_row, {}, {} FROM (SELECT _kp_row, {} AS place {}) AS r",
                sides("place", split.number("test"), split.number("validation")), kNoFold, place,
                kRows);
}

// Groups in the order of their hash; a group goes where its middle row falls.
std::string by_group(const Node& split) {
  const std::string group = text_of(split.texts("by"));
  const std::string hash = hash_of(split.texts("by"), split.integer("seed"));
  const std::string groups = format(
      "SELECT g, (sum(n) OVER (ORDER BY h, g ROWS UNBOUNDED PRECEDING) - n / 2.0) / CAST(sum(n) "
      "OVER "
      "() AS DOUBLE) AS place FROM (SELECT {} AS g, {} AS h, count(*) AS n {} GROUP BY 1, 2) AS c",
      group, hash, kRows);
  return format(
      "SELECT _kp_row, {}, {} FROM (SELECT _kp_row, {} AS g {}) AS r JOIN ({}) AS s USING (g)",
      sides("place", split.number("test"), split.number("validation")), kNoFold, group, kRows,
      groups);
}

std::string by_key_hash(const Node& split, const std::vector<std::string>& by) {
  const std::string place = format("CAST('0x' || substr({}, 1, 8) AS BIGINT) / 4294967296.0",
                                   hash_of(by, split.integer("seed")));
  return format("SELECT _kp_row, {}, {} {}",
                sides(place, split.number("test"), split.number("validation")), kNoFold, kRows);
}

std::string by_fold(const Node& split, const std::vector<std::string>& key) {
  const std::string hash = hash_of(key, split.integer("seed"));
  const std::string place = ranked(hash, "");
  return format(
      "SELECT _kp_row, CASE WHEN place < {0} THEN 'test' ELSE 'train' END AS _split, CASE WHEN "
      "place "
      ">= {0} THEN CAST((rank - 1) % {1} AS INTEGER) END AS _fold FROM (SELECT _kp_row, {2} AS "
      "place, row_number() OVER (ORDER BY {3}, _kp_row) AS rank {4}) AS r",
      split.number("test"), split.integer("folds"), place, hash, kRows);
}

// The default: by chance, and evenly over the classes where there are some.
Node default_split(const Node& section) {
  Node split;
  split.kind = Node::Kind::kMap;
  const auto put = [&](const char* key, Json value) {
    Node node;
    node.kind = Node::Kind::kScalar;
    node.text = value.is_string() ? value.text() : value.dump();
    node.value = std::move(value);
    split.entries.push_back({key, {}, std::move(node)});
  };
  put("type", section.at("target").text_at("type") == "number" ? "random" : "stratified");
  put("validation", 0.15);
  put("test", 0.15);
  put("seed", 13);
  return split;
}

}  // namespace

Split split_of(const Node& section, const std::string& target, const records::TableSchema& rows,
               const std::vector<std::string>& key) {
  const Node fallback = default_split(section);
  const Node& split = section.has("split") ? section.at("split") : fallback;
  const std::string kind = split.text_at("type");
  if (kind == "time") return {kind, by_time(split, rows), {split.text_at("column")}};
  if (kind == "group") return {kind, by_group(split), split.texts("by")};
  if (kind == "key_hash") {
    const std::vector<std::string> by = split.list("by").empty() ? key : split.texts("by");
    return {kind, by_key_hash(split, by), by};
  }
  if (kind == "kfold") return {kind, by_fold(split, key), key};
  if (kind == "stratified") {
    const std::string by = split.has("by") ? split.text_at("by") : target;
    if (by == target) return {kind, by_rank(split, key, "_kp_target"), key};
    std::vector<std::string> columns = key;
    columns.push_back(by);
    return {kind, by_rank(split, key, identifier(by)), std::move(columns)};
  }
  return {kind, by_rank(split, key, ""), key};
}

}  // namespace kingpost::steps::curate
