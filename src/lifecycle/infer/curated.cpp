// SPDX-License-Identifier: Apache-2.0
// Source files through steps 1 to 5.
#include "lifecycle/infer/curated.h"

#include <algorithm>
#include <optional>

#include "base/files.h"
#include "base/new_file.h"
#include "base/text.h"
#include "base/utf8.h"
#include "engines/archive/stream.h"
#include "engines/sql/dialect.h"
#include "lifecycle/runner.h"
#include "steps/01_ingest/source.h"
#include "steps/20_infer/text_blocks.h"
#include "steps/20_infer/writers.h"
#include "steps/csv_records.h"

namespace kingpost::lifecycle {
namespace {

constexpr std::string_view kNoTarget = "kingpost_no_label";
constexpr std::string_view kCurate = "curate";

class Silence final : public Observer {
 public:
  void on(const Event&) override {}
};

Node scalar(const Node& like, Json value) {
  Node out;
  out.kind = Node::Kind::kScalar;
  out.mark = like.mark;
  out.text = value.is_string() ? value.text() : value.dump();
  out.plain = true;
  out.value = std::move(value);
  return out;
}

void set(Node& map, std::string_view key, Node value) {
  if (Node* found = map.find(key)) {
    *found = std::move(value);
  } else {
    map.entries.push_back({std::string(key), map.mark, std::move(value)});
  }
}

// Every row has a label that says nothing, and trains.
void forget_labels(Node& curate) {
  Node* target = curate.find("target");
  if (target == nullptr) return;
  set(*target, "name", scalar(*target, std::string(kNoTarget)));
  set(*target, "type", scalar(*target, "number"));
  set(*target, "expr", scalar(*target, "1"));
  Node split;
  split.kind = Node::Kind::kMap;
  split.mark = target->mark;
  set(split, "type", scalar(*target, "random"));
  for (const char* side : {"validation", "test"}) set(split, side, scalar(*target, 0.0));
  set(split, "seed", scalar(*target, 13));
  set(curate, "split", std::move(split));
}

// A copy of a CSV file with further columns at the end, all empty.
class Padding {
 public:
  Padding(const Node& source, std::string path) : path_(std::move(path)) {
    const std::string delimiter = source.text_at("delimiter");
    form_.delimiter = delimiter.empty() ? steps::ingest::usual_delimiter(path_) : delimiter[0];
    if (!source.text_at("quote").empty()) form_.quote = source.text_at("quote")[0];
  }

  Result<std::vector<std::string>> missing(const Node& source) const {
    TRY(const std::string head, archive::read_prefix(path_, 1U << 20U));
    const std::string text(without_bom(head));
    steps::CsvRecords records(text, form_);
    records.next();
    std::vector<std::string> out;
    for (const Node& rule : source.list("known_at")) {
      for (const std::string& name : rule.texts("columns")) {
        const bool there =
            std::find(records.fields.begin(), records.fields.end(), name) != records.fields.end();
        if (!there && std::find(out.begin(), out.end(), name) == out.end()) out.push_back(name);
      }
    }
    return out;
  }

  char delimiter() const { return form_.delimiter; }

  Status copy(const std::vector<std::string>& columns, const std::string& to) {
    NewFile out(to);
    steps::infer::BlockCutter cutter(form_);
    Status done;
    TRY_STATUS(archive::read_decompressed(path_, [&](std::string_view piece) {
      cutter.add(piece);
      done = add(cutter, false, columns, out);
      return done.has_value();
    }));
    TRY_STATUS(std::move(done));
    TRY_STATUS(add(cutter, true, columns, out));
    return out.keep();
  }

 private:
  Status add(steps::infer::BlockCutter& cutter, bool all, const std::vector<std::string>& columns,
             NewFile& file) {
    TRY(const std::string block, cutter.cut(all));
    std::string out;
    steps::CsvRecords records(block, form_);
    while (records.next()) {
      const bool blank = records.record().empty();
      out += records.record();
      for (const std::string& column : columns) {
        if (blank) break;
        out.push_back(form_.delimiter);
        if (is_header_) out += column;
      }
      out.push_back('\n');
      is_header_ = false;
    }
    return file.write(out);
  }

  std::string path_;
  steps::RecordForm form_;
  bool is_header_ = true;
};

class Curating {
 public:
  Curating(const CurateOptions& options, Faults& faults) : options_(options), faults_(faults) {}

  Result<CuratedRows> run() {
    TRY_STATUS(load());
    for (const auto& [table, path] : options_.sources) TRY_STATUS(take_source(table, path));
    TRY_STATUS(spare_sources());
    forget_labels(*pipeline_->root.find(kCurate));
    // What is said of the model does not fit such a target, and is not wanted.
    std::erase_if(pipeline_->root.entries, [](const Entry& entry) {
      const StepRow* row = find_row(entry.key);
      return row != nullptr && row->number > find_row(kCurate)->number;
    });
    pipeline_->store_folder = options_.folder;
    pipeline_->objects_folder = options_.folder + "/objects";
    pipeline_->settings.engine.temp_folder = options_.folder + "/spill";
    RunOptions range;
    range.to = kCurate;
    Silence silence;
    TRY(const auto summary, run_pipeline(*pipeline_, range, "kingpost infer", silence, faults_));
    return collect(summary);
  }

