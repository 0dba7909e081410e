// SPDX-License-Identifier: Apache-2.0
// The text of a first pipeline file.
#include "lifecycle/init/draft.h"

#include <algorithm>

#include "base/json.h"
#include "base/text.h"

namespace kingpost::lifecycle {
namespace {

// Quoted where it is no plain word; JSON's double quotes are YAML's.
std::string quoted(const std::string& text) {
  static constexpr std::string_view kWords = "y n yes no on off true false null";
  const auto plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
  };
  const auto words = split(kWords, ' ');
  const bool word = !text.empty() && std::all_of(text.begin(), text.end(), plain) &&
                    std::find(words.begin(), words.end(), lower(text)) == words.end();
  return word ? text : Json(text).dump();
}

std::string flow_list(const std::vector<std::string>& texts) {
  std::vector<std::string> parts;
  for (const std::string& each : texts) parts.push_back(quoted(each));
  return "[" + join(parts, ", ") + "]";
}

std::string source_text(const Draft& draft, std::size_t i) {
  const TableFacts& table = draft.tables[i];
  std::string out = format("  {}:\n    path: {}\n", table.name, quoted(table.path));
  if (!draft.encodings[i].empty()) out += format("    encoding: {}\n", draft.encodings[i]);
  if (!draft.nulls.empty()) {
    std::vector<std::string> nulls = draft.nulls;
    nulls.insert(nulls.begin(), "");
    out += format("    nulls: {}\n", flow_list(nulls));
  }
  if (table.key.empty()) {
    out += "    # no column, and no two or three of them, name every row\n";
  } else {
    out += format("    key: {}\n", flow_list(table.key));
  }
  if (i != draft.spine) out += "    static: true   # its rows are valid at all times\n";
  out += format("    # {} rows:", grouped(table.rows));
  std::vector<std::string> columns;
  for (const ColumnFacts& column : table.columns) {
    std::string each = format("{} {}", column.name, column.type);
    if (column.nulls > 0) each += format(" ({} null)", grouped(column.nulls));
    columns.push_back(std::move(each));
  }
  std::string line;
  for (const std::string& each : columns) {
    if (line.size() + each.size() > 90) {
      out += line + "\n    #";
      line.clear();
    }
    line += " " + each + ",";
  }
  if (!line.empty()) line.pop_back();
  return out + line + "\n";
}

std::string checks_text(const Draft& draft) {
  std::string out;
  for (const TableFacts& table : draft.tables) {
    std::string checks;
    if (!table.key.empty()) {
      checks += format("    - {{check: unique, columns: {}}}\n", flow_list(table.key));
    }
    checks += format("    - {{check: row_count, min: {}}}   # half of what it has now\n",
                     std::max<std::int64_t>(1, table.rows / 2));
    out += format("  {}:\n{}", table.name, checks);
  }
  return out;
}

// Tables whose one-column key is a column of the spine.
std::string joins_text(const Draft& draft) {
  std::string out;
  const TableFacts& spine = draft.tables[draft.spine];
  std::vector<std::string> taken;
  for (const ColumnFacts& column : spine.columns) taken.push_back(column.name);
  for (std::size_t i = 0; i < draft.tables.size(); ++i) {
    const TableFacts& table = draft.tables[i];
    if (i == draft.spine || table.key.size() != 1) continue;
    const ColumnFacts* left = spine.find(table.key[0]);
    if (left == nullptr || left->type != table.find(table.key[0])->type) continue;
    std::vector<std::string> take;
    bool collides = false;
    for (const ColumnFacts& column : table.columns) {
      if (column.name == table.key[0]) continue;
      take.push_back(column.name);
      collides = collides || std::find(taken.begin(), taken.end(), column.name) != taken.end();
    }
    if (take.empty()) continue;
    const std::string prefix = collides ? format(", prefix: {}_", table.name) : "";
    for (const std::string& name : take) taken.push_back(collides ? table.name + "_" + name : name);
    out += format("    - {{table: {}, match: {{{}: {}}}, take: {}{}}}\n", table.name,
                  quoted(table.key[0]), quoted(table.key[0]), flow_list(take), prefix);
  }
  return out;
}

std::string curate_text(const Draft& draft) {
  std::string out = format("curate:\n  spine: {}\n", draft.tables[draft.spine].name);
  const std::string joins = joins_text(draft);
  if (!joins.empty()) out += "  joins:\n" + joins;
  out += draft.target_was_asked ? "" : "  # guessed: name another column, or an expression, here\n";
  out += format("  target: {{name: {}, type: {}, expr: {}}}\n", quoted(draft.target), draft.task,
                quoted(draft.expression));
  if (draft.split) {
    out += format(
        "  # the newest 15% of the rows test, the 15% before them validate\n  split: {{type: time, "
        "column: {}, tz: UTC, validation_from: {}, test_from: {}}}\n"
        "  # state what is known only after the moment of prediction, so that it cannot leak:\n"
        "  #   predict_at: {{column: {}}}   and, under ingest, known_at for such columns\n",
        quoted(draft.split->column), quoted(draft.split->validation_from),
        quoted(draft.split->test_from), draft.split->column);
  } else {
    out += "  # split: by chance, 70 : 15 : 15, by the hash of the key\n";
  }
  return out;
}

}  // namespace

std::string draft_text(const Draft& draft) {
  std::string out =
      "# A first pipeline file, made from the data. It runs as it is; every line is yours to "
      "change.\n"
      "# kingpost check | plan | run; kingpost help STEP lists the keys of a section.\n"
      "version: 1\n";
  out += format("project: {}\n\ningest:\n", draft.project);
  for (std::size_t i = 0; i < draft.tables.size(); ++i) out += source_text(draft, i);
  out += "\nvalidate_data:\n" + checks_text(draft);
  out += "\n" + curate_text(draft);
  out +=
      "\n# extract_features: every column that is fit for it becomes a feature; name `columns` to\n"
      "# choose, or `exclude` to leave some out.\n";
  return out;
}

}  // namespace kingpost::lifecycle
