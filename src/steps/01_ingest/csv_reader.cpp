// SPDX-License-Identifier: Apache-2.0
// CSV: one straight pass when every field converts, the quickest where the engine's own reader can
// be trusted with the numbers; otherwise one that finds the rows that do not, with their lines.
#include <algorithm>
#include <map>
#include <set>

#include "base/files.h"
#include "base/text.h"
#include "base/utf8.h"
#include "engines/archive/stream.h"
#include "engines/sql/dialect.h"
#include "engines/sql/types.h"
#include "steps/01_ingest/convert.h"
#include "steps/01_ingest/csv_fields.h"
#include "steps/01_ingest/reader.h"
#include "steps/01_ingest/transcode.h"
#include "steps/conversion.h"

namespace kingpost::steps::ingest {
namespace {

constexpr std::string_view kRejects = "kingpost_rejects";

// A record that the engine could not read as fields.
struct Broken {
  std::int64_t number = 0;
  std::string column;
  std::string reason;
  std::string text;
  std::int64_t line = 0;
};

class CsvReading {
 public:
  CsvReading(RunContext& context, Source& source) : context_(context), source_(source) {}
  ~CsvReading() {
    for (const std::string& path : temporary_) (void)remove_file(path).has_value();
  }
  CsvReading(const CsvReading&) = delete;
  CsvReading& operator=(const CsvReading&) = delete;

  Result<Snapshot> read() {
    TRY_STATUS(prepare());
    Snapshot snapshot;
    snapshot.rows_in = rows_in_;
    while (true) {
      TRY(Next next, read_quick(snapshot));
      if (next == Next::kAsText) {
        TRY(next, read_straight(snapshot));
      }
      if (next == Next::kDone) break;
      TRY(const bool settled, read_with_rejects(snapshot));
      if (settled) break;
      snapshot.warnings = notes_;
    }
    snapshot.warnings = notes_;
    TRY_STATUS(account(source_, snapshot));
    return snapshot;
  }

 private:
  // What is left to do after a pass; it has kept nothing unless all is done.
  enum class Next { kDone, kAsText, kRejecting };

  Status prepare() {
    for (std::size_t i = 0; i < source_.files.size(); ++i) TRY_STATUS(prepare_file(i));
    note_header();
    return {};
  }

  // Scans a file, and makes a plain copy of one that the engine cannot read as it is.
  Status prepare_file(std::size_t file) {
    const std::string encoding = source_.node->text_at("encoding");
    paths_.push_back(source_.files[file]);
    if (encoding != "utf-8") TRY_STATUS(copy_plain(file, encoding));
    CsvScan scan(source_.form);
    TRY_STATUS(scan_file(paths_[file], scan));
    if (scan.mixed_line_ends() || scan.lone_cr()) {
      notes_.push_back(format("{}: lines end {}; all were read", source_.names[file],
                              scan.mixed_line_ends() ? "in different ways" : "in a lone CR"));
      // A copy is in UTF-8 already.
      TRY_STATUS(copy_plain(file, "utf-8"));
      scan = CsvScan(source_.form);
      TRY_STATUS(scan_file(paths_[file], scan));
    }
    if (scan.open_quote()) {
      notes_.push_back(format("{}: a quote is opened and never closed", source_.names[file]));
    }
    rows_in_ += scan.records();
    for (std::size_t i = 0; i < source_.columns.size(); ++i) {
      if (scan.has_marked(i)) marked_.insert(i);
    }
    return {};
  }

  // A file without a header would lose its first row.
  void note_header() {
    for (const PlannedColumn& column : source_.columns) {
      if (!parse_number(trim(column.name))) continue;
      notes_.push_back(
          format("{}: the first line is taken as the names of the columns, and \"{}\" "
                 "is a number: has the file no header?",
                 source_.names.front(), shown(column.name)));
      return;
    }
  }

  static Status scan_file(const std::string& path, CsvScan& scan) {
    bool first = true;
    TRY_STATUS(archive::read_decompressed(path, [&](std::string_view bytes) {
      if (first) bytes = without_bom(bytes);
      first = false;
      scan.add(bytes);
      return true;
    }));
    scan.finish();
    return {};
  }

