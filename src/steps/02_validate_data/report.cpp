// SPDX-License-Identifier: Apache-2.0
// Findings as JSON and as lines.
#include "steps/02_validate_data/report.h"

#include <algorithm>

#include "base/text.h"

namespace kingpost::steps::validate_data {
namespace {

constexpr std::size_t kShownExamples = 2;

// `1048.36 (row 2,345; origin=EWR, time_hour=2013-02-12 08:00:00+00)`.
std::string example_text(const Finding& finding, const Json& example) {
  std::vector<std::string> places;
  const std::int64_t count = example["count"].integer();
  if (count > 1) places.push_back(format("{} rows", grouped(count)));
  if (example.has("row")) {
    places.push_back(
        format("{}row {}", count > 1 ? "first " : "", grouped(example["row"].integer())));
  }
  for (const auto& [name, value] : example["key"].entries()) {
    const auto& columns = finding.check.columns;
    if (std::find(columns.begin(), columns.end(), name) != columns.end()) continue;
    places.push_back(format("{}={}", name, cell_text(value)));
  }
  const std::string value = cell_text(example["value"]);
  return places.empty() ? value : format("{} ({})", value, join(places, ", "));
}

std::string examples_text(const Finding& finding) {
  std::vector<std::string> parts;
  for (const Json& each : finding.examples.items()) {
    if (parts.size() == kShownExamples) break;
    parts.push_back(example_text(finding, each));
  }
  return parts.empty() ? std::string() : ", e.g. " + join(parts, "; ");
}

std::string observed_text(const Finding& finding) {
  const Json& observed = finding.observed;
  if (finding.check.kind == "freshness") {
    return format("the newest value is {}, {} old", observed["newest"].text(),
                  observed["age"].text());
  }
  if (finding.check.kind == "sql") {
    return format("{} {} returned{}", grouped(observed.integer()),
                  observed.integer() == 1 ? "row is" : "rows are", examples_text(finding));
  }
  if (observed.is_integer()) return format("found {}", grouped(observed.integer()));
  return format("found {}", observed.is_string() ? shown(observed.text()) : observed.dump());
}

}  // namespace

Json finding_json(const Finding& finding) {
  const Check& check = finding.check;
  Json columns = Json::array();
  for (const std::string& name : check.columns) columns.push(name);
  Json out = Json::object();
  out.set("check", check.kind).set("label", label(check)).set("columns", std::move(columns));
  if (!check.where.empty()) out.set("where", check.node->text_at("where"));
  out.set("severity", check.severity).set("on_fail", action_word(check.action));
  out.set("bounds", bounds_of(check));
  out.set("verdict", finding.verdict());
  if (check.of_rows()) {
    out.set("mostly", check.mostly);
    out.set("elements", finding.evaluated + finding.missing).set("evaluated", finding.evaluated);
    out.set("missing", finding.missing).set("unexpected", finding.unexpected);
    out.set("share", finding.evaluated == 0 ? 0.0
                                            : static_cast<double>(finding.unexpected) /
                                                  static_cast<double>(finding.evaluated));
  } else {
    out.set("observed", finding.observed);
  }
  if (!finding.not_computed.empty()) out.set("reason", finding.not_computed);
  if (finding.kept > 0) out.set("kept", finding.kept);
  if (finding.kept > 0 && finding.kept < finding.unexpected) out.set("cut", true);
  if (!finding.examples.items().empty()) out.set("examples", finding.examples);
  return out;
}

std::string finding_line(const Finding& finding) {
  const std::string who = format("{}: {}", finding.check.table, label(finding.check));
  if (!finding.not_computed.empty()) {
    return format("{}: could not be computed: {}", who, finding.not_computed);
  }
  if (!finding.check.of_rows()) return format("{}: {}", who, observed_text(finding));
  std::string mostly;
  if (finding.check.mostly_given) {
    mostly = format(", at least {} must pass", finding.check.mostly);
  }
  return format("{}: {} of {} {} fail{}{}", who, grouped(finding.unexpected),
                grouped(finding.evaluated), finding.evaluated == 1 ? "row" : "rows", mostly,
                examples_text(finding));
}

std::optional<Error> verdict_of(const std::vector<Finding>& findings) {
  const auto refused = std::count_if(findings.begin(), findings.end(),
                                     [](const Finding& each) { return each.is_refusal(); });
  if (refused == 0) return std::nullopt;
  Error error = fail(Code::kDataRejected, "validate_data.failed", "{} of {} checks {} failed",
                     refused, findings.size(), refused == 1 ? "has" : "have");
  for (const Finding& each : findings) {
    if (each.is_refusal()) error = std::move(error).detail(finding_line(each));
  }
  return std::move(error).hint(
      "repair the source, say on_fail: quarantine to go on without the failing rows, or relax the "
      "check; the failing rows are in <table>.failures");
}

}  // namespace kingpost::steps::validate_data
