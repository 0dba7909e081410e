// SPDX-License-Identifier: Apache-2.0
// Curves of all models in one chart each, and the tables of decisions.
#include <algorithm>

#include "base/text.h"
#include "lifecycle/report/sections.h"

namespace kingpost::lifecycle::report {
namespace {

struct Axes {
  const char* curve;
  const char* x;
  const char* y;
  const char* title;
  const char* words;
  /// Also of a model that says the same of every row.
  bool of_constant = false;
};

std::vector<std::string> drawn_models(const Facts& facts, const Axes& axes) {
  std::vector<std::string> out = models_of(facts);
  const Json& evaluation = facts.file("evaluation.json");
  std::erase_if(out, [&](const std::string& model) {
    return !axes.of_constant && evaluation[model]["family"].text() == "constant";
  });
  return out;
}

// Points of the models as (x, y, model).
Figure lines_of(const Facts& facts, const Axes& axes) {
  const Json& evaluation = facts.file("evaluation.json");
  Figure figure;
  figure.title = axes.title;
  figure.words = axes.words;
  figure.kind = "lines";
  figure.options.set("models", model_names(facts));
  std::string x = axes.x;
  std::string y = axes.y;
  for (const std::string& model : drawn_models(facts, axes)) {
    for (const Json& point : evaluation[model]["curves"][axes.curve].items()) {
      figure.rows.push_back({point[axes.x], point[axes.y], model});
    }
  }
  for (char& c : x) c = c == '_' ? ' ' : c;
  for (char& c : y) c = c == '_' ? ' ' : c;
  figure.columns = {number(x), number(y), {"model"}};
  figure.height = 300;
  return figure;
}

Figure unit_square(Figure figure, bool with_diagonal) {
  figure.options.set("unit", true).set("diagonal", with_diagonal);
  return figure;
}

// Points with the number of rows behind them.
Figure groups_of(const Facts& facts, const Axes& axes) {
  Figure figure = lines_of(facts, axes);
  const Json& evaluation = facts.file("evaluation.json");
  std::size_t row = 0;
  for (const std::string& model : drawn_models(facts, axes)) {
    for (const Json& point : evaluation[model]["curves"][axes.curve].items()) {
      figure.rows[row++].push_back(point["rows"]);
    }
  }
  figure.columns.push_back(number("rows"));
  figure.options.set("points", true).set("diagonal", true);
  return figure;
}

constexpr std::size_t kFewClasses = 8;
constexpr std::size_t kMostClasses = 40;

// The pairs of classes that are mistaken most often, where a square of all would be unreadable.
Figure mistakes_of(const Json& confusion) {
  const auto& classes = confusion["classes"].items();
  Figure figure;
  for (std::size_t i = 0; i < classes.size() && i < confusion["rows"].items().size(); ++i) {
    const auto& line = confusion["rows"].items()[i].items();
    for (std::size_t k = 0; k < line.size() && k < classes.size(); ++k) {
      if (k == i || line[k].integer() == 0) continue;
      const std::string pair =
          format("{} as {}", shown(classes[i].text(), 40), shown(classes[k].text(), 40));
      figure.rows.push_back({pair, line[k]});
    }
  }
  std::stable_sort(figure.rows.begin(), figure.rows.end(),
                   [](const auto& a, const auto& b) { return a[1].number() > b[1].number(); });
  constexpr std::size_t kMostPairs = 200;
  if (figure.rows.size() > kMostPairs) figure.rows.resize(kMostPairs);
  figure.title = "Mistakes";
  figure.kind = "bars";
  figure.columns = {{"true class as decision"}, number("rows")};
  figure.options.set("value", "rows");
  return figure;
}

Markup confusion_of(const Facts& facts, const std::string& model) {
  const Json& confusion = facts.file("evaluation.json")[model]["curves"]["confusion"];
  const auto& classes = confusion["classes"].items();
  if (classes.size() > kMostClasses) {
    Figure figure = mistakes_of(confusion);
    figure.words = format("{} on test rows: which of the {} classes are taken for which.", model,
                          classes.size());
    fit_lines(figure);
    return to_html(figure);
  }
  Figure figure;
  for (std::size_t i = 0; i < classes.size() && i < confusion["rows"].items().size(); ++i) {
    const auto& line = confusion["rows"].items()[i].items();
    double all = 0;
    for (const Json& cell : line) all += cell.number();
    for (std::size_t k = 0; k < line.size() && k < classes.size(); ++k) {
      figure.rows.push_back(
          {classes[i], classes[k], line[k], all > 0 ? line[k].number() / all : 0.0});
    }
  }
  figure.title = "Decisions";
  figure.words = model + " on test rows; each line is a true class, the shade its share.";
  figure.kind = "matrix";
  figure.columns = {{"true class"}, {"decision"}, number("rows"), number("share of the class")};
  const bool is_dense = classes.size() > kFewClasses;
  figure.options.set("dense", is_dense);
  const int cell = is_dense ? 22 : 46;
  const int labels = is_dense ? 190 : 60;
  figure.height = static_cast<int>(classes.size()) * cell + labels;
  return to_html(figure);
}

}  // namespace

Markup curves(const Facts& facts) {
  const Axes roc = {"roc", "false_positive_rate", "true_positive_rate", "ROC",
                    "the diagonal is a guess."};
  const Axes pr = {"pr", "recall", "precision", "Precision and recall", "at every threshold."};
  const Axes gain = {"gain", "rows", "found", "Cumulative gain",
                     "which share of all true rows is among the rows with the highest scores."};
  const Axes calibration = {"calibration",
                            "predicted",
                            "share",
                            "Calibration",
                            "on the diagonal, what is said is what happens; larger dots are more "
                            "rows.",
                            true};
  const Axes predicted = {"predicted_vs_actual", "predicted", "actual", "Predicted and actual",
                          "means of twenty equal groups by rising prediction."};
  const std::string model = shown_model(facts);
  const Json& evaluation = facts.file("evaluation.json");
  // The groups are of one size, so their dots are too.
  Figure square = lines_of(facts, predicted);
  square.options.set("points", true).set("diagonal", true);
  Figure residuals;
  residuals.title = "Residuals";
  residuals.words = "prediction minus truth at each share of the test rows; drawn from 1% to 99%.";
  residuals.kind = "lines";
  residuals.columns = {number("share of rows"), number("residual"), {"model"}};
  residuals.height = 300;
  residuals.options.set("models", model_names(facts)).set("points", true).set("zero", true);
  double least = 0;
  double most = 0;
  for (const std::string& each : models_of(facts)) {
    for (const Json& point : evaluation[each]["curves"]["residuals"]["quantiles"].items()) {
      residuals.rows.push_back({point["share"], point["residual"], each});
      if (point["share"].number() <= 0 || point["share"].number() >= 1) continue;
      least = std::min(least, point["residual"].number());
      most = std::max(most, point["residual"].number());
    }
  }
  if (least < most) residuals.options.set("domain", Json(Json::Array{least, most}));
  const Markup decisions = confusion_of(facts, model);
  const bool is_small =
      evaluation[model]["curves"]["confusion"]["classes"].items().size() <= kFewClasses;
  const Markup beside =
      side_by_side({to_html(unit_square(lines_of(facts, roc), true)),
                    to_html(unit_square(lines_of(facts, pr), false)),
                    to_html(unit_square(lines_of(facts, gain), true)),
                    to_html(unit_square(groups_of(facts, calibration), true)), to_html(square),
                    to_html(residuals), is_small ? decisions : Markup{}});
  return is_small ? beside : markup("{}{}", beside, decisions);
}

}  // namespace kingpost::lifecycle::report
