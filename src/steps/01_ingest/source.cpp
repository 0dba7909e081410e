// SPDX-License-Identifier: Apache-2.0
// Looking at sources before they are read.
#include "steps/01_ingest/source.h"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "base/files.h"
#include "base/text.h"
#include "engines/archive/stream.h"
#include "engines/sql/dialect.h"
#include "engines/sql/types.h"
#include "steps/01_ingest/convert.h"
#include "steps/01_ingest/ndjson.h"
#include "steps/01_ingest/transcode.h"

namespace kingpost::steps::ingest {
namespace {

constexpr std::size_t kLook = 1U << 20U;

Result<std::string> with_environment(std::string path) {
  std::size_t open = 0;
  while ((open = path.find("${env:")) != std::string::npos) {
    const std::size_t close = path.find('}', open);
    const std::string name = path.substr(open + 6, close - open - 6);
    const char* value = std::getenv(name.c_str());
    if (value == nullptr) {
      return fail(Code::kInvalidInput, "ingest.environment_missing",
                  "the environment variable {} is not set", name)
          .hint("export it before the command");
    }
    path.replace(open, close - open + 1, value);
  }
  return path;
}

Format format_of(const Node& node, const std::string& path) {
  const std::string word = node.text_at("format");
  if (word == "csv") return Format::kCsv;
  if (word == "parquet") return Format::kParquet;
  if (word == "ndjson") return Format::kNdjson;
  std::string name = lower(path);
  for (const std::string_view ending : {".gz", ".zst"}) {
    if (name.ends_with(ending)) name = name.substr(0, name.size() - ending.size());
  }
  if (name.ends_with(".parquet")) return Format::kParquet;
  if (name.ends_with(".ndjson") || name.ends_with(".jsonl") || name.ends_with(".json")) {
    return Format::kNdjson;
  }
  return Format::kCsv;
}

class Look {
 public:
  Look(Source& source, const Settings& settings, sql::Session& session, Faults& faults)
      : source_(source), settings_(settings), session_(session), faults_(faults) {}

  bool csv() {
    const Node& node = *source_.node;
    const bool tabs = lower(source_.files.front()).find(".tsv") != std::string::npos;
    if (!character("delimiter", tabs ? '\t' : ',', source_.form.delimiter)) return false;
    if (!character("quote", '"', source_.form.quote)) return false;
    source_.nulls = node.texts("nulls");
    std::string first_head;
    std::vector<std::string> header;
    for (std::size_t i = 0; i < source_.files.size(); ++i) {
      auto head = read_prefix(source_.files[i]);
      if (!head) return fault_of(std::move(head).error());
      const auto names = csv_header(*head, source_.form);
      if (i == 0) {
        first_head = std::move(*head);
        header = names;
        if (!fine_header(header, first_head)) return false;
      } else if (names != header) {
        return fault("header_differs",
                     format("\"{}\" has other columns than \"{}\"", source_.names[i],
                            source_.names[0]),
                     difference(header, names));
      }
    }
    source_.form.single_column = header.size() == 1;
    for (const std::string& name : header) source_.columns.push_back({name, "string", false});
    return infer_csv(first_head);
  }

  bool parquet() {
    std::vector<std::string> paths = source_.files;
    auto columns = describe(session_, format("SELECT * FROM read_parquet([{}])",
                                             sql::literals(paths)));
    if (!columns) {
      return fault("source_unreadable",
                   format("\"{}\" cannot be read as Parquet: {}", source_.names.front(),
                          shown(split(columns.error().what(), '\n')[0], 200)),
                   columns.error().hint());
    }
    for (const records::Column& column : *columns) {
      source_.columns.push_back({column.name, column.type, false});
    }
    return true;
  }

