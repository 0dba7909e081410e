// SPDX-License-Identifier: Apache-2.0
// The page as a whole: facts, order of the sections, policy.
#include "lifecycle/report/report.h"

#include <algorithm>

#include "base/digest.h"
#include "base/files.h"
#include "base/text.h"
#include "lifecycle/report/embedded.h"
#include "lifecycle/report/sections.h"
#include "store/lock.h"

namespace kingpost::lifecycle::report {
namespace {

constexpr std::size_t kLargestFile = 16U << 20U;

bool is_wanted(const records::File& file) {
  for (const char* name : {"features.json", "evaluation.json", "version.json"}) {
    if (file.name == name) return static_cast<std::size_t>(file.bytes) <= kLargestFile;
  }
  return false;
}

Status read_files(const Workspace& workspace, Facts& facts) {
  for (const StepFacts& step : facts.steps) {
    if (!step.manifest) continue;
    for (const records::File& file : step.manifest->output.files) {
      // The first that has it made it; the others passed it on, and may be of an older run.
      if (!is_wanted(file) || facts.files.contains(file.name)) continue;
      TRY(const std::string bytes, workspace.objects.read(file.digest));
      TRY(facts.files[file.name], parse_json(bytes));
    }
  }
  return {};
}

Status read_run(const Pipeline& pipeline, Workspace& workspace, Facts& facts) {
  constexpr int kMost = 1000;
  const std::string file = name_of(pipeline.path);
  TRY(auto runs, workspace.journal->runs(kMost));
  const auto run = std::find_if(runs.begin(), runs.end(),
                                [&](const store::Run& each) { return each.file == file; });
  if (run == runs.end()) return {};
  if (run->state == "running" && !store::Lock::holder(pipeline.store_folder)) {
    run->state = "broke off";
  }
  facts.run = *run;
  TRY(const auto executions, workspace.journal->executions());
  for (StepFacts& step : facts.steps) {
    for (const store::Execution& each : executions) {
      if (each.step != step.row->word || each.run != run->id) continue;
      step.of_last_run = true;
      if (!step.execution || step.execution->id < each.id) step.execution = each;
    }
    if (step.execution || !step.manifest) continue;
    TRY(step.execution, workspace.journal->last_report(file, std::string(step.row->word)));
  }
  return {};
}

struct Section {
  const char* id;
  const char* title;
  Markup (*make)(const Facts& facts);
  // The step whose result it shows.
  const char* step;
};

constexpr Section kSections[] = {
    {"summary", "Summary", summary_section, ""},
    {"steps", "Steps", steps_section, ""},
    {"lineage", "Lineage", lineage_section, ""},
    {"profile", "Data profile", profile_section, "validate_data"},
    {"checks", "Checks", checks_section, "validate_data"},
    {"changes", "Changes to the data", changes_section, "standardise"},
    {"training_rows", "Training rows", training_rows_section, "curate"},
    {"features", "Features", features_section, "extract_features"},
    {"trials", "Trials", trials_section, "train"},
    {"gates", "Gates", gates_section, "validate_models"},
    {"evaluation", "Evaluation", evaluation_section, "evaluate"},
    {"slices", "Slices", slices_section, "evaluate"},
    {"importances", "What the model uses", importances_section, "evaluate"},
    {"winner", "Winner", winner_section, "select_best"},
};

std::string title_of(const Facts& facts) {
  const Node& target = facts.pipeline->section("curate").at("target");
  const std::string project = facts.pipeline->settings.project;
  return target.has("name") ? format("{} · {}", project, target.text_at("name")) : project;
}

std::string minute_text(Micros time) {
  return replace_all(second_text(time), "T", " ");
}

Markup header(const Facts& facts) {
  Html html;
  html.add("<header><p class=\"mark\">Kingpost report</p><h1>{}</h1><p>", title_of(facts));
  const Node& target = facts.pipeline->section("curate").at("target");
  if (target.has("type")) {
    html.add("{} target <code>{}</code> · ", target.text_at("type"), target.text_at("expr"));
  }
  html.add("{}", name_of(facts.pipeline->path));
  if (facts.run) {
    const store::Run& run = *facts.run;
    html.add(" · run {} {}", run.id, run.state);
    html.add(" · <time>{}</time>", minute_text(run.started));
    if (run.ended > run.started) {
      html.add(" · {}", elapsed_text(static_cast<double>(run.ended - run.started) / 1e6));
    }
  }
  html.add(" · kingpost {}</p></header>\n", facts.version);
  return html.take();
}

Markup body(const Facts& facts) {
  Html nav;
  Html sections;
  for (const Section& section : kSections) {
    const Markup content = section.make(facts);
    if (content.empty()) continue;
    nav.add("<li><a href=\"#{}\">{}</a></li>", section.id, section.title);
    sections.add("<section id=\"{}\" aria-labelledby=\"{}-title\"><h2 id=\"{}-title\">{}</h2>\n",
                 section.id, section.id, section.id, section.title);
    if (*section.step != '\0' && facts.step(section.step).is_stale()) {
      sections.add(
          "<p class=\"note\">{} Of an earlier state of the file: {} has not been done "
          "anew since.</p>\n",
          badge("stale", "warn"), section.step);
    }
    sections.add("{}</section>\n", content);
  }
  return markup(
      "<a class=\"skip\" href=\"#summary\">to the content</a>{}<div class=\"layout\">"
      "<nav aria-label=\"sections\"><ol>{}</ol></nav>\n<main>{}",
      header(facts), nav.take(), sections.take());
}

Markup footer() {
  Html licences;
  for (const char* name : {"vega", "vega-lite", "vega-embed"}) {
    licences.add("<h3>{}</h3><pre>{}</pre>", name, embedded(format("{}.LICENSE", name)));
  }
  return markup("<footer>{}</footer></main></div>\n",
                details("Licences of the chart libraries in this page", licences.take()));
}

// `sha256-...` as a policy names a script.
std::string hash_of(std::string_view script) {
  constexpr std::string_view kLetters =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  const std::string hex = sha256_of(script);
  std::string bytes;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2) {
    bytes += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
  }
  std::string out;
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    std::uint32_t group = 0;
    for (std::size_t k = 0; k < 3; ++k) {
      group = group << 8U | (i + k < bytes.size() ? static_cast<unsigned char>(bytes[i + k]) : 0U);
    }
    for (std::size_t k = 0; k < 4; ++k) {
      const bool there = i + k <= bytes.size();
      out += there ? kLetters[group >> (18U - 6U * k) & 63U] : '=';
    }
  }
  return "'sha256-" + out + "'";
}

