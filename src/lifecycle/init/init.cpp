// SPDX-License-Identifier: Apache-2.0
// The data are ingested into a store that is thrown away, looked at, and described.
#include "lifecycle/init/init.h"

#include <algorithm>

#include "base/files.h"
#include "base/scratch.h"
#include "base/text.h"
#include "base/utf8.h"
#include "engines/sql/dialect.h"
#include "lifecycle/init/draft.h"
#include "lifecycle/runner.h"

namespace kingpost::lifecycle {
namespace {

class Silence final : public Observer {
 public:
  void on(const Event&) override {}
};

// "My data-2013.csv.gz" -> "my_data_2013".
std::string table_name(const std::string& path, const std::vector<TableFacts>& others) {
  std::string stem = name_of(path);
  stem = stem.substr(0, stem.find('.', 1));
  std::string out;
  for (const char c : lower(stem)) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
    if (plain) out.push_back(c);
    if (!plain && !out.empty() && out.back() != '_') out.push_back('_');
  }
  while (!out.empty() && out.back() == '_') out.pop_back();
  if (out.empty() || (out[0] >= '0' && out[0] <= '9')) out = "table_" + out;
  const std::string base = out;
  const auto is_taken = [&] {
    return std::any_of(others.begin(), others.end(),
                       [&](const TableFacts& each) { return each.name == out; });
  };
  for (int i = 2; is_taken(); ++i) out = format("{}_{}", base, i);
  return out;
}

// Quoted only where it must be: the target of a file is known by its plain name.
std::string column_sql(const std::string& name) {
  const auto plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
  };
  const bool simple = !name.empty() && !(name[0] >= '0' && name[0] <= '9') &&
                      std::all_of(name.begin(), name.end(), plain);
  return simple ? name : sql::identifier(name);
}

// Empty for UTF-8. A text in another encoding is taken for the most usual one of old.
Result<std::string> encoding_of(const std::string& path) {
  constexpr std::size_t kEnough = std::size_t{4} << 20U;
  TRY(std::string text, read_file(path, kEnough));
  const bool packed = path.ends_with(".parquet") || path.ends_with(".gz") || path.ends_with(".zst");
  // The cut may stand within a character.
  if (text.size() == kEnough) text.resize(text.rfind('\n') + 1);
  return std::string(packed || is_utf8(text) ? "" : "windows-1252");
}

class Initiation {
 public:
  Initiation(const InitOptions& options, Scratch scratch)
      : options_(options), scratch_(std::move(scratch)) {}

  Result<std::string> draft() {
    for (const std::string& path : options_.data) {
      TRY(const std::string encoding, encoding_of(path));
      TableFacts table;
      table.name = table_name(path, draft_.tables);
      table.path = absolute_path(path);
      draft_.tables.push_back(std::move(table));
      draft_.encodings.push_back(encoding);
    }
    TRY_STATUS(ingest());
    TRY_STATUS(find_nulls());
    TRY_STATUS(look());
    TRY_STATUS(choose_target());
    TRY_STATUS(choose_split());
    draft_.project = draft_.tables[draft_.spine].name;
    const std::string folder = parent_of(absolute_path(options_.out));
    for (TableFacts& table : draft_.tables) table.path = relative_path(table.path, folder);
    return draft_text(draft_);
  }

 private:
  std::string from(const records::Table& table) const {
    return sql::parquet(scratch_.path() + "/.kingpost/objects/" + table.digest.substr(0, 2) + "/" +
                        table.digest.substr(2));
  }

  // Step 1 of a file that names the sources and little else.
  Status ingest() {
    std::string text = "version: 1\nproject: init\ningest:\n";
    for (std::size_t i = 0; i < draft_.tables.size(); ++i) {
      const TableFacts& table = draft_.tables[i];
      text += format("  {}: {{path: {}", table.name, Json(table.path).dump());
      if (!draft_.encodings[i].empty()) text += format(", encoding: {}", draft_.encodings[i]);
      std::vector<std::string> nulls = {"\"\""};
      for (const std::string& each : draft_.nulls) nulls.push_back(Json(each).dump());
      text += format(", nulls: [{}], drift: {{retyped: ignore}}}}\n", join(nulls, ", "));
    }
    // The check of the file wants a target; the run ends before it.
    text += format("curate: {{spine: {}, target: {{name: _target, type: number, expr: \"1\"}}}}\n",
                   draft_.tables[0].name);
    TRY_STATUS(write_file(scratch_.path() + "/kingpost.yaml", text));
    Faults faults;
    LoadOptions load;
    load.path = scratch_.path() + "/kingpost.yaml";
    load.to = "ingest";
    auto pipeline = load_pipeline(load, faults);
    if (!pipeline) return Error(faults.errors().front());
    RunOptions range;
    range.to = "ingest";
    Silence silence;
    auto summary = run_pipeline(*pipeline, range, "init", silence, faults);
    if (!faults.empty()) return Error(faults.errors().front());
    if (!summary) return std::move(summary).error();
    dataset_ = summary->steps.front().manifest.output;
    if (session_ == nullptr) {
      TRY_STATUS(make_folders(pipeline->settings.engine.temp_folder));
      TRY(session_, sql::Session::open(pipeline->settings.engine));
    }
    return {};
  }