 private:
  Status load() {
    LoadOptions load = options_.load;
    load.to = kCurate;
    pipeline_ = load_pipeline(load, faults_);
    if (!pipeline_) {
      if (faults_.size() == 1 && faults_.errors()[0].code() != Code::kInvalidInput) {
        Error only = faults_.errors()[0];
        faults_ = {};
        return only;
      }
      return faulty();
    }
    if (pipeline_->root.find(kCurate) == nullptr || pipeline_->root.find("ingest") == nullptr) {
      return faulty();
    }
    Node& ingest = *pipeline_->root.find("ingest");
    // Every row is wanted.
    std::erase_if(ingest.entries, [](const Entry& entry) { return entry.key == "sample"; });
    forget_sizes();
    return {};
  }

  // How many rows there must be says something of training data, not of a day's.
  void forget_sizes() {
    Node* section = pipeline_->root.find("validate_data");
    if (section == nullptr) return;
    for (Entry& table : section->entries) {
      std::erase_if(table.value.items, [](const Node& check) {
        return starts_with(check.text_at("check"), "row_count");
      });
    }
  }

  Error faulty() const {
    return fail(Code::kInvalidInput, "file.faulty", "{} cannot be used; nothing was run",
                options_.load.path);
  }

  // Reads the source from a copy that has the columns which come only later, where it lacks some.
  Status add_late_columns(Node& source, const std::string& table, const std::string& path) const {
    const bool is_csv = steps::ingest::format_of(source, path) == steps::ingest::Format::kCsv;
    if (!is_csv || !exists(path) || source.text_at("encoding") == "utf-16") return {};
    Padding padding(source, path);
    TRY(const auto missing, padding.missing(source));
    if (missing.empty()) return {};
    TRY_STATUS(make_folders(options_.folder));
    const std::string to = format("{}/{}.csv", options_.folder, table);
    TRY_STATUS(padding.copy(missing, to));
    set(source, "path", scalar(source, to));
    // The copy's own name would tell another form.
    set(source, "format", scalar(source, std::string("csv")));
    set(source, "delimiter", scalar(source, std::string(1, padding.delimiter())));
    return {};
  }

  Status take_source(const std::string& table, const std::string& path) {
    Node& ingest = *pipeline_->root.find("ingest");
    Node* source = ingest.find(table);
    if (source == nullptr || !source->is_map()) {
      std::vector<std::string> names;
      for (const Entry& entry : ingest.entries) {
        if (entry.value.is_map()) names.push_back(entry.key);
      }
      return fail(Code::kInvalidInput, "infer.source_unknown",
                  "--source names \"{}\", and {} has no such source", shown(table),
                  options_.load.path)
          .hint(did_you_mean(table, names, format("its sources are {}", listed(names))));
    }
    const std::string from = absolute_path(path);
    set(*source, "path", scalar(*source, from));
    TRY_STATUS(add_late_columns(*source, table, from));
    // A file that is named by hand may be of any age.
    std::erase_if(source->entries, [](const Entry& entry) { return entry.key == "freshness"; });
    return {};
  }

  // Sources that were not named on the command line are read all the same.
  Status spare_sources() const {
    std::vector<std::string> read;
    for (const Entry& entry : pipeline_->root.find("ingest")->entries) {
      if (!entry.value.is_map()) continue;
      const auto files = steps::ingest::source_files(entry.value, pipeline_->settings);
      // What is not there is the fault of the step that reads it.
      if (files) read.insert(read.end(), files->begin(), files->end());
    }
    return options_.spare(read);
  }

  // A step's rows on one side, and what the step says of them.
  Status add_rejected(sql::Session& session, const std::string& step, const records::Table& table) {
    const std::string from = sql::parquet(object(table));
    TRY(const auto rows, session.query(format("SELECT to_json(t) AS line FROM {} AS t", from)));
    for (std::size_t r = 0; r < rows.size(); ++r) {
      out_.rejected.push_back(format("{{\"step\":{},\"table\":{},\"row\":{}}}", Json(step).dump(),
                                     Json(table.name).dump(), rows.text(r, "line")));
    }
    return {};
  }

  std::string object(const records::Table& table) const {
    return format("{}/{}/{}", pipeline_->objects_folder, table.digest.substr(0, 2),
                  table.digest.substr(2));
  }

  struct Lost {
    std::string step;
    const records::Table* table = nullptr;
  };
  static std::vector<Lost> lost_in(const RunSummary& summary) {
    std::vector<Lost> out;
    for (const StepResult& each : summary.steps) {
      for (const records::Table& table : each.manifest.beside.tables) {
        const bool lost = table.name.ends_with(".rejected") || table.name.ends_with(".quarantined");
        if (lost && table.rows > 0) out.push_back({std::string(each.step->word), &table});
      }
    }
    return out;
  }

  Status collect_rejected(const std::vector<Lost>& lost) {
    if (lost.empty()) return {};
    TRY_STATUS(make_folders(pipeline_->settings.engine.temp_folder));
    TRY(const auto session, sql::Session::open(pipeline_->settings.engine));
    for (const Lost& each : lost) TRY_STATUS(add_rejected(*session, each.step, *each.table));
    return {};
  }

  Result<CuratedRows> collect(const RunSummary& summary) {
    TRY_STATUS(collect_rejected(lost_in(summary)));
    const records::Table* rows = summary.steps.back().manifest.output.find("training");
    if (rows == nullptr) {
      return fail(Code::kInternal, "step.file_missing", "step 5 left no table \"training\"")
          .hint("please report this with the pipeline file");
    }
    out_.path = object(*rows);
    return std::move(out_);
  }

  const CurateOptions& options_;
  Faults& faults_;
  std::optional<Pipeline> pipeline_;
  CuratedRows out_;
};

}  // namespace

Result<CuratedRows> curate_sources(const CurateOptions& options, Faults& faults) {
  return Curating(options, faults).run();
}

}  // namespace kingpost::lifecycle
