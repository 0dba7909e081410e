// SPDX-License-Identifier: Apache-2.0
// The features, what was learnt for each, and which columns stay.
#include <algorithm>

#include "base/text.h"
#include "lifecycle/report/sections.h"

namespace kingpost::lifecycle::report {
namespace {

// "5 levels; 12 rare ones in (other)", "filled with 44.5; 32.1 to 59.6".
std::string learnt(const Json& fit) {
  std::vector<std::string> words;
  if (fit.has("levels")) {
    words.push_back(format("{} levels", fit["levels"].items().size()));
    if (fit["other_levels"].integer() > 0) {
      words.push_back(format("{} rare ones with {} rows are (other)",
                             number_text(fit["other_levels"]), number_text(fit["other_rows"])));
    }
  }
  if (fit.has("period")) words.push_back(format("period {}", number_text(fit["period"])));
  if (fit.has("min") && fit.has("max") && fit["type"].text() == "number") {
    words.push_back(format("{} to {}", number_text(fit["min"]), number_text(fit["max"])));
  }
  if (fit.has("fill")) words.push_back(format("nulls become {}", number_text(fit["fill"])));
  return join(words, "; ");
}

// A timestamp is one feature with a fit per part, so its columns go by their own names.
bool belongs(const Json& verdict, const std::string& feature) {
  return verdict["feature"].text() == feature || verdict["column"].text() == feature ||
         starts_with(verdict["column"].text(), feature + ":");
}

// The verdicts of a feature's columns: "kept", or which were dropped and by which rule.
Markup verdict_of(const std::string& feature, const Json& selection) {
  std::size_t kept = 0;
  Html dropped;
  for (const Json& each : selection["columns"].items()) {
    if (!belongs(each, feature)) continue;
    if (each["verdict"].text() == "kept") {
      ++kept;
      continue;
    }
    const std::string words = each["words"].text();
    dropped.add("<div>{} <code>{}</code> {}</div>", badge("dropped", "warn"), each["column"].text(),
                words.empty() ? each["rule"].text() : words);
  }
  Html html;
  if (kept > 0) {
    html.add("{}{}", badge("kept", "good"), kept > 1 ? format(" {} columns", kept) : "");
  }
  return html.add(dropped.take()).take();
}

Markup feature_table(const Facts& facts) {
  const Json& selection = facts.report("select_features");
  Table table("", {{"feature"},
                   {"type"},
                   {"expression"},
                   number("nulls in training"),
                   {"learnt from training rows"},
                   {"verdict"}});
  for (const Json& fit : facts.file("features.json")["fits"].items()) {
    const std::string name = fit["feature"].text();
    const std::string& expression = fit["expr"].text();
    const bool is_column = expression == "\"" + name + "\"";
    table.row({name, fit["type"].text(),
               is_column ? Markup{} : markup("<code>{}</code>", shown(expression, 90)),
               fit.has("nulls") ? number_text(fit["nulls"]) : std::string(), learnt(fit),
               verdict_of(name, selection)});
  }
  return table.rows() == 0 ? Markup{} : table.take();
}

Markup left_out(const Json& report) {
  Table table("Columns that became no feature", {{"column"}, {"why"}});
  for (const Json& each : report["left_out"].items()) {
    table.row({each["column"].text(), each["why"].text()});
  }
  return table.rows() == 0 ? Markup{} : details("columns that became no feature", table.take());
}

Markup ranking(const Facts& facts) {
  const Json& report = facts.report("select_features");
  Figure figure;
  for (const Json& each : report["importances"].items()) {
    figure.rows.push_back({each["feature"], each["value"], each["deviation"]});
  }
  figure.title = "Permutation importance, first look";
  figure.words = format(
      "how much worse {} gets when a feature's values are shuffled, by a quick "
      "model inside the training rows; lines are one standard deviation.",
      report["metric"].text());
  figure.kind = "bars";
  figure.columns = {
      {"feature"}, number(report["metric"].text() + " worse by"), number("deviation")};
  figure.options.set("value", figure.columns[1].title).set("deviation", true);
  fit_lines(figure);
  return to_html(figure);
}

}  // namespace

Markup features_section(const Facts& facts) {
  const Json& report = facts.report("extract_features");
  if (!report.is_object()) return {};
  Html html;
  const Json& graph = report["graph"];
  html.add("<p>{} features from {} input columns, one graph of {} operators; its answers are {}.",
           report["features"].items().size(), number_text(graph["inputs"]),
           number_text(graph["nodes"]),
           graph["exact"].boolean() ? "the same bits in any batch" : "equal to 1e-6 in any batch");
  const Json& selection = facts.report("select_features");
  std::size_t kept = 0;
  for (const Json& each : selection["columns"].items()) {
    kept += each["verdict"].text() == "kept" ? 1 : 0;
  }
  if (selection.is_object()) {
    html.add(" {} of {} columns are kept.", kept, selection["columns"].items().size());
  }
  html.add("</p>\n");
  if (selection.has("alarm")) {
    html.add(
        "<p class=\"note\">{} <code>{}</code> has {} of all importance: see that it is known "
        "at the prediction.</p>\n",
        badge("alarm", "warn"), selection["alarm"].text(),
        percent_text(selection["largest_share"].number()));
  }
  html.add(feature_table(facts)).add(left_out(report)).add(ranking(facts));
  return html.take();
}

}  // namespace kingpost::lifecycle::report
