// SPDX-License-Identifier: Apache-2.0
// Newline-delimited JSON, line by line, so that each rejected line keeps its number.
#include "steps/01_ingest/ndjson.h"

#include <algorithm>

#include "base/files.h"
#include "base/text.h"
#include "engines/archive/stream.h"
#include "engines/sql/dialect.h"
#include "engines/sql/types.h"
#include "steps/01_ingest/convert.h"
#include "steps/01_ingest/header.h"
#include "steps/01_ingest/reader.h"
#include "steps/01_ingest/transcode.h"
#include "steps/conversion.h"

namespace kingpost::steps::ingest {
namespace {

// The line when it is an object with different keys, else null: whatever is read of it is then null
// too, in whatever order the engine looks at conditions.
constexpr std::string_view kObject =
    "CASE WHEN json_type(TRY_CAST(line AS JSON)) = 'OBJECT' AND len(json_keys(TRY_CAST(line AS "
    "JSON))) = len(list_distinct(json_keys(TRY_CAST(line AS JSON)))) THEN line END AS object";

std::string value_of(const std::string& key) {
  std::string path = replace_all(key, "\\", "\\\\");
  path = replace_all(std::move(path), "\"", "\\\"");
  return format("json_extract_string(object, {})", sql::literal("$.\"" + path + "\""));
}

std::string type_of_kinds(const sql::Rows& rows, std::size_t r) {
  const auto n = rows.integer(r, "n");
  if (n == 0) return "string";
  if (rows.integer(r, "integers") == n) return "int64";
  // A whole number beyond 2^53 would be rounded.
  if (rows.integer(r, "numbers") == n) return rows.integer(r, "v_f") == n ? "float64" : "string";
  if (rows.integer(r, "booleans") == n) return "boolean";
  if (rows.integer(r, "texts") != n) return "string";
  const std::string_view type = inferred_type(
      {n, 0, 0, 0, rows.integer(r, "v_d"), rows.integer(r, "v_t"), rows.integer(r, "v_z")});
  return std::string(type);
}

class NdjsonReading {
 public:
  NdjsonReading(RunContext& context, Source& source) : context_(context), source_(source) {}
  ~NdjsonReading() {
    for (const std::string& path : temporary_) (void)remove_file(path).has_value();
  }
  NdjsonReading(const NdjsonReading&) = delete;
  NdjsonReading& operator=(const NdjsonReading&) = delete;

  Result<Snapshot> read() {
    Snapshot snapshot;
    for (std::size_t i = 0; i < source_.files.size(); ++i) {
      TRY(const std::string path, plain_copy(i, snapshot.rows_in));
      TRY_STATUS(add_keys(path, snapshot));
      const std::string select =
          format("SELECT {} AS source, row_number() OVER () AS number, line, {} FROM {}", i,
                 kObject, sql::read_lines({path}));
      TRY_STATUS(context_.sql.run(i == 0
                                      ? "CREATE OR REPLACE TEMP TABLE kingpost_lines AS " + select
                                      : "INSERT INTO kingpost_lines " + select));
    }
    TRY_STATUS(widen(snapshot));
    TRY_STATUS(write(snapshot));
    TRY_STATUS(context_.sql.run("DROP TABLE kingpost_lines"));
    TRY_STATUS(account(source_, snapshot));
    return snapshot;
  }

 private:
  // Decompressed, in UTF-8, checked; counts the lines that are not blank.
  Result<std::string> plain_copy(std::size_t file, std::int64_t& rows) {
    std::string bytes;
    TRY_STATUS(archive::read_decompressed(source_.files[file], [&](std::string_view chunk) {
      bytes += chunk;
      return true;
    }));
    auto text = to_utf8(bytes, source_.node->text_at("encoding"), Whole::kText);
    if (!text) {
      return std::move(text).error().within(format("read \"{}\"", source_.names[file]));
    }
    const std::string plain = with_plain_line_ends(*text);
    std::int64_t line = 0;
    for (std::size_t from = 0; from < plain.size();) {
      const std::size_t end = std::min(plain.find('\n', from), plain.size());
      const std::string_view each = std::string_view(plain).substr(from, end - from);
      ++line;
      if (!each.empty()) ++rows;
      if (!is_utf8(each)) {
        return fail(Code::kInvalidInput, "ingest.wrong_encoding",
                    "line {} of \"{}\" is not valid UTF-8", line, source_.names[file])
            .hint("declare the encoding that the file has");
      }
      from = end + 1;
    }
    const std::string path = context_.objects.temp_path(".ndjson");
    temporary_.push_back(path);
    TRY_STATUS(write_file(path, plain));
    return path;
  }

  // Keys that first appear behind the first MiB are columns too.
  Status add_keys(const std::string& path, Snapshot& snapshot) {
    TRY(const auto found, ndjson_columns(context_.sql, path));
    for (const PlannedColumn& column : found) {
      if (source_.find(column.name) != nullptr) continue;
      std::vector<std::string> names = schema_of(source_).names();
      names.push_back(column.name);
      if (const auto objection = objection_to_names(names, source_.names.front())) {
        return Error(Code::kInvalidInput, "ingest." + objection->id, objection->what)
            .hint(objection->hint);
      }
      snapshot.warnings.push_back(
          format("{}: key \"{}\" first appears behind the first MiB; taken as {}", source_.table,
                 column.name, column.type));
      source_.columns.push_back(column);
    }
    return {};
  }

  static std::string faulty(const PlannedColumn& column) {
    const std::string value = value_of(column.name);
    return format("({} IS NOT NULL AND {} IS NULL)", value, conversion(column.type, value));
  }