  Status copy_plain(std::size_t file, const std::string& encoding) {
    std::string bytes;
    TRY_STATUS(archive::read_decompressed(paths_[file], [&](std::string_view chunk) {
      bytes += chunk;
      return true;
    }));
    auto text = to_utf8(bytes, encoding, Whole::kText);
    if (!text) {
      return std::move(text)
          .error()
          .at(source_.node->at("path").mark.place())
          .within(format("read \"{}\"", source_.names[file]));
    }
    const std::string path = context_.objects.temp_path(".csv");
    temporary_.push_back(path);
    TRY_STATUS(write_file(path, with_plain_line_ends(*text)));
    paths_[file] = path;
    return {};
  }

  std::string reader(const std::vector<std::string>& paths,
                     std::vector<std::string> types = {}) const {
    std::vector<std::string> names;
    for (const PlannedColumn& column : source_.columns) names.push_back(column.name);
    return sql::read_csv({.paths = paths,
                          .columns = std::move(names),
                          .delimiter = source_.form.delimiter,
                          .quote = source_.form.quote,
                          .nulls = source_.nulls,
                          .rejects = std::string(kRejects),
                          .types = std::move(types)});
  }

  // Typed columns, each failing the query when a value does not convert.
  std::string strict_columns() const {
    std::vector<std::string> out;
    for (const PlannedColumn& column : source_.columns) out.push_back(strict_column(column));
    return join(out, ", ");
  }

  // The quickest way. The key of a sample is text, so a sample goes another.
  Result<Next> read_quick(Snapshot& snapshot) {
    TypedFields fields = typed_fields(source_, marked_);
    if (!fields.any || source_.sample < 1) return Next::kAsText;
    auto table = write_table(context_, schema_of(source_),
                             format("SELECT {} FROM {}", join(fields.columns, ", "),
                                    reader(paths_, std::move(fields.types))));
    if (!table) {
      if (table.error().id() != "engine.query_failed") return std::move(table).error();
      // What does not convert here would not as text.
      const bool infinite = table.error().what().find(kInfinite) != std::string::npos;
      return infinite ? Next::kAsText : Next::kRejecting;
    }
    if (table->rows != rows_in_) return Next::kAsText;
    snapshot.table = std::move(*table);
    return Next::kDone;
  }

  Status forget_rejects() {
    TRY_STATUS(context_.sql.run(format("DROP TABLE IF EXISTS {}_errors", kRejects)));
    return context_.sql.run(format("DROP TABLE IF EXISTS {}_scans", kRejects));
  }

  // A sample is taken before any value is converted, in the order of the file.
  Result<Next> read_straight(Snapshot& snapshot) {
    TRY_STATUS(forget_rejects());
    const bool sampled = source_.sample < 1;
    const std::string numbered = format(
        "(SELECT row_number() OVER () AS \"_kp_ordinal\", * FROM {}) AS t WHERE {} ORDER BY "
        "\"_kp_ordinal\"",
        reader(paths_), sample_condition(source_));
    const std::string query =
        format("SELECT {} FROM {}", strict_columns(), sampled ? numbered : reader(paths_));
    auto table = write_table(context_, schema_of(source_), query);
    if (!table) {
      if (table.error().what().find(kUnconverted) != std::string::npos) return Next::kRejecting;
      return explained(std::move(table).error());
    }
    TRY(const auto broken, broken_records());
    if (!broken.empty()) return Next::kRejecting;
    if (sampled) snapshot.sampled_out = rows_in_ - table->rows;
    if (table->rows + snapshot.sampled_out != rows_in_) return Next::kRejecting;
    snapshot.table = std::move(*table);
    return Next::kDone;
  }

  Error explained(Error error) const {
    if (error.id() != "engine.query_failed") return error;
    return fail(Code::kInvalidInput, "ingest.source_unreadable", "\"{}\" cannot be read as CSV: {}",
                source_.names.front(), shown(split(error.what(), '\n')[0], 300))
        .hint("check delimiter, quote and encoding");
  }

