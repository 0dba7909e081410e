// SPDX-License-Identifier: Apache-2.0
// Parquet through the engine. The types of a file's columns are looked at once, before any row.
#include <algorithm>

#include "base/files.h"
#include "base/text.h"
#include "engines/sql/dialect.h"
#include "engines/sql/types.h"
#include "records/schema.h"
#include "steps/20_infer/cells.h"
#include "steps/20_infer/rows.h"
#include "steps/conversion.h"

namespace kingpost::steps::infer {
namespace {

constexpr std::string_view kFault = "_kp_fault";
constexpr std::string_view kRow = "_kp_row";

struct FileColumn {
  std::string name;
  /// The engine's word, and ours: "" for a nested one.
  std::string engine;
  std::string type;
};

// How a column of the file becomes an input.
struct Reading {
  std::string value;
  /// SQL condition for values that cannot be taken; empty where all can.
  std::string fault{};
  std::string reason{};
};

bool is_timestamp(std::string_view type) {
  return starts_with(type, "timestamp");
}

class ParquetSource final : public Source {
 public:
  explicit ParquetSource(const SourceRequest& request)
      : signature_(*request.signature), path_(request.path), in_place_(request.in_place) {}

  Status open(const SourceRequest& request) {
    TRY_STATUS(stamp_of(path_));
    TRY_STATUS(make_folders(request.engine.temp_folder));
    TRY(session_, sql::Session::open(request.engine));
    TRY(const auto columns, columns_of_file());
    std::vector<std::string> names;
    for (const FileColumn& each : columns) names.push_back(each.name);
    TRY(wanted_, find_columns(names, request));
    std::vector<std::string> select;
    std::vector<Error> objections;
    for (std::size_t i = 0; i < wanted_.inputs.size(); ++i) {
      const records::Column& input = signature_.inputs[i];
      auto reading = reading_of(columns[wanted_.inputs[i]], input);
      if (!reading) {
        objections.push_back(std::move(reading).error());
        continue;
      }
      select.push_back(format("{} AS {}", reading->value, sql::identifier(input.name)));
      readings_.push_back(std::move(reading).value());
    }
    if (!objections.empty()) return all_of(std::move(objections));
    TRY_STATUS(select_kept(columns, select));
    select_faults(columns, select);
    // Last, and there even where the model reads no column at all.
    select.push_back(format("file_row_number AS {}", kRow));
    query_ = format("SELECT {} FROM {}", join(select, ", "), sql::parquet(path_, true));
    return {};
  }

  const std::vector<KeptColumn>& kept() const override { return wanted_.kept; }
  const std::vector<std::string>& notes() const override { return wanted_.notes; }
  std::int64_t first_line() const override { return 0; }

  Status each(const std::function<Status(Block)>& take) override {
    return session_->stream(query_, [&](records::Batch& batch) { return take(std::move(batch)); });
  }

  Result<Rows> read(Block& block) const override {
    Rows rows;
    rows.batch = std::move(std::get<records::Batch>(block));
    rows.read = rows.batch.rows;
    auto& columns = rows.batch.columns;
    columns.pop_back();
    std::vector<std::string> faults;
    if (has_faults_) {
      faults = std::move(columns.back().texts);
      columns.pop_back();
    }
    const auto inputs = static_cast<std::ptrdiff_t>(readings_.size());
    std::move(columns.begin() + inputs, columns.end(), std::back_inserter(rows.kept));
    columns.erase(columns.begin() + inputs, columns.end());
    for (std::size_t r = 0; r < faults.size(); ++r) {
      if (!faults[r].empty()) rows.rejects.push_back(reject_of(r, faults[r]));
    }
    if (!in_place_ && !rows.rejects.empty()) drop(rows);
    return rows;
  }

 private:
  Result<std::vector<FileColumn>> columns_of_file() {
    auto rows = session_->query("DESCRIBE SELECT * FROM " + sql::parquet(path_));
    if (!rows) {
      if (rows.error().id() != "engine.query_failed") return std::move(rows).error();
      return fail(Code::kInvalidInput, "infer.file_unreadable", "\"{}\" cannot be read: {}", path_,
                  shown(rows.error().what(), 200))
          .hint("is it Parquet, and whole?");
    }
    std::vector<FileColumn> out;
    for (std::size_t r = 0; r < rows->size(); ++r) {
      const std::string& engine = rows->text(r, "column_type");
      out.push_back({rows->text(r, "column_name"), engine, sql::type_word(engine).value_or("")});
    }
    return out;
  }

  static Error all_of(std::vector<Error> objections) {
    Error first = std::move(objections.front());
    for (std::size_t i = 1; i < objections.size(); ++i) {
      first = std::move(first).detail("and " + objections[i].what());
    }
    return first;
  }

