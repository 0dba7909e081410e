// SPDX-License-Identifier: Apache-2.0
// kingpost data list, show, diff, export, report.
#include <algorithm>
#include <set>

#include "base/files.h"
#include "base/new_file.h"
#include "base/text.h"
#include "cli/cli.h"
#include "cli/load.h"
#include "cli/output.h"
#include "engines/sql/dialect.h"
#include "steps/spare_files.h"

namespace kingpost::cli {
namespace {

std::string parquet_of(const lifecycle::Workspace& workspace, const records::Table& table) {
  return sql::parquet(workspace.objects.path_of(table.digest));
}

// Every cell as text, so that any type prints.
std::string texts_query(const records::Table& table, const std::string& from) {
  std::vector<std::string> cells;
  for (const records::Column& column : table.schema.columns) {
    cells.push_back(format("CAST({0} AS VARCHAR) AS {0}", sql::identifier(column.name)));
  }
  return format("SELECT {} FROM {}", join(cells, ", "), from);
}

void print_rows(const sql::Rows& rows) {
  std::vector<std::vector<std::string>> cells;
  for (const auto& row : rows.rows) {
    std::vector<std::string> line;
    for (const Json& cell : row) line.push_back(cell.is_null() ? "." : shown(cell.text(), 40));
    cells.push_back(std::move(line));
  }
  print(table_text(rows.columns, cells));
}

Json rows_json(const sql::Rows& rows) {
  Json out = Json::array();
  for (const auto& row : rows.rows) {
    Json line = Json::object();
    for (std::size_t c = 0; c < row.size(); ++c) line.set(rows.columns[c], row[c]);
    out.push(std::move(line));
  }
  return out;
}

void print_schema(const records::Table& table) {
  std::vector<std::vector<std::string>> lines;
  for (const records::Column& column : table.schema.columns) {
    const auto& key = table.schema.key;
    const bool in_key = std::find(key.begin(), key.end(), column.name) != key.end();
    lines.push_back({column.name, column.type, in_key ? "key" : "",
                     records::knowledge_text(column.known_at), column.origin});
  }
  print(table_text({"column", "type", "", "known at", "from"}, lines));
}

constexpr int kLastDataStep = 5;

// A file that a step left, as it is.
Status export_file(const lifecycle::Workspace& workspace, const FoundFile& found,
                   const std::string& out) {
  TRY_STATUS(check_place(out));
  TRY(const std::string bytes, workspace.objects.read(found.file.digest));
  TRY_STATUS(write_durably(out, bytes));
  print(format("{}: {} of {} after {}\n", out, human_bytes(found.file.bytes), found.file.name,
               found.step));
  return {};
}

struct Side {
  Found found;
  std::string from;
};

void diff_schemas(const records::TableSchema& a, const records::TableSchema& b) {
  for (const records::Column& column : a.columns) {
    const records::Column* other = b.find(column.name);
    if (other == nullptr) {
      print(format("  column {} ({}) is only in A\n", column.name, column.type));
    } else if (other->type != column.type) {
      print(format("  column {} is {} in A, {} in B\n", column.name, column.type, other->type));
    }
  }
  for (const records::Column& column : b.columns) {
    if (a.find(column.name) == nullptr) {
      print(format("  column {} ({}) is only in B\n", column.name, column.type));
    }
  }
}

Status diff_rows(sql::Session& session, const Side& a, const Side& b,
                 const std::vector<std::string>& columns, std::string_view name, int most) {
  const std::string list = sql::identifiers(columns);
  const std::string query =
      format("(SELECT {0} FROM {1} EXCEPT ALL SELECT {0} FROM {2})", list, a.from, b.from);
  TRY(const auto count, session.query(format("SELECT count(*) AS n FROM {}", query)));
  print(format("  rows only in {}: {}\n", name, grouped(count.integer(0, "n"))));
  if (count.integer(0, "n") == 0) return {};
  std::vector<std::string> cells;
  for (const std::string& column : columns) {
    cells.push_back(format("CAST({0} AS VARCHAR) AS {0}", sql::identifier(column)));
  }
  TRY(const auto rows, session.query(format("SELECT {} FROM {} ORDER BY ALL LIMIT {}",
                                            join(cells, ", "), query, most)));
  print_rows(rows);
  return {};
}

}  // namespace

Status data_list_command(const Arguments& arguments) {
  TRY(const auto pipeline, load(arguments));
  TRY(auto workspace, lifecycle::Workspace::open(pipeline));
  TRY(const auto all, manifests(pipeline, workspace));
  std::vector<std::vector<std::string>> lines;
  Json json = Json::array();
  // The model's steps pass on all that they got: what is listed is what a step made.
  std::set<std::string> passed_on;
  const auto list = [&](const StepManifest& each, const std::string& name,
                        const std::string& digest, std::int64_t bytes,
                        const records::Table* table) {
    const bool old = !passed_on.insert(name + " " + digest).second;
    if (old && each.step->number > kLastDataStep) return;
    lines.push_back(
        {std::string(each.step->word), name, table != nullptr ? grouped(table->rows) : "",
         table != nullptr ? format("{}", table->schema.columns.size()) : "", human_bytes(bytes),
         digest.substr(0, 12), each.current ? "" : "of an earlier file"});
    Json line = Json::object();
    line.set("step", each.step->word).set(table != nullptr ? "table" : "file", name);
    if (table != nullptr) line.set("rows", table->rows);
    line.set("bytes", bytes).set("digest", digest).set("current", each.current);
    json.push(std::move(line));
  };
  for (const StepManifest& each : all) {
    for (const auto* dataset : {&each.manifest.output, &each.manifest.beside}) {
      for (const records::Table& table : dataset->tables) {
        list(each, table.name, table.digest, table.bytes, &table);
      }
      for (const records::File& file : dataset->files) {
        list(each, file.name, file.digest, file.bytes, nullptr);
      }
    }
  }
  if (arguments.json) {
    print(json.pretty());
    return {};
  }
  if (lines.empty()) {
    print("nothing is sealed yet; run the pipeline first: kingpost run\n");
    return {};
  }
  print(table_text({"step", "table", "rows", "columns", "disk", "digest", ""}, lines));
  return {};
}

Status data_show_command(const Arguments& arguments) {
  TRY(const auto pipeline, load(arguments));
  TRY(auto workspace, lifecycle::Workspace::open(pipeline));
  TRY(const auto file, find_file(pipeline, workspace, arguments.words.at(0)));
  if (file && file->file.name.ends_with(".json")) {
    TRY(const std::string bytes, workspace.objects.read(file->file.digest));
    TRY(const Json json, parse_json(bytes));
    print(json.pretty());
    return {};
  }
  TRY(const Found found, find_table(pipeline, workspace, arguments.words.at(0)));
  TRY(const auto session, open_session(pipeline));
  const std::string query = format(
      "{} LIMIT {}", texts_query(found.table, parquet_of(workspace, found.table)), arguments.rows);
  TRY(const auto rows, session->query(query));
  if (arguments.json) {
    Json out = Json::object();
    out.set("step", found.step).set("digest", found.table.digest).set("rows", found.table.rows);
    out.set("schema", records::to_json(found.table.schema)).set("first_rows", rows_json(rows));
    print(out.pretty());
    return {};
  }
  print(format("{} after {}: {}, {}, {}\n\n", found.table.name, found.step,
               counted(found.table.rows, "rows"), human_bytes(found.table.bytes),
               found.table.digest));
  print_schema(found.table);
  print("\n");
  print_rows(rows);
  return {};
}

Status data_diff_command(const Arguments& arguments) {
  TRY(const auto pipeline, load(arguments));
  TRY(auto workspace, lifecycle::Workspace::open(pipeline));
  TRY(const Found first, find_table(pipeline, workspace, arguments.words.at(0)));
  TRY(const Found second, find_table(pipeline, workspace, arguments.words.at(1)));
  const Side a{first, parquet_of(workspace, first.table)};
  const Side b{second, parquet_of(workspace, second.table)};
  print(format("A: {} after {}, {}, {}\n", first.table.name, first.step,
               counted(first.table.rows, "rows"), first.table.digest.substr(0, 12)));
  print(format("B: {} after {}, {}, {}\n", second.table.name, second.step,
               counted(second.table.rows, "rows"), second.table.digest.substr(0, 12)));
  if (first.table.digest == second.table.digest) {
    print("  the same bytes\n");
    return {};
  }
  diff_schemas(first.table.schema, second.table.schema);
  std::vector<std::string> shared;
  for (const std::string& name : first.table.schema.names()) {
    if (second.table.schema.find(name) != nullptr) shared.push_back(name);
  }
  if (shared.empty()) return {};
  TRY(const auto session, open_session(pipeline));
  TRY_STATUS(diff_rows(*session, a, b, shared, "A", arguments.rows));
  return diff_rows(*session, b, a, shared, "B", arguments.rows);
}

Status data_export_command(const Arguments& arguments) {
  TRY(const auto pipeline, load(arguments));
  TRY(auto workspace, lifecycle::Workspace::open(pipeline));
  const std::string& out = arguments.words.at(1);
  TRY_STATUS(steps::spare_files("data.same_file", pipeline.root, pipeline.settings, out));
  TRY(const auto file, find_file(pipeline, workspace, arguments.words.at(0)));
  if (file) return export_file(workspace, *file, out);
  TRY(const Found found, find_table(pipeline, workspace, arguments.words.at(0)));
  std::string form;
  if (out.ends_with(".csv")) form = "FORMAT csv, HEADER true";
  if (out.ends_with(".parquet")) form = "FORMAT parquet";
  if (out.ends_with(".ndjson") || out.ends_with(".jsonl")) form = "FORMAT json";
  if (form.empty()) {
    return fail(Code::kInvalidInput, "data.unknown_format", "cannot tell the format of \"{}\"",
                shown(out))
        .hint("end the name with .csv, .parquet or .ndjson");
  }
  NewFile file_of_rows(out);
  TRY_STATUS(file_of_rows.check());
  TRY(const auto session, open_session(pipeline));
  const auto copied =
      session->run(format("COPY (SELECT * FROM {}) TO {} ({})", parquet_of(workspace, found.table),
                          sql::literal(file_of_rows.temporary()), form));
  if (!copied) return Error(copied.error()).within(format("export to \"{}\"", out));
  TRY_STATUS(file_of_rows.keep());
  print(format("{}: {} of {} after {}\n", out, counted(found.table.rows, "rows"), found.table.name,
               found.step));
  return {};
}

Status data_report_command(const Arguments& arguments) {
  TRY(const auto pipeline, load(arguments));
  TRY(auto workspace, lifecycle::Workspace::open(pipeline));
  const std::string& word = arguments.words.at(0);
  if (lifecycle::find_row(word) == nullptr) {
    return fail(Code::kInvalidInput, "data.unknown_step", "\"{}\" is not a step", shown(word))
        .hint(did_you_mean(word, lifecycle::words()));
  }
  TRY(const auto all, manifests(pipeline, workspace));
  for (const StepManifest& each : all) {
    if (each.step->word != word) continue;
    print(each.manifest.report.pretty());
    return {};
  }
  return fail(Code::kPrecondition, "data.nothing_sealed", "step \"{}\" has left no report yet",
              word)
      .hint("run the pipeline first: kingpost run");
}

}  // namespace kingpost::cli