  // All fields as text with the ordinal of their record, file by file; `fine` says whether a row
  // converts.
  Status load_texts() {
    TRY_STATUS(context_.sql.run("DROP TABLE IF EXISTS kingpost_texts"));
    broken_.clear();
    for (std::size_t i = 0; i < paths_.size(); ++i) {
      TRY_STATUS(forget_rejects());
      const std::string select = format(
          "SELECT * FROM (SELECT {} AS \"_kp_source\", row_number() OVER () - 1 AS "
          "\"_kp_ordinal\", * FROM {}) AS t WHERE {}",
          i, reader({paths_[i]}), sample_condition(source_));
      const auto loaded = context_.sql.run(i == 0 ? "CREATE TEMP TABLE kingpost_texts AS " + select
                                                  : "INSERT INTO kingpost_texts " + select);
      if (!loaded) return explained(Error(loaded.error()));
      TRY(broken_[i], broken_records());
    }
    return {};
  }

  Result<std::vector<Broken>> broken_records() {
    TRY(const auto rows, context_.sql.query(format(
                             "SELECT line, column_name, CAST(error_type AS VARCHAR) AS kind, "
                             "csv_line, error_message FROM {}_errors ORDER BY line, column_idx",
                             kRejects)));
    std::vector<Broken> out;
    for (std::size_t r = 0; r < rows.size(); ++r) {
      const std::int64_t number = rows.integer(r, "line");
      if (!out.empty() && out.back().number == number) continue;
      out.push_back({number, rows.text(r, "column_name"),
                     reason_of(rows.text(r, "kind"), rows.text(r, "error_message")),
                     std::string(trim(rows.text(r, "csv_line"))), 0});
    }
    return out;
  }

  static std::string reason_of(const std::string& kind, const std::string& message) {
    if (kind == "MISSING COLUMNS" || kind == "TOO MANY COLUMNS") {
      std::string text = lower(message);
      text = replace_all(std::move(text), "expected number of columns: ", "expected ");
      return replace_all(std::move(text), " found: ", " fields but found ");
    }
    if (kind == "UNQUOTED VALUE") return "a quoted field does not end where the field ends";
    if (kind == "INVALID ENCODING") return "not valid UTF-8; if this is no accident, set encoding";
    if (kind == "LINE SIZE OVER MAXIMUM") return "the line is longer than 2 MB";
    return lower(message);
  }

  std::string faulty(const PlannedColumn& column) const {
    const std::string name = sql::identifier(column.name);
    return format("({} IS NOT NULL AND {} IS NULL)", name, conversion(column.type, name));
  }

  std::string any_faulty() const {
    std::vector<std::string> parts = {"false"};
    for (const PlannedColumn& column : source_.columns) {
      if (column.type != "string") parts.push_back(faulty(column));
    }
    return join(parts, " OR ");
  }

  // A column whose type was told from the first MiB and does not hold takes a wider type. True when
  // one did, so that the source is read again.
  Result<bool> widen() {
    // The engine's time grows with the square of the number of aggregates.
    constexpr std::size_t kTogether = 40;
    bool any = false;
    for (std::size_t from = 0; from < source_.columns.size(); from += kTogether) {
      TRY(const bool some, widen(from, std::min(from + kTogether, source_.columns.size())));
      any = any || some;
    }
    return any;
  }

