// SPDX-License-Identifier: Apache-2.0
// What clean and standardise changed, and what curate joined, split and withheld.
#include "base/text.h"
#include "lifecycle/report/sections.h"

namespace kingpost::lifecycle::report {
namespace {

std::string columns_of(const Json& rule) {
  if (rule.has("column")) return rule["column"].text();
  std::vector<std::string> names;
  for (const Json& name : rule["columns"].items()) names.push_back(name.text());
  return join(names, ", ");
}

// A cell as it was or became; long fractions cut, since they are noise to a reader.
std::string cell_of(const Json& value) {
  if (value.is_null()) return "null";
  const std::string text = value_text(value);
  constexpr std::size_t kLong = 12;
  const auto number = text.size() > kLong ? parse_number(text) : std::nullopt;
  return number ? format("{:.6g}", *number) : shown(text, 40);
}

Markup example_of(const Json& rule) {
  if (rule["examples"].items().empty()) return {};
  const Json& first = rule["examples"].items()[0];
  return markup("<code>{}</code> → <code>{}</code>", cell_of(first["before"]),
                cell_of(first["after"]));
}

void add_rules(const Facts& facts, const char* step, Table& table) {
  for (const Json& each : facts.report(step)["tables"].items()) {
    for (const Json& rule : each["rules"].items()) {
      table.row({each["name"].text(), step, rule["rule"].text(), columns_of(rule),
                 number_text(rule["values"]),
                 rule.has("rejected") ? number_text(rule["rejected"]) : std::string(),
                 example_of(rule)});
    }
    for (const auto& [from, to] : each["renamed"].entries()) {
      table.row({each["name"].text(), step, "rename", format("{} → {}", from, value_text(to)), "",
                 "", ""});
    }
    for (const Json& name : each["dropped"].items()) {
      table.row({each["name"].text(), step, "drop", name.text(), "", "", ""});
    }
  }
}

Markup rows_table(const Facts& facts) {
  Table table("Rows in and out", {{"table"}, {"step"}, number("rows in"), number("rows out")});
  for (const char* step : {"clean", "standardise"}) {
    for (const Json& each : facts.report(step)["tables"].items()) {
      if (each["rows_in"] == each["rows_out"]) continue;
      table.row(
          {each["name"].text(), step, number_text(each["rows_in"]), number_text(each["rows_out"])});
    }
  }
  return table.rows() == 0 ? Markup{} : table.take();
}

Markup joins_table(const Json& joins) {
  Table table("Joins", {{"table"},
                        {"as of"},
                        number("rows matched"),
                        number("without a match"),
                        number("with a null key")});
  for (const Json& join : joins.items()) {
    const double all = join["matched"].number() + join["unmatched"].number();
    const double share = all > 0 ? join["unmatched"].number() / all : 0;
    table.row({join["table"].text(), join["asof"].text(), number_text(join["matched"]),
               markup("{} <small>{}</small>", number_text(join["unmatched"]), percent_text(share)),
               number_text(join["null_keys"])});
  }
  return table.rows() == 0 ? Markup{} : table.take();
}

std::string dates_of(const Node& split, std::string_view side) {
  const std::string validation = split.text_at("validation_from");
  const std::string test = split.text_at("test_from");
  if (validation.empty() && test.empty()) return {};
  if (side == "train") return format("before {}", validation.empty() ? test : validation);
  if (side == "validation") return format("from {} before {}", validation, test);
  return side == "test" ? format("from {}", test) : std::string();
}

constexpr const char* kSides[] = {"train", "validation", "test"};

Markup split_figure(const Facts& facts) {
  const Json& split = facts.report("curate")["split"];
  const Node& section = facts.pipeline->section("curate").at("split");
  Figure figure;
  bool with_share = false;
  for (const char* side : kSides) {
    const Json& each = split["sides"][side];
    if (!each.is_object()) continue;
    std::vector<Json> row = {side, each["rows"]};
    if (each.has("share")) {
      with_share = true;
      row.emplace_back(percent_text(each["share"].number()));
    }
    const std::string dates = dates_of(section, side);
    if (!dates.empty()) row.emplace_back(dates);
    figure.rows.push_back(std::move(row));
  }
  figure.title = "Sides of the split";
  figure.words = format("split by {}{}.", split["type"].text(),
                        section.has("column") ? format(" of {}", section.text_at("column")) : "");
  figure.kind = "bars";
  figure.columns = {{"side"}, number("rows")};
  if (with_share) figure.columns.push_back(number("share of true"));
  if (!figure.rows.empty() && figure.rows[0].size() > figure.columns.size()) {
    figure.columns.push_back({"dates"});
  }
  figure.options.set("value", "rows");
  fit_lines(figure);
  return to_html(figure);
}

}  // namespace

Markup changes_section(const Facts& facts) {
  Table table("", {{"table"},
                   {"step"},
                   {"rule"},
                   {"column"},
                   number("values changed"),
                   number("rows rejected"),
                   {"e.g."}});
  add_rules(facts, "clean", table);
  add_rules(facts, "standardise", table);
  if (table.rows() > 0) return markup("{}{}", rows_table(facts), table.take());
  if (!facts.step("clean").manifest) return {};
  return markup("<p>clean and standardise changed nothing.</p>\n");
}

Markup training_rows_section(const Facts& facts) {
  const Json& curate = facts.report("curate");
  if (!curate.is_object()) return {};
  Html html;
  const Node& section = facts.pipeline->section("curate");
  html.add("<p>One row per row of <b>{}</b>", section.text_at("spine"));
  const Node& predict_at = section.at("predict_at");
  if (predict_at.has("column")) {
    html.add(", predicted at <code>{} {}</code>", predict_at.text_at("column"),
             predict_at.text_at("offset"));
  }
  html.add(". {} rows have no label and stay out of training.</p>\n",
           number_text(curate["unlabelled"]));
  html.add(split_figure(facts)).add(joins_table(curate["joins"]));
  Table withheld("Withheld: not known yet at the prediction",
                 {{"column"}, {"known at"}, {"needed at"}});
  for (const Json& each : curate["withheld"].items()) {
    withheld.row({each["column"].text(), each["known_at"].text(), each["needed_at"].text()});
  }
  if (withheld.rows() > 0) html.add(withheld.take());
  Table no_value("Empty texts and NaN that became null", {{"column"}, {"table"}, number("values")});
  for (const Json& each : curate["no_value"].items()) {
    no_value.row({each["column"].text(), each["table"].text(), number_text(each["values"])});
  }
  if (no_value.rows() > 0) html.add(no_value.take());
  return html.take();
}

}  // namespace kingpost::lifecycle::report
