// SPDX-License-Identifier: Apache-2.0
// Looking at sources before they are read.
#include "steps/01_ingest/source.h"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "base/environment.h"
#include "base/files.h"
#include "base/text.h"
#include "engines/archive/stream.h"
#include "engines/sql/dialect.h"
#include "engines/sql/types.h"
#include "steps/01_ingest/header.h"
#include "steps/01_ingest/infer.h"
#include "steps/01_ingest/ndjson.h"
#include "steps/01_ingest/transcode.h"

namespace kingpost::steps::ingest {
namespace {

constexpr std::size_t kLook = 1U << 20U;

class Look {
 public:
  Look(Source& source, const Settings& settings, sql::Session& session, Faults& faults)
      : source_(source), settings_(settings), session_(session), faults_(faults) {}

  bool csv() {
    const Node& node = *source_.node;
    const char usual = usual_delimiter(source_.files.front());
    if (!character("delimiter", usual, source_.form.delimiter)) return false;
    if (!character("quote", '"', source_.form.quote)) return false;
    if (source_.form.delimiter == source_.form.quote) {
      return fault_at_mark(node.at("delimiter").mark, "not_a_character",
                           "delimiter and quote are the same character", "choose two");
    }
    source_.nulls = node.texts("nulls");
    std::string first_head;
    std::vector<std::string> header;
    for (std::size_t i = 0; i < source_.files.size(); ++i) {
      auto head = read_prefix(source_.files[i]);
      if (!head) return fault_of(std::move(head).error());
      if (!fine_text(*head, source_.names[i], "a CSV file begins with its header")) return false;
      const auto names = csv_header(*head, source_.form);
      if (i == 0) {
        first_head = std::move(*head);
        header = names;
        if (!fine_header(header)) return false;
      } else if (names != header) {
        return differs(i, header, names);
      }
    }
    source_.form.single_column = header.size() == 1;
    for (const std::string& name : header) source_.columns.push_back({name, "string", false});
    return infer_csv(first_head);
  }

  bool parquet() {
    std::vector<std::string> first;
    for (std::size_t i = 0; i < source_.files.size(); ++i) {
      const auto columns = describe(session_, "SELECT * FROM " + sql::parquet(source_.files[i]));
      if (!columns) return fault_of_parquet(i, columns.error());
      std::vector<std::string> names;
      std::vector<std::string> typed;
      for (const records::Column& column : *columns) {
        names.push_back(column.name);
        typed.push_back(format("{} ({})", column.name, column.type));
        if (i == 0) source_.columns.push_back({column.name, column.type, false});
      }
      if (i == 0 && !fine_names(names)) return false;
      if (i == 0) first = typed;
      if (typed != first) return differs(i, first, typed);
    }
    return true;
  }

  bool ndjson() {
    auto head = read_prefix(source_.files.front());
    if (!head) return fault_of(std::move(head).error());
    if (!fine_text(*head, source_.names.front(), "one JSON object a line is wanted")) return false;
    const std::string text = whole_lines(*head);
    if (!is_utf8(text)) {
      return fault("wrong_encoding", format("\"{}\" is not valid UTF-8", source_.names.front()),
                   "declare its encoding, e.g. encoding: latin-1");
    }
    auto columns = told_once("ndjson\n" + text, [&]() -> Result<std::vector<PlannedColumn>> {
      const Sample sample(sample_path());
      TRY_STATUS(write_sample(sample, text));
      return ndjson_columns(session_, sample.path);
    });
    if (!columns) return fault_of(std::move(columns).error());
    source_.columns = std::move(*columns);
    if (!source_.columns.empty()) return fine_names(column_names());
    return fault("source_unreadable", format("\"{}\" holds no JSON object", source_.names.front()),
                 "one object a line is wanted, e.g. {\"id\": 1}, and no list around them");
  }

