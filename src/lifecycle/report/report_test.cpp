// SPDX-License-Identifier: Apache-2.0
// The page on made facts: nothing of the data becomes markup, charts carry their data twice,
// numbers read well, and what is missing leaves no hole.
#include "lifecycle/report/report.h"

#include <gtest/gtest.h>

#include <limits>

#include "lifecycle/report/embedded.h"
#include "lifecycle/report/figure.h"
#include "lifecycle/report/html.h"
#include "lifecycle/report/sections.h"

namespace kingpost::lifecycle::report {
namespace {

constexpr const char* kHostile = "</script><script>alert(1)</script><img src=x onerror='a()'>\"&";

std::size_t count_of(const std::string& text, std::string_view what) {
  std::size_t count = 0;
  for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) {
    ++count;
  }
  return count;
}

// A run that ended after evaluation, with a hostile name wherever the data can bring one.
Facts hostile_facts(const Pipeline& pipeline) {
  Facts facts;
  facts.pipeline = &pipeline;
  facts.version = "0";
  for (const StepRow& row : rows()) facts.steps.push_back({.row = &row});
  const auto set = [&](std::string_view word, const Json& report) {
    for (StepFacts& step : facts.steps) {
      if (step.row->word != word) continue;
      step.manifest = Manifest{};
      step.manifest->report = report;
      step.manifest->warnings = {kHostile};
      step.current = true;
    }
  };
  Json column = Json::object();
  column.set("name", kHostile).set("type", "string").set("nulls", 1).set("distinct", 2);
  Json top = Json::array();
  top.push(Json::object().set("value", kHostile).set("count", 2));
  column.set("sample", Json::object().set("top", top));
  Json check = Json::object();
  check.set("label", kHostile).set("verdict", "failed").set("evaluated", 4).set("unexpected", 1);
  Json example = Json::object();
  example.set("value", kHostile).set("key", Json::object().set(kHostile, kHostile));
  Json examples = Json::array();
  examples.push(example);
  check.set("examples", examples);
  Json columns = Json::array();
  columns.push(column);
  Json checks = Json::array();
  checks.push(check);
  Json table = Json::object();
  table.set("rows", 4).set("profile", columns).set("checks", checks);
  table.set("sample", Json::object().set("every", 1).set("of_rows", 4));
  set("validate_data", Json::object().set("tables", Json::object().set(kHostile, table)));
  Json metric = Json::object();
  metric.set("value", 0.5).set("low", 0.25).set("high", 0.75);
  Json model = Json::object();
  model.set("family", kHostile).set("metrics", Json::object().set(kHostile, metric));
  Json slice = Json::object();
  Json names = Json::array();
  names.push(kHostile);
  slice.set("columns", names).set("values", names).set("rows", 3);
  slice.set("metrics", Json::object().set(kHostile, metric));
  Json slices = Json::array();
  slices.push(slice);
  model.set("slices", slices);
  Json evaluation = Json::object();
  evaluation.set(kHostile, model).set("rows", 3).set("metric", kHostile).set("test_opened", 1);
  facts.files["evaluation.json"] = evaluation;
  set("evaluate", evaluation);
  set("select_best", Json::object().set("name", kHostile).set("metric", kHostile));
  return facts;
}

TEST(ReportHtml, EscapesEveryValue) {
  EXPECT_EQ(markup("<b title=\"{}\">{}</b>", kHostile, "a<b").text,
            "<b title=\"&lt;/script&gt;&lt;script&gt;alert(1)&lt;/script&gt;&lt;img src=x "
            "onerror=&#39;a()&#39;&gt;&quot;&amp;\">a&lt;b</b>");
  EXPECT_EQ(markup("<i>{}</i>", markup("<b>{}</b>", "<")).text, "<i><b>&lt;</b></i>");
}

TEST(ReportHtml, ReplacesWhatIsNoText) {
  EXPECT_EQ(escaped("a\xFFz"), "a\xEF\xBF\xBDz");
  EXPECT_EQ(escaped(std::string_view("a\0\x1Bz", 4)), "a\xEF\xBF\xBD\xEF\xBF\xBDz");
  EXPECT_EQ(escaped("Zürich €\n"), "Zürich €\n");
  // A character that is cut short takes only its own bytes with it.
  EXPECT_EQ(escaped("\xE2\x82<"), "\xEF\xBF\xBD\xEF\xBF\xBD&lt;");
}

TEST(ReportHtml, NumbersForPeople) {
  EXPECT_EQ(number_text(Json(2013)), "2013");
  EXPECT_EQ(number_text(Json(-336'776)), "-336,776");
  EXPECT_EQ(number_text(1048.36058), "1048.4");
  EXPECT_EQ(number_text(12'345.67), "12,345.7");
  EXPECT_EQ(number_text(0.000862224), "0.0008622");
  EXPECT_EQ(number_text(std::numeric_limits<double>::quiet_NaN()), "–");
  EXPECT_EQ(number_text(Json()), "–");
  EXPECT_EQ(percent_text(0.5), "50%");
  EXPECT_EQ(percent_text(0.00001), "<0.1%");
  EXPECT_EQ(percent_text(0.99999), ">99.9%");
}

TEST(ReportHtml, IntervalsLineUp) {
  Json metric = Json::object();
  metric.set("value", 0.661).set("low", 0.63).set("high", 0.6859);
  EXPECT_EQ(interval_text(metric), "0.6610 [0.6300, 0.6859]");
  EXPECT_EQ(interval_text(metric.set("low", 0.5).set("high", 0.5)), "0.6610");
  EXPECT_EQ(interval_text(Json()), "–");
}

TEST(ReportFigure, CarriesItsDataAsJsonAndAsTable) {
  Figure figure;
  figure.title = "t";
  figure.kind = "bars";
  figure.columns = {{"name"}, number("value")};
  figure.rows = {{kHostile, 1}, {"b", Json()}};
  const std::string html = to_html(figure).text;
  constexpr std::string_view kOpen = "class=\"data\">";
  const std::size_t from = html.find(kOpen) + kOpen.size();
  const auto data = parse_json(html.substr(from, html.find("</script>") - from));
  ASSERT_TRUE(data);
  EXPECT_EQ((*data)["rows"].items().size(), 2U);
  EXPECT_EQ((*data)["rows"].items()[0].items()[0].text(), kHostile);
  EXPECT_EQ(count_of(html, "<th scope=\"row\">"), 2U);
  EXPECT_EQ(count_of(html, "<script"), 1U);
}

TEST(ReportFigure, DrawsTheFirstOfManyLinesAndSaysSo) {
  Figure figure;
  figure.kind = "bars";
  figure.columns = {{"name"}, number("value")};
  for (int i = 0; i < 312; ++i) figure.rows.push_back({"x", i});
  fit_lines(figure);
  const std::string html = to_html(figure).text;
  EXPECT_NE(html.find("The first 40 of 312; the table has all."), std::string::npos);
  EXPECT_EQ(count_of(html, "<th scope=\"row\">"), 312U);
  EXPECT_LT(figure.height, 1000);
}

TEST(ReportFigure, NoRowsNoFigure) {
  EXPECT_TRUE(to_html(Figure{}).empty());
  EXPECT_TRUE(side_by_side({to_html(Figure{})}).empty());
}

TEST(ReportPage, HostileNamesStayText) {
  const Pipeline pipeline;
  const std::string all = page_of(hostile_facts(pipeline));
  // Our own scripts end the page; before them there is one block of data per chart.
  EXPECT_EQ(count_of(all, "<script>"), 4U);
  const std::string page = all.substr(0, all.find("<script>"));
  EXPECT_EQ(page.find("<img"), std::string::npos);
  EXPECT_EQ(count_of(page, "<script"), count_of(page, "<figure>"));
  EXPECT_EQ(count_of(page, "</script>"), count_of(page, "<figure>"));
  EXPECT_GT(count_of(page, "<figure>"), 1U);
  EXPECT_GT(count_of(page, "&lt;/script&gt;&lt;script&gt;alert(1)"), 8U);
}

TEST(ReportPage, AllowsItsOwnScriptsByHashAndNothingFromElsewhere) {
  const Pipeline pipeline;
  const std::string page = page_of(hostile_facts(pipeline));
  EXPECT_NE(page.find("default-src 'none'"), std::string::npos);
  EXPECT_EQ(count_of(page.substr(0, page.find("<title>")), "'sha256-"), 4U);
  EXPECT_EQ(page.find("unsafe-eval"), std::string::npos);
  EXPECT_EQ(page.find("sourceMappingURL"), std::string::npos);
  for (const char* name : {"vega", "vega-lite", "vega-embed"}) {
    EXPECT_NE(embedded(std::string(name) + ".LICENSE").find("Redistribution"),
              std::string_view::npos);
  }
}

TEST(ReportPage, WinnerBesideTheChampionAndItsVersion) {
  const Pipeline pipeline;
  Facts facts = hostile_facts(pipeline);
  Json difference = Json::object();
  difference.set("value", 0.5).set("low", 0.25).set("high", 0.75);
  Json champion = Json::object();
  champion.set("model", "late").set("version", 3).set("value", 22.5).set("low", 22.0);
  champion.set("high", 23.0).set("verdict", "better").set("words", "it beats late/3");
  champion.set("difference", difference);
  for (StepFacts& step : facts.steps) {
    if (step.row->word == "select_best") step.manifest->report.set("champion", champion);
  }
  Json aliases = Json::array();
  aliases.push("challenger");
  Json version = Json::object();
  version.set("model", "late").set("version", 4).set("bundle", "ab12").set("again", false);
  facts.files["version.json"] = version.set("aliases", aliases);
  const std::string html = winner_section(facts).text;
  EXPECT_NE(html.find("Champion late/3: <span class=\"badge good\">better</span> it beats late/3 "
                      "(it has 22.50 [22.00, 23.00] on the same rows; difference 0.5000 [0.2500, "
                      "0.7500])"),
            std::string::npos)
      << html;
  EXPECT_NE(html.find("Registered as <b>late/4</b>, alias challenger"), std::string::npos) << html;
  EXPECT_NE(summary_section(facts).text.find("late/4"), std::string::npos);
}

TEST(ReportPage, OfNothingIsStillAPage) {
  const Pipeline pipeline;
  Facts facts;
  facts.pipeline = &pipeline;
  for (const StepRow& row : rows()) facts.steps.push_back({.row = &row});
  EXPECT_FALSE(facts.any());
  const std::string page = page_of(facts);
  EXPECT_NE(page.find("not reached"), std::string::npos);
  EXPECT_EQ(page.find("id=\"evaluation\""), std::string::npos);
  EXPECT_EQ(page, page_of(facts));
}

}  // namespace
}  // namespace kingpost::lifecycle::report
