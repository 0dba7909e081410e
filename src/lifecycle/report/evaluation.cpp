// SPDX-License-Identifier: Apache-2.0
// Metrics with intervals, slices, importances, and the winner.
#include <algorithm>
#include <cmath>

#include "base/text.h"
#include "lifecycle/report/sections.h"

namespace kingpost::lifecycle::report {
namespace {

std::vector<std::string> metrics_of(const Json& evaluation, const std::string& model) {
  std::vector<std::string> out;
  for (const auto& [name, value] : evaluation[model]["metrics"].entries()) out.push_back(name);
  return out;
}

Markup metrics_table(const Facts& facts) {
  const Json& evaluation = facts.file("evaluation.json");
  const auto models = models_of(facts);
  if (models.empty()) return {};
  std::vector<Head> heads = {{"model"}};
  const auto metrics = metrics_of(evaluation, models[0]);
  for (const std::string& metric : metrics) heads.push_back(number(metric));
  Table table("On test rows, with 95% bootstrap intervals", heads);
  for (const std::string& model : models) {
    std::vector<Cell> cells = {model};
    for (const std::string& metric : metrics) {
      cells.emplace_back(interval_text(evaluation[model]["metrics"][metric]));
    }
    table.row(cells);
  }
  return table.take();
}

Markup metric_figure(const Facts& facts, const std::string& metric) {
  const Json& evaluation = facts.file("evaluation.json");
  Figure figure;
  for (const std::string& model : models_of(facts)) {
    const Json& each = evaluation[model]["metrics"][metric];
    if (!each["value"].is_number()) continue;
    figure.rows.push_back({model, each["value"], each["low"], each["high"]});
  }
  figure.title = metric;
  figure.kind = "intervals";
  figure.columns = {{"model"}, number(metric), number("low"), number("high")};
  figure.options.set("value", metric);
  fit_lines(figure);
  return to_html(figure);
}

std::string slice_columns(const Json& slice) {
  std::vector<std::string> names;
  for (const Json& name : slice["columns"].items()) names.push_back(name.text());
  return join(names, ", ");
}

std::string slice_values(const Json& slice) {
  std::vector<std::string> names;
  for (const Json& name : slice["values"].items()) names.push_back(name.text());
  return join(names, ", ");
}

// The slices over the same columns, the worst first.
Markup slices_figure(const Facts& facts, const std::string& columns) {
  const Json& evaluation = facts.file("evaluation.json");
  const Json& own = evaluation[shown_model(facts)];
  const std::string& metric = evaluation["metric"].text();
  const bool is_less = facts.report("train")["direction"].text() == "less";
  Figure figure;
  for (const Json& slice : own["slices"].items()) {
    const Json& each = slice["metrics"][metric];
    if (slice_columns(slice) != columns || !each["value"].is_number()) continue;
    figure.rows.push_back(
        {format("{} · {}{}", shown(slice_values(slice), 40), number_text(slice["rows"]),
                slice["small"].boolean() ? " only" : ""),
         each["value"], each["low"], each["high"], slice["rows"]});
  }
  std::stable_sort(figure.rows.begin(), figure.rows.end(), [&](const auto& a, const auto& b) {
    return is_less ? a[1].number() > b[1].number() : a[1].number() < b[1].number();
  });
  figure.title = format("{} by {}", metric, columns);
  figure.words = "and rows, the worst first, with 95% intervals; the dashed line is the whole.";
  figure.kind = "intervals";
  figure.columns = {{columns}, number(metric), number("low"), number("high"), number("rows")};
  figure.options.set("value", metric).set("reference", own["metrics"][metric]["value"]);
  fit_lines(figure);
  return to_html(figure);
}

Markup bars_of(const Json& features, const char* value, const Head& head, std::string title,
               std::string words) {
  Figure figure;
  const bool with_deviation = !features.items().empty() && features.items()[0].has("deviation");
  for (const Json& each : features.items()) {
    figure.rows.push_back({each["feature"], each[value]});
    if (with_deviation) figure.rows.back().push_back(each["deviation"]);
  }
  figure.title = std::move(title);
  figure.words = std::move(words);
  figure.kind = "bars";
  figure.columns = {{"feature"}, head};
  if (with_deviation) figure.columns.push_back(number("deviation"));
  figure.options.set("value", head.title).set("deviation", with_deviation);
  fit_lines(figure);
  return to_html(figure);
}

Markup champion_of(const Json& champion) {
  if (!champion.is_object()) {
    return markup("<p>There was no champion to compare with.</p>\n");
  }
  const std::string verdict = champion["verdict"].text();
  Html html;
  html.add("<p>Champion {}/{}: {} {}", value_text(champion["model"]),
           value_text(champion["version"]), badge(replace_all(verdict, "_", " "), tone_of(verdict)),
           champion["words"].text());
  if (champion["value"].is_number()) {
    html.add(" (it has {} on the same rows", interval_text(champion));
    const Json& difference = champion["difference"];
    if (difference.is_object()) html.add("; difference {}", interval_text(difference));
    html.add(")");
  }
  return html.add("</p>\n").take();
}

Markup version_of(const Facts& facts) {
  const Json& version = facts.file("version.json");
  if (!version.is_object()) return {};
  std::vector<std::string> aliases;
  for (const Json& alias : version["aliases"].items()) aliases.push_back(alias.text());
  return markup("<p>{} <b>{}/{}</b>{}; bundle <code>{}</code>.</p>\n",
                version["again"].boolean() ? "The same bundle is" : "Registered as",
                version["model"].text(), number_text(version["version"]),
                aliases.empty() ? std::string() : format(", alias {}", join(aliases, ", ")),
                version["bundle"].text());
}

Markup bundle_of(const Facts& facts) {
  const StepFacts& package = facts.step("package");
  if (!package.manifest) return {};
  Table table("", {{"file"}, number("size"), {"sha256"}});
  for (const records::File& file : package.manifest->output.files) {
    if (!starts_with(file.name, "bundle/")) continue;
    table.row({file.name.substr(file.name.find('/') + 1), human_bytes(file.bytes),
               markup("<code>{}</code>", file.digest)});
  }
  return table.rows() == 0 ? Markup{} : details("files of the bundle", table.take());
}

}  // namespace

std::vector<std::string> models_of(const Facts& facts) {
  std::vector<std::string> out;
  for (const auto& [name, value] : facts.file("evaluation.json").entries()) {
    if (value["metrics"].is_object()) out.push_back(name);
  }
  return out;
}

std::string choosing_rows(const Facts& facts) {
  const bool with_folds = facts.report("curate")["split"]["type"].text() == "kfold";
  return with_folds ? "the held-out rows of the folds" : "validation rows";
}

Json model_names(const Facts& facts) {
  Json out = Json::array();
  for (const Json& model : facts.report("train")["models"].items()) out.push(model["name"]);
  return out;
}

std::string shown_model(const Facts& facts) {
  const auto models = models_of(facts);
  std::string winner = facts.report("select_best")["name"].text();
  if (std::find(models.begin(), models.end(), winner) != models.end()) return winner;
  const std::string reference = reference_model(facts);
  for (const std::string& model : models) {
    if (model != reference) return model;
  }
  return models.empty() ? std::string() : models.front();
}

std::string reference_model(const Facts& facts) {
  for (const auto& [name, verdict] : facts.report("validate_models").entries()) {
    if (verdict["reference"].boolean()) return name;
  }
  return {};
}

std::string interval_text(const Json& metric) {
  if (!metric["value"].is_number()) return "–";
  // Four digits each, also where the last is 0, so that columns of them line up.
  const auto digits = [](const Json& number) {
    // From here on the form would end in a point.
    constexpr double kMany = 1000;
    return std::abs(number.number()) < kMany ? format("{:#.4g}", number.number())
                                             : number_text(number.number());
  };
  std::string value = digits(metric["value"]);
  if (!metric["low"].is_number() || metric["low"] == metric["high"]) return value;
  return format("{} [{}, {}]", value, digits(metric["low"]), digits(metric["high"]));
}

Markup evaluation_section(const Facts& facts) {
  const Json& evaluation = facts.file("evaluation.json");
  const auto models = models_of(facts);
  if (models.empty()) return {};
  Html html;
  html.add(
      "<p>{} test rows, which no step before this one has seen. {} version{} of the models "
      "{} been measured on them so far.</p>\n",
      number_text(evaluation["rows"]), number_text(evaluation["test_opened"]),
      evaluation["test_opened"].integer() == 1 ? "" : "s",
      evaluation["test_opened"].integer() == 1 ? "has" : "have");
  html.add(metrics_table(facts));
  std::vector<Markup> figures;
  for (const std::string& metric : metrics_of(evaluation, models[0])) {
    figures.push_back(metric_figure(facts, metric));
  }
  html.add(side_by_side(figures)).add(curves(facts));
  return html.take();
}

Markup slices_section(const Facts& facts) {
  const std::string model = shown_model(facts);
  const Json& evaluation = facts.file("evaluation.json");
  const Json& own = evaluation[model];
  std::vector<std::string> groups;
  for (const Json& slice : own["slices"].items()) {
    const std::string columns = slice_columns(slice);
    if (std::find(groups.begin(), groups.end(), columns) == groups.end()) {
      groups.push_back(columns);
    }
  }
  std::vector<Markup> figures;
  for (const std::string& group : groups) {
    figures.push_back(slices_figure(facts, group));
  }
  if (figures.empty()) return {};
  Html html;
  html.add("<p>{} on parts of the test rows.</p>\n", model).add(side_by_side(figures, false));
  if (evaluation["slices_left_out"].integer() > 0) {
    html.add("<p class=\"note\">{} more slices were left out.</p>\n",
             number_text(evaluation["slices_left_out"]));
  }
  return html.take();
}

Markup importances_section(const Facts& facts) {
  const std::string model = shown_model(facts);
  const Json& evaluation = facts.file("evaluation.json");
  const Json& own = evaluation[model];
  const std::string metric = evaluation["metric"].text();
  const Json& shap = own["explanations"];
  const Markup figures = side_by_side(
      {bars_of(own["importances"], "value", number(metric + " worse by"), "Permutation importance",
               format("how much worse {} gets on test rows when a feature's values are shuffled.",
                      metric)),
       bars_of(shap["features"], "mean_abs", number("mean |SHAP value|"), "SHAP values",
               format("how far a feature moves the raw score on average, over {} test rows ({}).",
                      number_text(shap["rows"]), replace_all(shap["method"].text(), "_", " ")))});
  if (figures.empty()) return {};
  return markup("<p>The features of {}.</p>\n{}", model, figures);
}

Markup winner_section(const Facts& facts) {
  const Json& best = facts.report("select_best");
  if (!best.is_object()) return {};
  Html html;
  const std::string metric = best["metric"].text();
  if (!best["name"].is_null()) {
    html.add("<p><b>{}</b> ({}): ", best["name"].text(), best["family"].text());
    for (const Json& line : best["why"].items()) html.add("{}. ", line.text());
    html.add("</p>\n");
  }
  Table table("On " + choosing_rows(facts), {{"model"},
                                             {"family"},
                                             number(metric),
                                             {"verdict"},
                                             {"in words"},
                                             number("leaves a row visits"),
                                             number("size")});
  for (const Json& each : best["table"].items()) {
    Json interval = Json::object();
    interval.set("value", each["metric"]).set("low", each["low"]).set("high", each["high"]);
    const std::string verdict = each["verdict"].text();
    table.row({each["name"].text(), each["family"].text(), interval_text(interval),
               badge(verdict, tone_of(verdict)), each["words"].text(),
               number_text(each["leaves_visited"]), human_bytes(each["bytes"].integer())});
  }
  html.add(table.take())
      .add(champion_of(best["champion"]))
      .add(version_of(facts))
      .add(bundle_of(facts));
  return html.take();
}

}  // namespace kingpost::lifecycle::report