  // Types the user declared replace those told from the data.
  void declare() {
    for (const Entry& entry : source_.node->map("types")) {
      const auto found =
          std::find_if(source_.columns.begin(), source_.columns.end(),
                       [&](const PlannedColumn& column) { return column.name == entry.key; });
      if (found == source_.columns.end()) {
        missing_column(entry.key_mark, entry.key);
      } else {
        found->type = entry.value.text;
        found->declared = true;
      }
    }
  }

  void check_names() {
    const Node& node = *source_.node;
    for (const Node& column : node.list("key")) known(column);
    for (const Node& each : node.list("known_at")) {
      for (const Node& column : each.list("columns")) known(column);
      time_column(each.at("column"));
    }
    const Node& freshness = node.at("freshness");
    if (freshness.is_map()) time_column(freshness.at("column"));
    const bool forever = node.flag("static");
    if (forever && !node.list("known_at").empty()) {
      fault_at_mark(node.at("known_at").mark, "static_known_at",
                    format("\"{}\" is static and has known_at", source_.table),
                    "a static table is known at all times: keep one of the two");
    }
  }

 private:
  bool fault_at_mark(const Mark& mark, std::string_view id, std::string what, std::string hint) {
    faults_.add(fault_at(mark, format("ingest.{}", id), std::move(what), std::move(hint)));
    return false;
  }
  bool fault(std::string_view id, std::string what, std::string hint) {
    return fault_at_mark(source_.node->at("path").mark, id, std::move(what), std::move(hint));
  }
  bool fault_of(Error error) {
    faults_.add(std::move(error).at(source_.node->at("path").mark.place()));
    return false;
  }
  bool objection(const std::optional<Objection>& found) {
    return !found || fault(found->id, found->what, found->hint);
  }
  bool fine_text(const std::string& head, const std::string& name, std::string_view wanted) {
    if (trim(head).empty()) {
      return fault("file_empty", format("\"{}\" is empty", name), std::string(wanted));
    }
    return objection(objection_to_text(head, name));
  }
  bool fine_names(const std::vector<std::string>& names) {
    return objection(objection_to_names(names, source_.names.front()));
  }
  bool differs(std::size_t file, const std::vector<std::string>& first,
               const std::vector<std::string>& names) {
    return fault(
        "header_differs",
        format("\"{}\" has other columns than \"{}\"", source_.names[file], source_.names[0]),
        difference(first, names));
  }
  bool fault_of_parquet(std::size_t file, const Error& error) {
    const auto head = read_file(source_.files[file], 4);
    const bool parquet = head && *head == "PAR1";
    const std::string hint = parquet ? "copy the file again: it is incomplete or damaged"
                                     : "it does not begin as Parquet does: say which format it has";
    return fault("source_unreadable",
                 format("\"{}\" cannot be read as Parquet: {}", source_.names[file],
                        shown(split(error.what(), '\n')[0], 200)),
                 error.hint().empty() ? hint : error.hint());
  }

  void missing_column(const Mark& mark, const std::string& name) {
    std::vector<std::string> names;
    for (const PlannedColumn& column : source_.columns) names.push_back(column.name);
    fault_at_mark(mark, "column_missing",
                  format("\"{}\" has no column \"{}\"", source_.names.front(), shown(name)),
                  did_you_mean(name, names, format("columns: {}", listed(names, 30))));
  }
  const PlannedColumn* known(const Node& column) {
    const PlannedColumn* found = source_.find(column.text);
    if (found == nullptr) missing_column(column.mark, column.text);
    return found;
  }
  void time_column(const Node& column) {
    const PlannedColumn* found = known(column);
    if (found == nullptr || records::is_temporal(found->type)) return;
    fault_at_mark(column.mark, "not_a_time",
                  format("column \"{}\" is of type {}, not a time", found->name, found->type),
                  format("declare it: types: {{{}: timestamp_utc}}", found->name));
  }

  bool character(std::string_view key, char fallback, char& out) {
    const Node* node = source_.node->find(key);
    if (node == nullptr || node->implied) {
      out = fallback;
      return true;
    }
    if (node->text.size() != 1 || node->text == "\n" || node->text == "\r") {
      return fault_at_mark(
          node->mark, "not_a_character",
          format("\"{}\" wants one character but found \"{}\"", key, shown(node->text)),
          "write e.g. \";\" or \"\\t\"");
    }
    out = node->text[0];
    return true;
  }