  Result<bool> widen(std::size_t from, std::size_t to) {
    std::vector<std::string> counts;
    for (std::size_t i = from; i < to; ++i) {
      const PlannedColumn& column = source_.columns[i];
      if (column.declared || column.type == "string") continue;
      const std::string name = sql::identifier(column.name);
      const std::string bad = faulty(column);
      counts.push_back(misfit_counts(name, bad, format("c{}", i)));
      counts.push_back(format("min(CASE WHEN {} THEN {} END) AS c{}_v", bad, name, i));
    }
    if (counts.empty()) return false;
    TRY(const auto rows,
        context_.sql.query(format("SELECT {} FROM kingpost_texts", join(counts, ", "))));
    bool any = false;
    for (std::size_t i = from; i < to; ++i) {
      PlannedColumn& column = source_.columns[i];
      const auto number = [&](std::string_view key) {
        return rows.integer(0, format("c{}_{}", i, key));
      };
      const Misfit misfit{number("m"), number("s"), number("l")};
      if (misfit.values == 0) continue;
      const std::string wider(widened(column.type, misfit));
      notes_.push_back(format(
          "{}: column \"{}\" looked like {} in the first MiB but holds \"{}\": taken as {}; "
          "declare its type, or add that text to nulls",
          source_.table, column.name, column.type, shown(rows.text(0, format("c{}_v", i))), wider));
      column.type = wider;
      any = true;
    }
    return any;
  }

  Result<bool> read_with_rejects(Snapshot& snapshot) {
    TRY_STATUS(load_texts());
    TRY(const bool wider, widen());
    if (wider) {
      TRY_STATUS(context_.sql.run("DROP TABLE kingpost_texts"));
      return false;
    }
    TRY_STATUS(place_broken());
    TRY_STATUS(write_fine(snapshot));
    TRY_STATUS(write_rejected(snapshot));
    TRY_STATUS(context_.sql.run("DROP TABLE kingpost_texts"));
    return true;
  }

  Status write_fine(Snapshot& snapshot) {
    std::vector<std::string> columns;
    for (const PlannedColumn& column : source_.columns) {
      const std::string name = sql::identifier(column.name);
      columns.push_back(format("{} AS {}", conversion(column.type, name), name));
    }
    TRY(snapshot.table,
        write_table(context_, schema_of(source_),
                    format("SELECT {} FROM kingpost_texts WHERE NOT ({}) ORDER BY \"_kp_source\", "
                           "\"_kp_ordinal\"",
                           join(columns, ", "), any_faulty())));
    if (source_.sample >= 1) return {};
    TRY(const auto kept, context_.sql.query("SELECT count(*) AS n FROM kingpost_texts"));
    snapshot.sampled_out = rows_in_ - kept.integer(0, "n");
    for (const auto& [file, records] : broken_) {
      snapshot.sampled_out -= static_cast<std::int64_t>(records.size());
    }
    return {};
  }

  // Lines of the broken records and of the rows that do not convert, by one more scan per file.
  Status place_broken() {
    TRY_STATUS(
        context_.sql.run("CREATE OR REPLACE TEMP TABLE kingpost_lines (\"_kp_source\" BIGINT, "
                         "\"_kp_ordinal\" BIGINT, "
                         "\"_kp_line\" BIGINT)"));
    for (std::size_t i = 0; i < paths_.size(); ++i) {
      TRY(const auto rows,
          context_.sql.query(format("SELECT \"_kp_ordinal\" AS n FROM kingpost_texts WHERE "
                                    "\"_kp_source\"={} AND ({}) ORDER BY 1",
                                    i, any_faulty())));
      std::vector<std::int64_t> ordinals;
      for (std::size_t r = 0; r < rows.size(); ++r) ordinals.push_back(rows.integer(r, "n"));
      std::set<std::int64_t> numbers;
      for (const Broken& each : broken_[i]) numbers.insert(each.number);
      CsvScan scan(source_.form);
      scan.want_lines(ordinals, numbers);
      TRY_STATUS(scan_file(paths_[i], scan));
      const auto& lines = scan.skipped_lines();
      for (std::size_t b = 0; b < broken_[i].size(); ++b) {
        broken_[i][b].line = b < lines.size() ? lines[b] : broken_[i][b].number;
      }
      TRY_STATUS(note_lines(i, ordinals, scan.wanted_lines()));
    }
    return {};
  }

