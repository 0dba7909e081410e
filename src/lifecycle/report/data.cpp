// SPDX-License-Identifier: Apache-2.0
// Sources, the profile of each column, and the checks.
#include <algorithm>

#include "base/text.h"
#include "lifecycle/report/sections.h"

namespace kingpost::lifecycle::report {
namespace {

Markup sources_table(const Facts& facts) {
  Table table("Sources", {{"table"},
                          {"format"},
                          {"files"},
                          number("rows read"),
                          number("rejected"),
                          number("left out by sampling"),
                          number("rows")});
  for (const auto& [name, each] : facts.report("ingest")["tables"].entries()) {
    Html files;
    for (const Json& file : each["files"].items()) {
      files.add("<div title=\"sha256 {}\">{}</div>", file["sha256"].text(), file["name"].text());
    }
    table.row({name, each["format"].text(), files.take(), number_text(each["rows_in"]),
               number_text(each["rejected"]), number_text(each["sampled_out"]),
               number_text(each["rows"])});
  }
  return table.rows() == 0 ? Markup{} : table.take();
}

Markup nulls_cell(const Json& column, std::int64_t rows) {
  const std::int64_t nulls = column["nulls"].integer();
  if (nulls == 0) return markup("0");
  const double share = rows == 0 ? 0 : static_cast<double>(nulls) / static_cast<double>(rows);
  return markup("{} <small>{}</small><span class=\"bar\"><i style=\"width:{}%\"></i></span>",
                number_text(Json(nulls)), percent_text(share), std::max(1.0, share * 100));
}

// The middle half as a box, from the 1% to the 99% quantile as a line, the median as a stroke.
Markup box_of(const Json& quantiles) {
  const Json& low = quantiles["0.01"];
  const Json& high = quantiles["0.99"];
  const double range = high.number() - low.number();
  if (!low.is_number() || !(range > 0)) return {};
  constexpr double kWidth = 116;
  const auto at = [&](const char* share) {
    return 2 + kWidth * (quantiles[share].number() - low.number()) / range;
  };
  const double left = at("0.25");
  const std::string words = format("1% {}, 25% {}, median {}, 75% {}, 99% {}", number_text(low),
                                   number_text(quantiles["0.25"]), number_text(quantiles["0.5"]),
                                   number_text(quantiles["0.75"]), number_text(high));
  const std::string lines = format(
      "<line x1=\"2\" y1=\"8\" x2=\"118\" y2=\"8\"/><path d=\"M{0:.1f} 5V11M{1:.1f} 5V11\"/>"
      "<rect x=\"{2:.1f}\" y=\"3\" width=\"{3:.1f}\" height=\"10\"/>"
      "<path class=\"median\" d=\"M{4:.1f} 2V14\"/>",
      at("0.05"), at("0.95"), left, std::max(1.0, at("0.75") - left), at("0.5"));
  return markup(
      "<svg class=\"box\" viewBox=\"0 0 120 16\" width=\"120\" height=\"16\" role=\"img\" "
      "aria-label=\"{}\"><title>{}</title>{}</svg>",
      words, words, Markup{lines});
}

// The most frequent values with their share, the first three in sight.
Markup top_of(const Json& sample, std::int64_t rows) {
  const auto& top = sample["top"].items();
  if (top.empty() || rows == 0) return {};
  constexpr std::size_t kInSight = 3;
  std::vector<std::string> all;
  Html html;
  for (std::size_t i = 0; i < top.size(); ++i) {
    const double share = top[i]["count"].number() / static_cast<double>(rows);
    all.push_back(format("{} {}", value_text(top[i]["value"]), percent_text(share)));
    if (i >= kInSight) continue;
    html.add("<span class=\"top\"><i style=\"width:{}%\"></i>{} <small>{}</small></span>",
             share * 100, shown(value_text(top[i]["value"]), 24), percent_text(share));
  }
  return markup("<span class=\"tops\" title=\"{}\">{}</span>", join(all, "\n"), html.take());
}

Markup shape_of(const Json& column, std::int64_t rows_of_sample) {
  const Json& sample = column["sample"];
  if (sample["quantiles"].is_object()) {
    Markup box = box_of(sample["quantiles"]);
    if (!box.empty()) return box;
  }
  // A list of values that are all different says nothing.
  const auto& top = sample["top"].items();
  if (!top.empty() && top[0]["count"].integer() <= 1) return markup("<small>all differ</small>");
  return top_of(sample, rows_of_sample);
}

std::string type_text(const Json& column) {
  std::string text = column["type"].text();
  if (column["nan"].integer() > 0) text += format(", {} NaN", grouped(column["nan"].integer()));
  const std::int64_t infinite = column["infinite"].integer();
  if (infinite > 0) text += format(", {} infinite", grouped(infinite));
  return text;
}

// The sample is drawn by hash, so its size is known only about; a column whose frequent values are
// all of its values tells it.
std::int64_t rows_looked_at(const Json& table) {
  const Json& sample = table["sample"];
  std::int64_t out =
      sample["of_rows"].integer() / std::max<std::int64_t>(1, sample["every"].integer());
  for (const Json& column : table["profile"].items()) {
    std::int64_t sum = 0;
    for (const Json& value : column["sample"]["top"].items()) sum += value["count"].integer();
    out = std::max(out, sum);
  }
  return out;
}

Markup profile_table(const Json& table) {
  const std::int64_t rows = table["rows"].integer();
  const std::int64_t looked_at = rows_looked_at(table);
  Table out("", {{"column"},
                 {"type"},
                 number("nulls"),
                 number("distinct"),
                 number("min"),
                 number("mean"),
                 number("max"),
                 {"shape"}});
  for (const Json& column : table["profile"].items()) {
    const bool is_exact = column["distinct_is"].text() == "exact";
    std::string least = value_text(column["min"]);
    std::string most = value_text(column["max"]);
    if (column.has("min_length")) {
      least = format("{} long", number_text(column["min_length"]));
      most = format("{} long", number_text(column["max_length"]));
    }
    out.row({column["name"].text(), type_text(column), nulls_cell(column, rows),
             column["distinct"].is_null()
                 ? std::string("–")
                 : format("{}{}", is_exact ? "" : "about ", number_text(column["distinct"])),
             shown(least, 30), column.has("mean") ? number_text(column["mean"]) : "",
             shown(most, 30), shape_of(column, looked_at)});
  }
  return out.take();
}

int rank_of(const std::string& verdict) {
  if (verdict == "passed") return 2;
  return verdict == "warned" ? 1 : 0;
}

Markup examples_of(const Json& check) {
  const auto& examples = check["examples"].items();
  if (examples.empty()) return {};
  std::vector<std::string> lines;
  for (const Json& example : examples) {
    std::vector<std::string> words = {shown(value_text(example["value"]), 40)};
    if (example.has("row")) words.push_back(format("row {}", grouped(example["row"].integer())));
    for (const auto& [name, value] : example["key"].entries()) {
      words.push_back(format("{}={}", name, value_text(value)));
    }
    if (example["count"].integer() > 1) {
      words.push_back(format("{} rows", grouped(example["count"].integer())));
    }
    lines.push_back(join(words, ", "));
  }
  return details("examples", markup("<div class=\"lines\">{}</div>", join(lines, "\n")));
}

Markup found_of(const Json& check) {
  if (check.has("reason")) return markup("{}", check["reason"].text());
  if (!check.has("evaluated")) {
    return check["observed"].is_null() ? Markup{}
                                       : markup("found {}", value_text(check["observed"]));
  }
  const std::int64_t unexpected = check["unexpected"].integer();
  if (unexpected == 0) return markup("none of {}", number_text(check["evaluated"]));
  return markup("{} of {} <small>{}</small>{}", number_text(check["unexpected"]),
                number_text(check["evaluated"]), percent_text(check["share"].number()),
                examples_of(check));
}

}  // namespace

Markup profile_section(const Facts& facts) {
  Html html;
  html.add(sources_table(facts));
  const auto& tables = facts.report("validate_data")["tables"].entries();
  if (!tables.empty()) {
    html.add(
        "<p>Shape: the most frequent values, or the line from the 1% to the 99% quantile with "
        "the middle half as a box and the median as a stroke.</p>\n");
  }
  for (const auto& [name, table] : tables) {
    const std::int64_t every = table["sample"]["every"].integer();
    html.add("<h3>{} <small>{} rows, {} columns{}</small></h3>\n", name, number_text(table["rows"]),
             table["profile"].items().size(),
             every > 1 ? format("; shapes from one row in {}", every) : std::string());
    html.add(profile_table(table));
  }
  return html.take();
}

Markup checks_section(const Facts& facts) {
  struct Line {
    int rank = 0;
    std::string table;
    const Json* check = nullptr;
  };
  std::vector<Line> lines;
  for (const auto& [name, table] : facts.report("validate_data")["tables"].entries()) {
    for (const Json& check : table["checks"].items()) {
      lines.push_back({rank_of(check["verdict"].text()), name, &check});
    }
  }
  std::stable_sort(lines.begin(), lines.end(),
                   [](const Line& a, const Line& b) { return a.rank < b.rank; });
  Table table("", {{"check"},
                   {"table"},
                   {"verdict"},
                   {"failing"},
                   number("must pass"),
                   {"severity"},
                   {"then"}});
  for (const Line& line : lines) {
    const Json& check = *line.check;
    const std::string verdict = check["verdict"].text();
    table.row({check["label"].text(), line.table, badge(verdict, tone_of(verdict)), found_of(check),
               check.has("mostly") ? percent_text(check["mostly"].number()) : std::string(),
               check["severity"].text(), check["on_fail"].text()});
  }
  for (const Json& check : facts.report("curate")["checks"].items()) {
    const std::string verdict = check["verdict"].text();
    table.row({check["check"].text(), "training", badge(verdict, tone_of(verdict)),
               check["text"].text(), "", "", ""});
  }
  if (table.rows() > 0) return table.take();
  if (!facts.step("validate_data").manifest) return {};
  return markup(
      "<p>The file asks for no checks; <code>kingpost help validate_data</code> lists "
      "what there is.</p>\n");
}

}  // namespace kingpost::lifecycle::report