  Result<std::string> read_prefix(const std::string& path) {
    TRY(std::string head, archive::read_prefix(path, kLook));
    return to_utf8(head, source_.node->text_at("encoding"), Whole::kPrefix);
  }

  // A cut file ends at its last whole line.
  static std::string whole_lines(const std::string& head) {
    if (head.size() < kLook) return head;
    return head.substr(0, head.find_last_of("\r\n") + 1);
  }

  bool fine_header(const std::vector<std::string>& header) {
    if (!fine_names(header)) return false;
    const char other = header.size() == 1 ? other_delimiter(header[0]) : '\0';
    if (other != '\0') {
      return fault("wrong_delimiter",
                   format("\"{}\" has one column, \"{}\"", source_.names.front(), shown(header[0])),
                   format("the delimiter may be another: delimiter: \"{}\"",
                          other == '\t' ? std::string("\\t") : std::string(1, other)));
    }
    return true;
  }

  char other_delimiter(const std::string& name) const {
    for (const char c : {';', '\t', '|', ','}) {
      if (c != source_.form.delimiter && name.find(c) != std::string::npos) return c;
    }
    return '\0';
  }

  // A file that goes when it has been looked at.
  struct Sample {
    explicit Sample(std::string where) : path(std::move(where)) {}
    ~Sample() { (void)remove_file(path).has_value(); }
    Sample(const Sample&) = delete;
    Sample& operator=(const Sample&) = delete;
    std::string path;
  };

  std::string sample_path() const {
    return format("{}/look-{}.txt", settings_.engine.temp_folder, ::getpid());
  }

  Status write_sample(const Sample& sample, const std::string& text) {
    TRY_STATUS(make_folders(settings_.engine.temp_folder));
    return write_file(sample.path, text);
  }

  bool infer_csv(const std::string& head) {
    CsvScan scan(source_.form);
    scan.add(head);
    scan.finish();
    const std::string text = scan.mixed_line_ends() || scan.lone_cr()
                                 ? with_plain_line_ends(whole_lines(head))
                                 : whole_lines(head);
    auto columns = told_once(form_of_csv() + text, [&]() -> Result<std::vector<PlannedColumn>> {
      const Sample sample(sample_path());
      TRY_STATUS(write_sample(sample, text));
      return infer_csv_columns(session_, source_, sample.path);
    });
    if (!columns) return fault_of(std::move(columns).error());
    source_.columns = std::move(*columns);
    return true;
  }

  // All that the types of columns depend on, but for the text itself.
  std::string form_of_csv() const {
    const auto list = [](const std::vector<std::string>& texts) {
      Json out = Json::array();
      for (const std::string& text : texts) out.push(text);
      return out;
    };
    std::vector<std::string> declared;
    for (const Entry& entry : source_.node->map("types")) declared.push_back(entry.key);
    return Json::object()
               .set("form", std::string{source_.form.delimiter, source_.form.quote})
               .set("nulls", list(source_.nulls))
               .set("columns", list(column_names()))
               .set("declared", list(declared))
               .canonical() +
           "\n";
  }

  std::vector<std::string> column_names() const {
    std::vector<std::string> out;
    for (const PlannedColumn& column : source_.columns) out.push_back(column.name);
    return out;
  }

