// SPDX-License-Identifier: Apache-2.0
// The recipe: rules on columns, then ranks of features, once for all train rows and once per fold.
#include "steps/07_select_features/select_features.h"

#include <algorithm>

#include "base/text.h"
#include "steps/07_select_features/permutation.h"
#include "steps/07_select_features/rules.h"
#include "steps/trained_models.h"

namespace kingpost::steps::select_features {
namespace {

Json verdict_json(const Verdict& verdict) {
  Json out = Json::object();
  out.set("column", verdict.column).set("feature", verdict.feature);
  out.set("verdict", verdict.kept ? "kept" : "dropped").set("rule", verdict.rule);
  out.set("number", verdict.number ? Json(*verdict.number) : Json());
  return out.set("words", verdict.words);
}

std::vector<std::int64_t> kept_of(const std::vector<Verdict>& verdicts) {
  std::vector<std::int64_t> out;
  for (std::size_t i = 0; i < verdicts.size(); ++i) {
    if (verdicts[i].kept) out.push_back(static_cast<std::int64_t>(i));
  }
  return out;
}

Json integers(const std::vector<std::int64_t>& numbers) {
  Json out = Json::array();
  for (const std::int64_t each : numbers) out.push(each);
  return out;
}

class Selection {
 public:
  Selection(RunContext& context, Matrices matrices)
      : context_(context),
        matrices_(std::move(matrices)),
        rules_(rules_of(context.section)),
        metric_(train_metric(context.pipeline)) {}

  Result<Outcome> run() {
    for (const char* key : {"always", "never"}) TRY_STATUS(known_features(key));
    TRY(const auto verdicts, select(kNoFold));
    Json json = Json::object();
    Json list = Json::array();
    for (const Verdict& each : verdicts) list.push(verdict_json(each));
    json.set("columns", integers(kept_of(verdicts))).set("verdicts", list);
    if (matrices_.folds() > 0) {
      Json folds = Json::object();
      for (std::int32_t fold = 0; fold < matrices_.folds(); ++fold) {
        TRY(const auto of_fold, select(fold));
        folds.set(format("{}", fold), Json::object().set("columns", integers(kept_of(of_fold))));
      }
      json.set("folds", std::move(folds));
    }
    outcome_.output = context_.input;
    TRY(auto file, seal_bytes(context_, "selection.json", json.canonical()));
    outcome_.output.put(std::move(file));
    const auto kept = std::ssize(kept_of(verdicts));
    outcome_.counts = {{"kept", kept}, {"dropped", std::ssize(verdicts) - kept}};
    outcome_.report.set("columns", std::move(list));
    return std::move(outcome_);
  }

 private:
  Status known_features(std::string_view key) const {
    for (const Node& each : context_.section.list(key)) {
      std::vector<std::string> known;
      bool found = false;
      for (const records::FeatureColumn& column : matrices_.features().columns) {
        if (known.empty() || known.back() != column.feature) known.push_back(column.feature);
        found = found || names({each.text}, column);
      }
      if (found) continue;
      return fault_at(each.mark, "select_features.unknown_feature",
                      format("there is no feature \"{}\"", shown(each.text)),
                      did_you_mean(each.text, known, format("features: {}", listed(known, 30))));
    }
    return {};
  }

  Result<std::vector<Verdict>> select(std::int32_t fold) {
    auto verdicts = judge_columns(matrices_, fold, rules_);
    const auto kept = kept_of(verdicts);
    if (kept.empty()) {
      return fail(Code::kDataRejected, "select_features.nothing_left",
                  "no column of the matrix is left")
          .hint("see `kingpost data report select_features`, and keep what you need by always");
    }
    if (fold != kNoFold && rules_.most == 0) return verdicts;
    auto ranks = quick_importances(matrices_, fold, kept, metric_);
    if (!ranks && ranks.error().id() != "metrics.undefined") return std::move(ranks).error();
    if (!ranks) {
      if (fold == kNoFold) not_ranked(ranks.error().what());
      return verdicts;
    }
    keep_most(*ranks, fold, verdicts);
    if (fold == kNoFold) report_ranks(*ranks);
    return verdicts;
  }

  void not_ranked(const std::string& why) {
    outcome_.report.set("not_ranked", why);
    if (rules_.most > 0) outcome_.warnings.push_back("features could not be ranked: " + why);
  }

  void keep_most(const std::vector<Importance>& ranks, std::int32_t fold,
                 std::vector<Verdict>& verdicts) const {
    if (rules_.most == 0) return;
    const auto& columns = matrices_.features(fold).columns;
    std::int64_t kept = 0;
    // Those that must stay take their places first.
    std::set<std::string> bound;
    for (std::size_t i = 0; i < columns.size(); ++i) {
      if (verdicts[i].kept && verdicts[i].rule == "always") bound.insert(columns[i].feature);
    }
    kept = std::ssize(bound);
    for (std::size_t rank = 0; rank < ranks.size(); ++rank) {
      const bool stays = bound.contains(ranks[rank].feature) || kept < rules_.most;
      if (stays && !bound.contains(ranks[rank].feature)) ++kept;
      for (Verdict& verdict : verdicts) {
        if (verdict.feature != ranks[rank].feature || !verdict.kept) continue;
        verdict.number = ranks[rank].value;
        if (verdict.rule == "always") continue;
        verdict.kept = stays;
        verdict.rule = "permutation";
        verdict.words = format("rank {} of {}", rank + 1, ranks.size());
      }
    }
  }

  void report_ranks(const std::vector<Importance>& ranks) {
    Json list = Json::array();
    for (const Importance& each : ranks) {
      Json one = Json::object();
      one.set("feature", each.feature).set("value", each.value);
      list.push(one.set("deviation", each.deviation));
    }
    const double share = largest_share(ranks);
    outcome_.report.set("metric", metric_).set("importances", std::move(list));
    outcome_.report.set("largest_share", share);
    if (ranks.size() < 2 || share <= rules_.alarm_share) return;
    // Where nothing helps, the largest share is one of chance.
    if (ranks.front().value <= 2 * ranks.front().deviation) return;
    outcome_.report.set("alarm", ranks.front().feature);
    outcome_.warnings.push_back(
        format("\"{}\" has {:.0f}% of all importance: see that it is known at the prediction",
               shown(ranks.front().feature), share * 100));
  }

  RunContext& context_;
  const Matrices matrices_;
  const Rules rules_;
  const std::string metric_;
  Outcome outcome_;
};

}  // namespace

void check(CheckContext& context) {
  for (const Node& each : context.section.list("always")) {
    for (const Node& other : context.section.list("never")) {
      if (each.text != other.text) continue;
      context.faults.add(fault_at(
          other.mark, "select_features.contradiction",
          format("\"{}\" stands under always and under never", shown(each.text)), "keep one"));
    }
  }
}

Result<Json> key_parts(KeyContext& context) {
  Json out = Json::object();
  out.set("metric", train_metric(context.pipeline));
  return out;
}

Result<Outcome> run(RunContext& context) {
  TRY(Matrices matrices, Matrices::open(context, ""));
  return Selection(context, std::move(matrices)).run();
}

}  // namespace kingpost::steps::select_features