  Status find_nulls() {
    for (const records::Table& table : dataset_.tables) {
      TRY(const auto tokens, null_tokens(*session_, from(table), table.schema));
      for (const std::string& token : tokens) {
        const bool known =
            std::find(draft_.nulls.begin(), draft_.nulls.end(), token) != draft_.nulls.end();
        if (!known) draft_.nulls.push_back(token);
      }
    }
    return draft_.nulls.empty() ? Status() : ingest();
  }

  Status look() {
    for (TableFacts& table : draft_.tables) {
      const records::Table& sealed = *dataset_.find(table.name);
      const std::string path = table.path;
      TRY(table, look_at_table(*session_, from(sealed), sealed));
      table.path = path;
    }
    return {};
  }

  Status choose_target() {
    draft_.target_was_asked = !options_.target.empty();
    draft_.target = options_.target.empty() ? likely_target() : options_.target;
    std::vector<std::string> names;
    for (std::size_t i = draft_.tables.size(); i-- > 0;) {
      for (const ColumnFacts& column : draft_.tables[i].columns) names.push_back(column.name);
      if (draft_.tables[i].find(draft_.target) != nullptr) draft_.spine = i;
    }
    const ColumnFacts* column = draft_.tables[draft_.spine].find(draft_.target);
    if (column == nullptr) {
      return fail(Code::kInvalidInput, "init.unknown_target", "no file has a column \"{}\"",
                  shown(draft_.target))
          .hint(did_you_mean(draft_.target, names, "the columns are " + listed(names)));
    }
    if (column->distinct < 2) {
      return fail(Code::kDataRejected, "init.no_label",
                  "the column \"{}\" has {} value{}: there is nothing to learn", draft_.target,
                  column->distinct, column->distinct == 1 ? "" : "s")
          .hint("name another column with --target");
    }
    say_task(*column);
    return {};
  }

  std::string likely_target() const {
    static const std::vector<std::string_view> usual = {"target",  "label", "y",       "class",
                                                        "outcome", "churn", "default", "price"};
    for (const std::string_view name : usual) {
      for (const ColumnFacts& column : draft_.tables[0].columns) {
        if (lower(column.name) == name) return column.name;
      }
    }
    return draft_.tables[0].columns.back().name;
  }

  void say_task(const ColumnFacts& column) {
    constexpr std::int64_t kFewClasses = 30;
    const std::string name = column_sql(column.name);
    draft_.expression = name;
    if (column.type == "boolean") {
      draft_.task = "binary";
    } else if (column.distinct == 2) {
      draft_.task = "binary";
      const bool number = records::is_numeric(column.type);
      draft_.expression = format("{} = {}", name, number ? column.most : sql::literal(column.most));
    } else if (column.type == "string" && column.distinct <= kFewClasses) {
      draft_.task = "multiclass";
    } else if (records::is_numeric(column.type)) {
      draft_.task = "number";
    } else {
      draft_.task = "multiclass";
      draft_.expression = format("CAST({} AS VARCHAR)", name);
    }
    // A target may be called like a column only when it is that column.
    if (draft_.expression != name) draft_.target = "is_" + draft_.target;
  }

  // A table of events: its rows have many different times.
  Status choose_split() {
    const TableFacts& spine = draft_.tables[draft_.spine];
    const ColumnFacts* best = nullptr;
    for (const ColumnFacts& column : spine.columns) {
      if (!records::is_temporal(column.type) || column.nulls > 0 || column.distinct < 30) continue;
      if (best == nullptr || column.distinct > best->distinct) best = &column;
    }
    if (best == nullptr) return {};
    TRY(const auto rows,
        session_->query(format(
            "SELECT CAST(CAST(quantile_disc({0}, 0.7) AS DATE) AS VARCHAR) AS validation_from, "
            "CAST(CAST(quantile_disc({0}, 0.85) AS DATE) AS VARCHAR) AS test_from FROM {1}",
            sql::identifier(best->name), from(*dataset_.find(spine.name)))));
    const std::string& validation = rows.text(0, "validation_from");
    const std::string& test = rows.text(0, "test_from");
    if (validation < test && best->least.substr(0, 10) < validation) {
      draft_.split = Draft::TimeSplit{best->name, validation, test};
    }
    return {};
  }

  const InitOptions& options_;
  Scratch scratch_;
  Draft draft_;
  records::Dataset dataset_;
  std::unique_ptr<sql::Session> session_;
};

}  // namespace

Result<std::string> draft_pipeline(const InitOptions& options) {
  TRY(Scratch scratch, Scratch::make("init"));
  return Initiation(options, std::move(scratch)).draft();
}

}  // namespace kingpost::lifecycle