  Source& source_;
  const Settings& settings_;
  sql::Session& session_;
  Faults& faults_;
};

}  // namespace

std::string_view format_word(Format format) {
  switch (format) {
    case Format::kCsv:
      return "csv";
    case Format::kParquet:
      return "parquet";
    case Format::kNdjson:
      return "ndjson";
  }
  return "";
}

const PlannedColumn* Source::find(std::string_view column) const {
  for (const PlannedColumn& each : columns) {
    if (each.name == column) return &each;
  }
  return nullptr;
}

namespace {

std::string missing_hint(const std::string& path) {
  const auto names = entries_of(parent_of(path));
  if (std::find(names.begin(), names.end(), name_of(path)) != names.end()) {
    return "it is a link, and the file that it names does not exist";
  }
  return did_you_mean(name_of(path), names, format("looked for {}", shown(path, 300)));
}

}  // namespace

Result<std::vector<std::string>> source_files(const Node& node, const Settings& settings) {
  const Node& path_node = node.at("path");
  auto replaced = with_environment(path_node.text, "ingest.environment_missing");
  if (!replaced) return std::move(replaced).error().at(path_node.mark.place());
  const std::string& written = *replaced;
  // A path counts from the folder of the file that it is written in.
  std::string folder = settings.folder;
  if (path_node.mark.source != nullptr && exists(path_node.mark.source->name())) {
    folder = parent_of(absolute_path(path_node.mark.source->name()));
  }
  const std::string path = resolve_path(folder, written);
  auto files = expand_glob(path);
  if (files.empty()) {
    const std::string what = has_glob(path) ? "no file matches" : "there is no file";
    return fail(Code::kInvalidInput, "ingest.source_missing", "{} \"{}\"", what, shown(written))
        .at(path_node.mark.place())
        .hint(missing_hint(path));
  }
  for (const std::string& file : files) {
    if (auto stamp = stamp_of(file); !stamp) {
      Error error = std::move(stamp).error().at(path_node.mark.place());
      return is_folder(file) ? std::move(error).hint("name its files, e.g. with a pattern: *.csv")
                             : std::move(error);
    }
  }
  return files;
}

Format format_of(const Node& node, const std::string& path) {
  const std::string word = node.text_at("format");
  if (word == "csv") return Format::kCsv;
  if (word == "parquet") return Format::kParquet;
  if (word == "ndjson") return Format::kNdjson;
  const std::string name = form_name(path);
  if (name.ends_with(".parquet")) return Format::kParquet;
  if (name.ends_with(".ndjson") || name.ends_with(".jsonl") || name.ends_with(".json")) {
    return Format::kNdjson;
  }
  return Format::kCsv;
}

char usual_delimiter(const std::string& path) {
  return form_name(path).ends_with(".tsv") ? '\t' : ',';
}

std::optional<Source> look_at(const std::string& table, const Node& node, const Settings& settings,
                              sql::Session& session, Faults& faults) {
  Source source;
  source.table = table;
  source.node = &node;
  auto files = source_files(node, settings);
  if (!files) {
    faults.add(std::move(files).error());
    return std::nullopt;
  }
  source.files = std::move(*files);
  for (const std::string& file : source.files) {
    source.names.push_back(relative_path(file, settings.folder));
  }
  source.format = format_of(node, source.files.front());
  if (node.has("sample")) source.sample = node.number("sample");
  Look look(source, settings, session, faults);
  bool readable = false;
  switch (source.format) {
    case Format::kCsv:
      readable = look.csv();
      break;
    case Format::kParquet:
      readable = look.parquet();
      break;
    case Format::kNdjson:
      readable = look.ndjson();
      break;
  }
  if (!readable) return std::nullopt;
  look.declare();
  look.check_names();
  return source;
}

records::TableSchema schema_of(const Source& source) {
  records::TableSchema schema;
  schema.name = source.table;
  schema.is_static = source.node->flag("static");
  schema.key = source.node->texts("key");
  for (const PlannedColumn& planned : source.columns) {
    records::Column column{planned.name, planned.type, {}, source.table + "." + planned.name};
    for (const Node& each : source.node->list("known_at")) {
      const auto names = each.texts("columns");
      if (std::find(names.begin(), names.end(), planned.name) == names.end()) continue;
      column.known_at =
          records::merge(column.known_at, {{each.text_at("column"), each.integer("after")}});
    }
    schema.columns.push_back(std::move(column));
  }
  return schema;
}

}  // namespace kingpost::steps::ingest
