// SPDX-License-Identifier: Apache-2.0
// Candidates, trials and gates.
#include <algorithm>

#include "base/text.h"
#include "lifecycle/report/sections.h"

namespace kingpost::lifecycle::report {
namespace {

std::string parameters_text(const Json& parameters) {
  std::vector<std::string> words;
  for (const auto& [name, value] : parameters.entries()) {
    words.push_back(format("{} {}", name, value_text(value)));
  }
  return join(words, ", ");
}

Markup candidates_table(const Facts& facts) {
  Table table("Candidates", {{"name"}, {"family"}, {"why"}, number("trials")});
  const Json& report = facts.report("candidates");
  for (const Json& each : report["candidates"].items()) {
    const std::string& name = each["name"].text();
    std::int64_t trials = 0;
    for (const Json& trial : facts.report("train")["trials"].items()) {
      trials += trial["candidate"].text() == name ? 1 : 0;
    }
    table.row({name, each["family"].text(), each["why"].text(),
               trials > 0 ? count_text(trials) : std::string()});
  }
  for (const Json& each : report["left_out"].items()) {
    table.row({each["name"].text(), each["family"].text(),
               markup("{} {}", badge("left out", "plain"), each["why"].text()), ""});
  }
  return table.rows() == 0 ? Markup{} : table.take();
}

Markup models_table(const Json& train) {
  Table table("Best trial of each candidate", {{"model"},
                                               {"parameters"},
                                               number("rounds"),
                                               number("score"),
                                               number("training"),
                                               {"calibration"},
                                               number("threshold"),
                                               number("nodes"),
                                               number("leaves a row visits"),
                                               number("size")});
  for (const Json& each : train["models"].items()) {
    const std::string digest = each["digest"].text();
    table.row({markup("{}&nbsp;<small title=\"{}\">{}</small>", each["name"].text(), digest,
                      digest.substr(0, 8)),
               parameters_text(each["parameters"]), number_text(each["rounds"]),
               number_text(each["score"]), number_text(each["train_score"]),
               each["calibration"]["kind"].text(), number_text(each["threshold"]),
               number_text(each["nodes"]), number_text(each["leaves_visited"]),
               human_bytes(each["bytes"].integer())});
  }
  return table.rows() == 0 ? Markup{} : table.take();
}

// A constant would stretch the axis so far that trials could not be told apart.
bool is_drawn(const Json& train, const Json& trial) {
  for (const Json& model : train["models"].items()) {
    if (model["name"] == trial["candidate"]) return model["family"].text() != "constant";
  }
  return true;
}

// "baseline has 0.5; it is not drawn."
std::string undrawn(const Json& train) {
  for (const Json& model : train["models"].items()) {
    if (model["family"].text() != "constant") continue;
    return format(" {} has {} and is not drawn.", model["name"].text(),
                  number_text(model["score"]));
  }
  return {};
}

Markup trials_figure(const Facts& facts) {
  const Json& train = facts.report("train");
  const std::string metric = train["metric"].text();
  Figure figure;
  for (const Json& each : train["trials"].items()) {
    if (each["state"].text() != "done" || !is_drawn(train, each)) continue;
    figure.rows.push_back({each["trial"].integer() + 1, each["candidate"], each["score"],
                           each["train_score"], each["rounds"],
                           parameters_text(each["parameters"])});
  }
  const bool is_less = train["direction"].text() == "less";
  figure.title = format("{} by trial", metric);
  figure.words = format("on {}; {} is better. The line is the best so far.{}", choosing_rows(facts),
                        is_less ? "less" : "more", undrawn(train));
  figure.kind = "trials";
  figure.columns = {number("trial"),    {"candidate"},    number(metric),
                    number("training"), number("rounds"), {"parameters"}};
  figure.options.set("models", model_names(facts)).set("less", is_less).set("value", metric);
  figure.height = 300;
  return to_html(figure);
}

Markup fit_figure(const Facts& facts) {
  const Json& train = facts.report("train");
  const std::string metric = train["metric"].text();
  Figure figure;
  for (const Json& each : train["trials"].items()) {
    if (!each["train_score"].is_number() || !each["score"].is_number()) continue;
    if (!is_drawn(train, each)) continue;
    figure.rows.push_back(
        {each["train_score"], each["score"], each["candidate"], each["trial"].integer() + 1});
  }
  const bool with_folds = facts.report("curate")["split"]["type"].text() == "kfold";
  const char* other = with_folds ? "held-out" : "validation";
  figure.title = format("Training against {}", other);
  figure.words = format(
      "{} of each trial; far from the line is overfitted, or a change between "
      "training and {} rows.",
      metric, other);
  figure.kind = "scatter";
  figure.columns = {number(format("training {}", metric)),
                    number(format("{} {}", other, metric)),
                    {"candidate"},
                    number("trial")};
  figure.options.set("models", model_names(facts)).set("diagonal", true);
  figure.height = 300;
  return to_html(figure);
}

Markup failed_trials(const Json& train) {
  Table table("Trials that failed", {{"candidate"}, number("trial"), {"why"}});
  for (const Json& each : train["trials"].items()) {
    if (each["state"].text() == "done") continue;
    table.row({each["candidate"].text(), number_text(Json(each["trial"].integer() + 1)),
               each["words"].text()});
  }
  return table.rows() == 0 ? Markup{} : table.take();
}

}  // namespace

Markup trials_section(const Facts& facts) {
  const Json& train = facts.report("train");
  Html html;
  html.add(candidates_table(facts));
  if (train.is_object()) {
    html.add(side_by_side({trials_figure(facts), fit_figure(facts)}));
    html.add(models_table(train)).add(failed_trials(train));
  }
  return html.take();
}

Markup gates_section(const Facts& facts) {
  const Json& verdicts = facts.report("validate_models");
  if (!verdicts.is_object()) return {};
  Table table("", {{"model"}, {"gate"}, {"verdict"}, {"in words"}});
  // In the order in which they were trained; the report is sorted by name.
  for (const Json& model : facts.report("train")["models"].items()) {
    const std::string name = model["name"].text();
    const Json& own = verdicts[name];
    const bool is_reference = own["reference"].boolean();
    for (const Json& gate : own["gates"].items()) {
      const std::string verdict = gate["verdict"].text();
      const bool is_itself = is_reference && gate["gate"].text() == "beats";
      table.row({name, gate["gate"].text(),
                 is_itself ? badge("reference", "plain") : badge(verdict, tone_of(verdict)),
                 gate["words"].text()});
    }
  }
  return table.rows() == 0 ? Markup{} : table.take();
}

}  // namespace kingpost::lifecycle::report