// A source map would be looked for beside the page.
std::string script_of(std::string_view name) {
  std::string text(embedded(name));
  const std::size_t map = text.rfind("\n//# sourceMappingURL=");
  return map == std::string::npos ? text : text.substr(0, map);
}

}  // namespace

bool StepFacts::is_stale() const {
  return manifest && !current && !(of_last_run && execution->state == "failed");
}

const StepFacts& Facts::step(std::string_view word) const {
  static const StepFacts none;
  const auto found = std::find_if(steps.begin(), steps.end(),
                                  [&](const StepFacts& each) { return each.row->word == word; });
  return found == steps.end() ? none : *found;
}

const Json& Facts::report(std::string_view word) const {
  static const Json none;
  const StepFacts& facts = step(word);
  return facts.manifest ? facts.manifest->report : none;
}

const Json& Facts::file(const std::string& name) const {
  static const Json none;
  const auto found = files.find(name);
  return found == files.end() ? none : found->second;
}

bool Facts::any() const {
  return std::any_of(steps.begin(), steps.end(),
                     [](const StepFacts& each) { return each.manifest || each.of_last_run; });
}

Result<Facts> facts_of(const Pipeline& pipeline, Workspace& workspace, std::vector<Left> left,
                       std::string version) {
  Facts facts;
  facts.pipeline = &pipeline;
  facts.version = std::move(version);
  for (const StepRow& row : rows()) {
    StepFacts step;
    step.row = &row;
    for (Left& each : left) {
      if (each.row != &row) continue;
      step.manifest = std::move(each.manifest);
      step.current = each.current;
    }
    facts.steps.push_back(std::move(step));
  }
  TRY_STATUS(read_run(pipeline, workspace, facts));
  TRY_STATUS(read_files(workspace, facts));
  return facts;
}

std::string page_of(const Facts& facts) {
  std::vector<std::string> scripts;
  std::vector<std::string> hashes;
  for (const char* name : {"vega.min.js", "vega-lite.min.js", "vega-embed.min.js", "page.js"}) {
    scripts.push_back(script_of(name));
    hashes.push_back(hash_of(scripts.back()));
  }
  Html html;
  html.add(
      "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
      "<meta name=\"color-scheme\" content=\"light dark\">\n"
      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
      "img-src data: blob:; style-src 'unsafe-inline'; script-src {}\">\n",
      Markup{join(hashes, " ")});
  html.add("<title>{}</title>\n<style>{}</style>\n</head>\n<body>\n", title_of(facts),
           Markup{std::string(embedded("page.css"))});
  html.add(body(facts)).add(footer());
  for (const std::string& script : scripts) html.add("<script>{}</script>\n", Markup{script});
  html.add("</body>\n</html>\n");
  return html.take().text;
}

}  // namespace kingpost::lifecycle::report