  Result<Reading> reading_of(const FileColumn& column, const records::Column& input) const {
    const std::string name = sql::identifier(column.name);
    const std::string& from = column.type;
    const std::string& to = input.type;
    const bool numbers = records::is_numeric(from) && records::is_numeric(to);
    if (from == to && to == "string") {
      return Reading{column.engine == "VARCHAR" ? name : format("CAST({} AS VARCHAR)", name)};
    }
    if (numbers) return number_reading(column, name, to);
    if (from == to || (is_timestamp(to) && (from == "timestamp" || from == "date"))) {
      return Reading{format("CAST({} AS {})", name, sql::engine_type(to))};
    }
    if (signature_.strict || from.empty()) {
      return fail(Code::kInvalidInput, "infer.column_type",
                  "column \"{}\" is {}, and the model was trained on {}", shown(column.name),
                  from.empty() ? column.engine : from, to)
          .hint("cast it before, or package the model with `signature: loose`");
    }
    if (to == "string") return Reading{format("CAST({} AS VARCHAR)", name)};
    const std::string text = format("nullif(CAST({} AS VARCHAR), '')", name);
    const std::string value = conversion(to, text);
    return Reading{value, format("({}) IS NOT NULL AND ({}) IS NULL", text, value),
                   not_of_type(to)};
  }

  static Result<Reading> number_reading(const FileColumn& column, const std::string& name,
                                        const std::string& to) {
    const std::string& from = column.type;
    Reading out;
    if (records::is_integer(to)) {
      // A whole number beyond 2^53 would be rounded; a fraction is no whole number.
      const bool small = from == "int8" || from == "int16" || from == "int32";
      out.value = format("CAST({} AS DOUBLE)", name);
      if (small && from == to) return out;
      const bool fractions = from == "float32" || from == "float64";
      std::string bad =
          format("TRY_CAST({0} AS {1}) IS DISTINCT FROM {0}", name, sql::engine_type(to));
      if (!small) bad += format(" OR abs(CAST({} AS DOUBLE)) > 9007199254740992", name);
      out.fault = format("{} IS NOT NULL AND {}({})", name,
                         fractions ? format("NOT isnan({}) AND ", name) : std::string(), bad);
      out.reason = not_of_type(to);
      if (from == "int64" && to == "int64") out.reason = kInexact;
      return out;
    }
    const bool single = to == "float32" && from != "float32";
    out.value = format("CAST({}{} AS DOUBLE)", single ? format("CAST({} AS FLOAT)", name) : name,
                       std::string());
    return out;
  }

  Status select_kept(const std::vector<FileColumn>& columns, std::vector<std::string>& select) {
    if (in_place_) return {};
    for (std::size_t k = 0; k < wanted_.kept.size(); ++k) {
      KeptColumn& kept = wanted_.kept[k];
      const FileColumn& column = columns[wanted_.kept_at[k]];
      const std::string name = sql::identifier(column.name);
      kept.type = column.type.empty() ? "string" : column.type;
      const std::string& type = kept.type;
      kept.as_text = type == "string" || type == "int64" || type == "decimal" || type == "time" ||
                     type == "float32";
      select.push_back(
          format("{} AS _kp_keep{}", kept.as_text ? format("CAST({} AS VARCHAR)", name) : name, k));
    }
    return {};
  }

  // One column says which input is at fault, and what it holds: "3 1.5".
  void select_faults(const std::vector<FileColumn>& columns, std::vector<std::string>& select) {
    std::string cases;
    for (std::size_t i = 0; i < readings_.size(); ++i) {
      if (readings_[i].fault.empty()) continue;
      cases += format(" WHEN {} THEN '{} ' || CAST({} AS VARCHAR)", readings_[i].fault, i,
                      sql::identifier(columns[wanted_.inputs[i]].name));
    }
    has_faults_ = !cases.empty();
    if (has_faults_) select.push_back(format("CASE{} END AS {}", cases, kFault));
  }

  Reject reject_of(std::size_t row, const std::string& fault) const {
    const std::size_t blank = fault.find(' ');
    const auto input = static_cast<std::size_t>(parse_integer(fault.substr(0, blank)).value_or(0));
    Reject out;
    out.row = static_cast<std::int64_t>(row);
    out.column = signature_.inputs[input].name;
    out.value = fault.substr(blank + 1);
    out.reason = readings_[input].reason;
    return out;
  }

  static void drop(Rows& rows) {
    std::vector<bool> bad(static_cast<std::size_t>(rows.read), false);
    for (const Reject& each : rows.rejects) bad[static_cast<std::size_t>(each.row)] = true;
    for (auto* list : {&rows.batch.columns, &rows.kept}) {
      for (records::BatchColumn& column : *list) drop_rows(column, bad);
    }
    rows.batch.rows -= static_cast<std::int64_t>(rows.rejects.size());
  }

  const Signature& signature_;
  std::string path_;
  bool in_place_ = false;
  std::unique_ptr<sql::Session> session_;
  Wanted wanted_;
  std::vector<Reading> readings_;
  bool has_faults_ = false;
  std::string query_;
};

}  // namespace

Result<std::unique_ptr<Source>> open_parquet(const SourceRequest& request) {
  auto source = std::make_unique<ParquetSource>(request);
  TRY_STATUS(source->open(request));
  return std::unique_ptr<Source>(std::move(source));
}

}  // namespace kingpost::steps::infer
