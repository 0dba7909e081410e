// SPDX-License-Identifier: Apache-2.0
// The recipe: look at each source, read it, compare it with the last ingest, look at its age.
#include "steps/01_ingest/ingest.h"

#include <algorithm>

#include "base/digest.h"
#include "base/files.h"
#include "base/text.h"
#include "engines/sql/dialect.h"
#include "steps/01_ingest/drift.h"
#include "steps/01_ingest/reader.h"
#include "steps/01_ingest/source.h"

namespace kingpost::steps::ingest {
namespace {

bool is_source(const Entry& entry) {
  return entry.value.is_map();
}

bool is_name(std::string_view text) {
  constexpr std::string_view kFirst = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_";
  return text.substr(0, 1).find_first_of(kFirst) == 0 &&
         text.find_first_not_of(std::string(kFirst) + "0123456789") == std::string_view::npos;
}

// The section's own `sample` is that of the spine; a source may have one of its own.
double sample_of(const Node& section, const Node& pipeline, const Entry& entry) {
  if (entry.value.has("sample")) return entry.value.number("sample");
  const bool spine = pipeline.at("curate").text_at("spine") == entry.key;
  return spine && section.has("sample") ? section.number("sample") : 1.0;
}

Result<Snapshot> read_source(RunContext& context, Source& source) {
  switch (source.format) {
    case Format::kCsv:
      return read_csv_source(context, source);
    case Format::kNdjson:
      return read_ndjson_source(context, source);
    case Format::kParquet:
      break;
  }
  return read_parquet_source(context, source);
}

// The newest value of the freshness column, and what its age means.
Status look_at_age(RunContext& context, const Source& source, const records::Table& table,
                   Json& report, Outcome& outcome) {
  const Node& freshness = source.node->at("freshness");
  if (!freshness.is_map()) return {};
  const std::string column = freshness.text_at("column");
  TRY(const auto rows,
      context.sql.query(format("SELECT epoch_us(CAST(max({}) AS TIMESTAMP)) AS newest FROM {}",
                               sql::identifier(column), from_table(context, table))));
  if (rows.at(0, "newest").is_null()) {
    outcome.warnings.push_back(
        format("{}: column \"{}\" holds no time, so its age is not known", source.table, column));
    return {};
  }
  const Micros newest = rows.integer(0, "newest");
  const Micros age = context.settings.now - newest;
  report.set("newest", timestamp_text(newest));
  const std::string text =
      format("{}: the newest {} is {}, {} before the clock {}", source.table, column,
             timestamp_text(newest), duration_text(age / 60'000'000 * 60'000'000),
             timestamp_text(context.settings.now));
  if (freshness.has("error_after") && age > freshness.integer("error_after")) {
    outcome.verdict = fail(Code::kDataRejected, "ingest.stale", "{}", text)
                          .at(freshness.at("error_after").mark.place())
                          .hint("fetch newer data, or raise error_after; the clock is vars.now");
  } else if (freshness.has("warn_after") && age > freshness.integer("warn_after")) {
    outcome.warnings.push_back(text);
  } else if (constexpr Micros kDay = 86'400'000'000; age < -kDay) {
    outcome.warnings.push_back(
        format("{}: the newest {} is {}, which is after the clock {}: is its "
               "zone right?",
               source.table, column, timestamp_text(newest), timestamp_text(context.settings.now)));
  }
  return {};
}

// Rejected rows are a warning, and the end when no row is left.
Status note_rejected(RunContext& context, const Source& source, const Snapshot& snapshot,
                     Outcome& outcome) {
  TRY(const auto rows, context.sql.query(format(
                           "SELECT _file, _line, _reason FROM {} ORDER BY file_row_number LIMIT 1",
                           from_table(context, *snapshot.rejected, true))));
  const std::string first = format("{}:{}: {}", rows.text(0, "_file"), rows.integer(0, "_line"),
                                   shown(rows.text(0, "_reason"), 120));
  const std::string see = format("see: kingpost data show {}.rejected", source.table);
  if (snapshot.rejected_rows == snapshot.rows_in) {
    outcome.verdict =
        fail(Code::kDataRejected, "ingest.all_rejected", "all {} rows of \"{}\" were rejected",
             grouped(snapshot.rows_in), source.table)
            .at(source.node->at("path").mark.place())
            .detail(first)
            .hint(see);
    return {};
  }
  outcome.warnings.push_back(format("{}: {} of {} rows were rejected, the first at {}; {}",
                                    source.table, grouped(snapshot.rejected_rows),
                                    grouped(snapshot.rows_in), first, see));
  return {};
}

Result<Json> files_json(const Source& source) {
  Json files = Json::array();
  for (std::size_t i = 0; i < source.files.size(); ++i) {
    TRY(const std::string digest, sha256_of_file(source.files[i]));
    files.push(Json::object().set("name", source.names[i]).set("sha256", digest));
  }
  return files;
}

Status ingest_one(RunContext& context, Source& source, Outcome& outcome, Json& tables) {
  TRY(Snapshot snapshot, read_source(context, source));
  Json report = Json::object();
  TRY(Json files, files_json(source));
  report.set("format", format_word(source.format)).set("files", std::move(files));
  report.set("rows_in", snapshot.rows_in).set("rows", snapshot.table.rows);
  report.set("rejected", snapshot.rejected_rows).set("sampled_out", snapshot.sampled_out);
  Json columns = Json::array();
  for (const PlannedColumn& column : source.columns) {
    columns.push(Json::object()
                     .set("name", column.name)
                     .set("type", column.type)
                     .set("declared", column.declared));
  }
  report.set("columns", std::move(columns));
  for (std::string& warning : snapshot.warnings) outcome.warnings.push_back(std::move(warning));
  if (snapshot.rejected) {
    TRY_STATUS(note_rejected(context, source, snapshot, outcome));
    outcome.beside.put(std::move(*snapshot.rejected));
  }
  TRY_STATUS(look_at_age(context, source, snapshot.table, report, outcome));
  compare_schemas(context.previous, source, snapshot.table.schema, outcome);
  tables.set(source.table, std::move(report));
  outcome.output.put(std::move(snapshot.table));
  return {};
}

// A file whose stamp is as it was is not read again.
Result<std::string> digest_of(store::Journal& journal, const std::string& file) {
  TRY(const FileStamp stamp, stamp_of(file));
  TRY(const auto known, journal.known_digest(file, stamp));
  if (known) return *known;
  TRY(std::string digest, sha256_of_file(file));
  TRY_STATUS(journal.note_digest(file, stamp, digest));
  return digest;
}

}  // namespace

void check(CheckContext& context) {
  bool any = false;
  for (const Entry& entry : context.section.entries) {
    if (!is_source(entry)) continue;
    any = true;
    if (!is_name(entry.key)) {
      context.faults.add(fault_at(entry.key_mark, "ingest.malformed_name",
                                  format("a table cannot be called \"{}\"", shown(entry.key)),
                                  "use letters, digits and underscores, and no digit first"));
    }
    const auto source =
        look_at(entry.key, entry.value, context.settings, context.sql, context.faults);
    if (source) {
      context.catalog.tables.push_back(schema_of(*source));
    } else {
      context.stop = true;
    }
  }
  if (!any) {
    context.faults.add(fail(Code::kInvalidInput, "ingest.no_source", "the file names no source")
                           .at(context.section.mark.place())
                           .hint("ingest: {flights: {path: data/flights.csv}}"));
    context.stop = true;
  }
}

Result<Outcome> run(RunContext& context) {
  Outcome outcome;
  Json tables = Json::object();
  for (const Entry& entry : context.section.entries) {
    if (!is_source(entry)) continue;
    Faults faults;
    auto source = look_at(entry.key, entry.value, context.settings, context.sql, faults);
    if (!faults.empty()) return Error(faults.errors().front());
    source->sample = sample_of(context.section, context.pipeline, entry);
    TRY_STATUS(ingest_one(context, *source, outcome, tables));
  }
  outcome.report.set("tables", std::move(tables));
  std::int64_t rejected = 0;
  for (const records::Table& table : outcome.beside.tables) rejected += table.rows;
  outcome.counts = {{"tables", static_cast<std::int64_t>(outcome.output.tables.size())},
                    {"rows", outcome.output.rows()},
                    {"rejected", rejected}};
  return outcome;
}

Result<Json> key_parts(KeyContext& context) {
  Json sources = Json::object();
  bool freshness = false;
  for (const Entry& entry : context.section.entries) {
    if (!is_source(entry)) continue;
    TRY(const auto files, source_files(entry.value, context.settings));
    Json digests = Json::object();
    for (const std::string& file : files) {
      TRY(std::string digest, digest_of(context.journal, file));
      digests.set(relative_path(file, context.settings.folder), std::move(digest));
    }
    sources.set(entry.key, std::move(digests));
    freshness = freshness || entry.value.has("freshness");
  }
  Json out = Json::object();
  out.set("sources", std::move(sources));
  if (context.section.has("sample")) {
    out.set("sampled", context.pipeline.at("curate").text_at("spine"));
  }
  if (freshness) out.set("now", timestamp_text(context.settings.now_of_key()));
  return out;
}

}  // namespace kingpost::steps::ingest