  bool ndjson() {
    auto head = read_prefix(source_.files.front());
    if (!head) return fault_of(std::move(head).error());
    if (trim(*head).empty()) return fault("file_empty", empty_text(), "an empty file has no rows");
    return with_sample(whole_lines(*head), [&](const std::string& path) {
      auto columns = ndjson_columns(session_, path);
      if (!columns) return fault_of(std::move(columns).error());
      source_.columns = std::move(*columns);
      return true;
    });
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
  std::string empty_text() const { return format("\"{}\" is empty", source_.names.front()); }

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
      return fault_at_mark(node->mark, "not_a_character",
                           format("\"{}\" wants one character but found \"{}\"", key,
                                  shown(node->text)),
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

  bool fine_header(const std::vector<std::string>& header, const std::string& head) {
    if (head.empty()) return fault("file_empty", empty_text(), "a CSV file begins with its header");
    for (std::size_t i = 0; i < header.size(); ++i) {
      if (trim(header[i]).empty()) {
        return fault("header_unnamed",
                     format("column {} of \"{}\" has no name", i + 1, source_.names.front()),
                     header.size() == 1 ? "the first line must be the header"
                                        : "name it in the first line of the file");
      }
      const auto same = std::find(header.begin(), header.begin() + static_cast<std::ptrdiff_t>(i),
                                  header[i]);
      if (same != header.begin() + static_cast<std::ptrdiff_t>(i)) {
        return fault("header_duplicate",
                     format("the header of \"{}\" names \"{}\" twice", source_.names.front(),
                            shown(header[i])),
                     "rename one of the two in the file");
      }
    }
    const char other = header.size() == 1 ? other_delimiter(header[0]) : '\0';
    if (other != '\0') {
      return fault("wrong_delimiter",
                   format("\"{}\" has one column, \"{}\"", source_.names.front(),
                          shown(header[0])),
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

  static std::string difference(const std::vector<std::string>& a,
                                const std::vector<std::string>& b) {
    std::vector<std::string> only;
    for (const std::string& name : b) {
      if (std::find(a.begin(), a.end(), name) == a.end()) only.push_back("+" + name);
    }
    for (const std::string& name : a) {
      if (std::find(b.begin(), b.end(), name) == b.end()) only.push_back("-" + name);
    }
    return only.empty() ? "the same columns stand in another order: make the files alike"
                        : format("differences: {}", listed(only));
  }

  template <typename Work>
  bool with_sample(const std::string& text, const Work& work) {
    const std::string path = format("{}/look-{}.txt", settings_.engine.temp_folder, ::getpid());
    if (auto made = make_folders(settings_.engine.temp_folder); !made) {
      return fault_of(std::move(made).error());
    }
    if (auto written = write_durably(path, text); !written) {
      return fault_of(std::move(written).error());
    }
    const bool fine = work(path);
    (void)remove_file(path).has_value();
    return fine;
  }

  bool infer_csv(const std::string& head) {
    CsvScan scan(source_.form);
    scan.add(head);
    scan.finish();
    const std::string text = scan.mixed_line_ends() || scan.lone_cr()
                                 ? with_plain_line_ends(whole_lines(head))
                                 : whole_lines(head);
    return with_sample(text, [&](const std::string& path) {
      std::vector<std::string> parts;
      for (std::size_t i = 0; i < source_.columns.size(); ++i) {
        parts.push_back(inference(sql::identifier(source_.columns[i].name), format("c{}", i)));
      }
      const auto rows = session_.query(
          format("SELECT {} FROM {}", join(parts, ", "),
                 sql::read_csv({.paths = {path},
                                .columns = column_names(),
                                .delimiter = source_.form.delimiter,
                                .quote = source_.form.quote,
                                .nulls = source_.nulls})));
      if (!rows) {
        return fault("source_unreadable",
                     format("\"{}\" cannot be read as CSV: {}", source_.names.front(),
                            shown(split(rows.error().what(), '\n')[0], 200)),
                     "check delimiter, quote and encoding");
      }
      for (std::size_t i = 0; i < source_.columns.size(); ++i) {
        const auto number = [&](std::string_view key) {
          return rows->integer(0, format("c{}_{}", i, key));
        };
        source_.columns[i].type = inferred_type({number("n"), number("i"), number("f"), number("b"),
                                                 number("d"), number("t"), number("z")});
      }
      return true;
    });
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
    case Format::kCsv: return "csv";
    case Format::kParquet: return "parquet";
    case Format::kNdjson: return "ndjson";
  }
  return "";
}

const PlannedColumn* Source::find(std::string_view column) const {
  for (const PlannedColumn& each : columns) {
    if (each.name == column) return &each;
  }
  return nullptr;
}

Result<std::vector<std::string>> source_files(const Node& node, const Settings& settings) {
  const Node& path_node = node.at("path");
  TRY(const std::string written, with_environment(path_node.text));
  // A path counts from the folder of the file that it is written in.
  std::string folder = settings.folder;
  if (path_node.mark.source != nullptr && exists(path_node.mark.source->name())) {
    folder = parent_of(absolute_path(path_node.mark.source->name()));
  }
  const std::string path = resolve_path(folder, written);
  auto files = expand_glob(path);
  if (files.empty()) {
    return fail(Code::kInvalidInput, "ingest.source_missing", "there is no file \"{}\"", written)
        .at(path_node.mark.place())
        .hint(format("looked for {}", path));
  }
  for (const std::string& file : files) {
    if (auto stamp = stamp_of(file); !stamp) {
      return std::move(stamp).error().at(path_node.mark.place());
    }
  }
  return files;
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
    case Format::kCsv: readable = look.csv(); break;
    case Format::kParquet: readable = look.parquet(); break;
    case Format::kNdjson: readable = look.ndjson(); break;
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
