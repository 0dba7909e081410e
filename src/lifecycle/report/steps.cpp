// SPDX-License-Identifier: Apache-2.0
// Summary and the 22 rows.
#include <map>

#include "base/text.h"
#include "lifecycle/report/sections.h"

namespace kingpost::lifecycle::report {
namespace {

constexpr double kMicros = 1e6;

Markup card(std::string_view name, std::string_view value, std::string_view below) {
  return markup("<div class=\"card\"><span>{}</span><b>{}</b><small>{}</small></div>\n", name,
                value, below);
}

// What a step says of itself in one word.
std::string state_of(const StepFacts& step) {
  if (step.of_last_run) {
    const std::string& state = step.execution->state;
    return state == "sealed" ? "ran" : state;
  }
  if (step.manifest) return step.current ? "reused" : "earlier run";
  if (step.row->start == Start::kByCommand) return "by command";
  if (step.row->by_section) return "not asked for, or not reached";
  return step.row->built() ? "not reached" : "not built";
}

Markup model_cards(const Facts& facts) {
  const std::string model = shown_model(facts);
  const Json& evaluation = facts.file("evaluation.json");
  if (model.empty()) return {};
  Html html;
  const bool is_winner = facts.report("select_best")["name"].text() == model;
  html.add(card(is_winner ? "selected model" : "first model", model,
                evaluation[model]["family"].text()));
  const std::string metric = evaluation["metric"].text();
  const Json& own = evaluation[model]["metrics"][metric];
  const std::string other = reference_model(facts);
  const Json& baseline = evaluation[other]["metrics"][metric];
  if (own.is_object()) {
    html.add(card(format("{} on {} test rows", metric, number_text(evaluation["rows"])),
                  interval_text(own),
                  other.empty() ? "" : format("{} has {}", other, interval_text(baseline))));
  }
  const Json& version = facts.file("version.json");
  if (version.is_object()) {
    std::vector<std::string> aliases;
    for (const Json& alias : version["aliases"].items()) aliases.push_back(alias.text());
    html.add(card("registered as",
                  format("{}/{}", version["model"].text(), version["version"].integer()),
                  aliases.empty() ? "no alias" : join(aliases, ", ")));
  }
  return html.take();
}

Markup data_cards(const Facts& facts) {
  Html html;
  const StepFacts& ingest = facts.step("ingest");
  if (ingest.manifest) {
    html.add(card("rows read", number_text(Json(ingest.manifest->output.rows())),
                  format("{} table{}", ingest.manifest->output.tables.size(),
                         ingest.manifest->output.tables.size() == 1 ? "" : "s")));
  }
  std::int64_t all = 0;
  std::map<std::string, std::int64_t> verdicts;
  for (const auto& [name, table] : facts.report("validate_data")["tables"].entries()) {
    for (const Json& check : table["checks"].items()) {
      ++all;
      ++verdicts[replace_all(check["verdict"].text(), "_", " ")];
    }
  }
  const std::int64_t passed = verdicts["passed"];
  verdicts.erase("passed");
  std::vector<std::string> others;
  for (const auto& [verdict, count] : verdicts) others.push_back(format("{} {}", count, verdict));
  if (all > 0) {
    html.add(card("data checks", format("{} of {} passed", passed, all), join(others, ", ")));
  }
  return html.take();
}

// What a check of the data found wrong; those that passed are in their own section.
Markup failing_checks(const Facts& facts) {
  Html html;
  for (const auto& [name, table] : facts.report("validate_data")["tables"].entries()) {
    for (const Json& check : table["checks"].items()) {
      const std::string verdict = check["verdict"].text();
      if (verdict == "passed") continue;
      html.add("<li>{} <b>{}</b> {}: {}</li>\n",
               badge(replace_all(verdict, "_", " "), tone_of(verdict)), name, check["label"].text(),
               check.has("evaluated") ? format("{} of {} rows", number_text(check["unexpected"]),
                                               number_text(check["evaluated"]))
                                      : value_text(check["observed"]));
    }
  }
  return html.take();
}

// Test rows do not choose the model, but a person wants to know when they would choose another.
Markup better_on_test(const Facts& facts) {
  const Json& evaluation = facts.file("evaluation.json");
  const std::string metric = evaluation["metric"].text();
  const std::string winner = facts.report("select_best")["name"].text();
  const Json& own = evaluation[winner]["metrics"][metric]["value"];
  const bool is_less = facts.report("train")["direction"].text() == "less";
  Html html;
  for (const std::string& model : models_of(facts)) {
    const Json& other = evaluation[model]["metrics"][metric]["value"];
    if (!own.is_number() || !other.is_number() || model == winner) continue;
    if (is_less ? other.number() >= own.number() : other.number() <= own.number()) continue;
    html.add(
        "<li>{} <b>evaluate</b> on test rows {} has {} {}, the selected {} has {}; models are "
        "chosen on {}</li>\n",
        badge("note", "plain"), model, metric, number_text(other), winner, number_text(own),
        choosing_rows(facts));
  }
  return html.take();
}

// Everything that a person should look at, in step order.
Markup attention(const Facts& facts) {
  Html list;
  if (facts.run && facts.run->state == "broke off") {
    list.add("<li>{} the run broke off; <code>kingpost run</code> goes on where it stopped</li>\n",
             badge("broke off", "bad"));
  }
  for (const StepFacts& step : facts.steps) {
    if (step.of_last_run && !step.execution->error.empty()) {
      list.add("<li>{} <b>{}</b> <span class=\"lines\">{}</span></li>\n",
               badge(step.execution->state, "bad"), step.row->word, step.execution->error);
    }
    if (!step.manifest || !(step.current || step.of_last_run)) continue;
    for (const std::string& warning : step.manifest->warnings) {
      // Some begin with the word of their step.
      const std::string word = std::string(step.row->word) + " ";
      const bool repeats = starts_with(warning, word);
      list.add("<li>{} <b>{}</b> {}</li>\n", badge("warning", "warn"), step.row->word,
               repeats ? warning.substr(word.size()) : warning);
    }
  }
  list.add(failing_checks(facts)).add(better_on_test(facts));
  if (list.empty()) return markup("<p>No step has a warning.</p>\n");
  return markup("<h3>To look at</h3><ul class=\"attention\">{}</ul>\n", list.take());
}

}  // namespace

Markup summary_section(const Facts& facts) {
  Html html;
  html.add("<div class=\"cards\">{}{}</div>\n", model_cards(facts), data_cards(facts));
  const Json& why = facts.report("select_best")["why"];
  for (const Json& line : why.items()) html.add("<p>{}</p>\n", line.text());
  html.add(attention(facts));
  return html.take();
}

Markup steps_section(const Facts& facts) {
  Table table("", {number("#"), {"step"}, {"state"}, number("time"), {"found"}, number("disk")});
  for (const StepFacts& step : facts.steps) {
    const std::string state = state_of(step);
    std::string time;
    if (step.of_last_run && step.execution->ended > step.execution->started) {
      time = elapsed_text(static_cast<double>(step.execution->ended - step.execution->started) /
                          kMicros);
    }
    std::string found = step.manifest ? counts_text(step.manifest->counts) : "";
    if (step.of_last_run && !step.execution->error.empty()) found = step.execution->error;
    table.row({number_text(Json(step.row->number)),
               markup("<span title=\"{} to {}\">{}</span>", step.row->reads, step.row->writes,
                      step.row->word),
               markup("{} {}", badge(state, tone_of(state)),
                      step.is_stale() ? badge("stale", "warn") : Markup{}),
               time, found, step.manifest ? human_bytes(step.manifest->bytes()) : ""});
  }
  Html html;
  html.add(
      "<p>ran: done by the last run; reused: nothing it depends on had changed; stale: of an "
      "earlier state of the file. Disk counts what a step passes on, too.</p>\n");
  html.add(table.take());
  return html.take();
}

}  // namespace kingpost::lifecycle::report