  Status note_lines(std::size_t file, const std::vector<std::int64_t>& ordinals,
                    const std::vector<std::int64_t>& lines) {
    constexpr std::size_t kBatch = 10'000;
    for (std::size_t from = 0; from < ordinals.size(); from += kBatch) {
      std::string values;
      for (std::size_t k = from; k < std::min(from + kBatch, ordinals.size()); ++k) {
        values += format("{}({}, {}, {})", k == from ? "" : ", ", file, ordinals[k], lines[k]);
      }
      TRY_STATUS(context_.sql.run("INSERT INTO kingpost_lines VALUES " + values));
    }
    return {};
  }

  std::string file_name(const std::string& source) const {
    std::string out = "CASE " + source;
    for (std::size_t i = 0; i < source_.names.size(); ++i) {
      out += format(" WHEN {} THEN {}", i, sql::literal(source_.names[i]));
    }
    return out + " END";
  }

  // The rows that do not convert: the first such column, and all of them in the reason.
  std::string unconverted_query() const {
    std::string column = "CASE";
    std::string value = "CASE";
    std::vector<std::string> reasons;
    std::vector<std::string> texts;
    for (const PlannedColumn& each : source_.columns) {
      const std::string name = sql::identifier(each.name);
      texts.push_back(format("coalesce({}, '')", name));
      if (each.type == "string") continue;
      const std::string bad = faulty(each);
      column += format(" WHEN {} THEN {}", bad, sql::literal(each.name));
      value += format(" WHEN {} THEN {}", bad, name);
      reasons.push_back(format("CASE WHEN {} THEN {} || {} || {} END", bad,
                               sql::literal(each.name + ": \""), name,
                               sql::literal(format("\" is not {}", each.type))));
    }
    if (reasons.empty()) reasons.emplace_back("NULL");
    if (column == "CASE") column = value = "CASE WHEN false THEN ''";
    return format(
        "SELECT t.\"_kp_source\", l.\"_kp_line\" AS \"_line\", {} END AS \"_column\", {} END AS "
        "\"_value\", "
        "concat_ws('; ', {}) AS \"_reason\", concat_ws({}, {}) AS \"_text\" FROM kingpost_texts t "
        "JOIN kingpost_lines l ON t.\"_kp_source\"=l.\"_kp_source\" AND "
        "t.\"_kp_ordinal\"=l.\"_kp_ordinal\"",
        column, value, join(reasons, ", "), sql::literal(std::string(1, source_.form.delimiter)),
        join(texts, ", "));
  }

  std::string broken_query() const {
    std::string values;
    for (const auto& [file, records] : broken_) {
      for (const Broken& each : records) {
        values += format("{}({}, {}, {}, {}, {}, {})", values.empty() ? "" : ", ", file, each.line,
                         each.column.empty() ? "NULL" : sql::literal(each.column), "NULL",
                         sql::literal(each.reason), sql::literal(each.text));
      }
    }
    return values.empty() ? std::string()
                          : format(" UNION ALL SELECT * FROM (VALUES {}) AS b", values);
  }

  Status write_rejected(Snapshot& snapshot) {
    const std::string query = format(
        "SELECT {} AS \"_file\", \"_line\", \"_column\", CAST(\"_value\" AS VARCHAR) AS "
        "\"_value\", "
        "\"_reason\", \"_text\" FROM ({}{}) AS r ORDER BY \"_kp_source\", \"_line\", \"_column\"",
        file_name("\"_kp_source\""), unconverted_query(), broken_query());
    TRY(records::Table table, write_table(context_, rejected_schema(source_), query));
    snapshot.rejected_rows = table.rows;
    if (table.rows > 0) snapshot.rejected = std::move(table);
    return {};
  }

  RunContext& context_;
  Source& source_;
  std::vector<std::string> paths_;
  std::vector<std::string> temporary_;
  std::vector<std::string> notes_;
  std::map<std::size_t, std::vector<Broken>> broken_;
  // Columns with a character that no plain integer has.
  std::set<std::size_t> marked_;
  std::int64_t rows_in_ = 0;
};

}  // namespace

Result<Snapshot> read_csv_source(RunContext& context, Source& source) {
  return CsvReading(context, source).read();
}

}  // namespace kingpost::steps::ingest