  Status widen(Snapshot& snapshot) {
    for (PlannedColumn& column : source_.columns) {
      while (!column.declared && column.type != "string") {
        TRY(const auto rows,
            context_.sql.query(format("SELECT {} FROM kingpost_lines WHERE object IS NOT NULL",
                                      misfit_counts(value_of(column.name), faulty(column), "c"))));
        const Misfit misfit{rows.integer(0, "c_m"), rows.integer(0, "c_s"), rows.integer(0, "c_l")};
        if (misfit.values == 0) break;
        const std::string wider(widened(column.type, misfit));
        snapshot.warnings.push_back(format(
            "{}: column \"{}\" looked like {} in the first MiB and does not stay so: taken as {}",
            source_.table, column.name, column.type, wider));
        column.type = wider;
      }
    }
    return {};
  }

  std::string any_faulty() const {
    std::vector<std::string> parts = {"false"};
    for (const PlannedColumn& column : source_.columns) {
      if (column.type != "string") parts.push_back(faulty(column));
    }
    return join(parts, " OR ");
  }

  Status write(Snapshot& snapshot) {
    std::vector<std::string> columns = {"source", "number"};
    for (const PlannedColumn& column : source_.columns) {
      columns.push_back(format("{} AS {}", conversion(column.type, value_of(column.name)),
                               sql::identifier(column.name)));
    }
    const std::string fine =
        format("SELECT {} FROM kingpost_lines WHERE object IS NOT NULL AND NOT ({})",
               join(columns, ", "), any_faulty());
    const std::string sampled = sample_condition(source_);
    const std::string kept = sql::identifiers(schema_of(source_).names());
    TRY(snapshot.table,
        write_table(context_, schema_of(source_),
                    format("SELECT {} FROM ({}) AS f WHERE {} ORDER BY source, number", kept, fine,
                           sampled)));
    TRY(const auto out, context_.sql.query(format(
                            "SELECT count(*) AS n FROM ({}) AS f WHERE NOT ({})", fine, sampled)));
    snapshot.sampled_out = out.integer(0, "n");
    return write_rejected(snapshot);
  }

  Status write_rejected(Snapshot& snapshot) {
    std::string column = "CASE";
    std::string value = "CASE";
    std::vector<std::string> reasons;
    for (const PlannedColumn& each : source_.columns) {
      if (each.type == "string") continue;
      const std::string bad = faulty(each);
      column += format(" WHEN {} THEN {}", bad, sql::literal(each.name));
      value += format(" WHEN {} THEN {}", bad, value_of(each.name));
      reasons.push_back(format("CASE WHEN {} THEN {} || {} || {} END", bad,
                               sql::literal(each.name + ": \""), value_of(each.name),
                               sql::literal(format("\" is not {}", each.type))));
    }
    if (column == "CASE") column = value = "CASE WHEN false THEN ''";
    if (reasons.empty()) reasons.emplace_back("NULL");
    std::string file = "CASE source";
    for (std::size_t i = 0; i < source_.names.size(); ++i) {
      file += format(" WHEN {} THEN {}", i, sql::literal(source_.names[i]));
    }
    const std::string query = format(
        "SELECT {} END AS \"_file\", number AS \"_line\", CAST({} END AS VARCHAR) AS \"_column\", "
        "CAST({} END AS VARCHAR) AS \"_value\", CASE WHEN object IS NOT NULL THEN concat_ws('; ', "
        "{}) "
        "WHEN json_type(TRY_CAST(line AS JSON)) = 'OBJECT' THEN 'a key stands twice in the object' "
        "ELSE 'not a JSON object' END AS \"_reason\", line AS \"_text\" FROM kingpost_lines WHERE "
        "line IS NOT NULL AND (object IS NULL OR {}) ORDER BY source, number",
        file, column, value, join(reasons, ", "), any_faulty());
    TRY(records::Table table, write_table(context_, rejected_schema(source_), query));
    snapshot.rejected_rows = table.rows;
    if (table.rows > 0) snapshot.rejected = std::move(table);
    return {};
  }

  RunContext& context_;
  Source& source_;
  std::vector<std::string> temporary_;
};

}  // namespace

Result<std::vector<PlannedColumn>> ndjson_columns(sql::Session& session, const std::string& path) {
  const std::string objects =
      format("SELECT row_number() OVER () AS number, {} FROM {}", kObject, sql::read_lines({path}));
  const std::string keys = format(
      "SELECT number, unnest(json_keys(object)) AS key, generate_subscripts(json_keys(object), 1) "
      "AS "
      "place, object FROM ({}) AS l WHERE object IS NOT NULL",
      objects);
  const std::string kinds = format(
      "SELECT number, key, place, json_type(json_extract(object, '/' || replace(replace(key, '~', "
      "'~0'), '/', '~1'))) AS kind, json_extract_string(object, '/' || replace(replace(key, '~', "
      "'~0'), '/', '~1')) AS value FROM ({}) AS k",
      keys);
  TRY(const auto rows,
      session.query(format(
          "SELECT key, min(number * 100000 + place) AS first, count_if(kind <> 'NULL') AS n, "
          "count_if(kind IN ('BIGINT', 'UBIGINT')) AS integers, count_if(kind IN ('BIGINT', "
          "'UBIGINT', 'DOUBLE')) AS numbers, count_if(kind = 'BOOLEAN') AS booleans, "
          "count_if(kind = 'VARCHAR') AS texts, {} FROM ({}) AS k GROUP BY key ORDER BY first",
          inference("value", "v"), kinds)));
  std::vector<PlannedColumn> out;
  for (std::size_t r = 0; r < rows.size(); ++r) {
    out.push_back({rows.text(r, "key"), type_of_kinds(rows, r), false});
  }
  return out;
}

Result<Snapshot> read_ndjson_source(RunContext& context, Source& source) {
  return NdjsonReading(context, source).read();
}

}  // namespace kingpost::steps::ingest
