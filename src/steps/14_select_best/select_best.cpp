// SPDX-License-Identifier: Apache-2.0
// The recipe: who may win, who is best, who is as good and smaller.
#include "steps/14_select_best/select_best.h"

#include <algorithm>

#include "base/text.h"
#include "steps/14_select_best/champion.h"
#include "steps/registration.h"

namespace kingpost::steps::select_best {
namespace {

void check_metric_of(CheckContext& context, const Node& name) {
  Node plain = name;
  const bool worst = starts_with(name.text, kWorstSlice);
  if (worst) plain.text = name.text.substr(kWorstSlice.size());
  check_metric(plain, context.pipeline, "select_best.metric_unknown", context.faults);
  if (worst && context.pipeline.at("evaluate").list("slices").empty()) {
    context.faults.add(fault_at(name.mark, "select_best.slices_missing",
                                format("\"{}\" wants slices, and evaluate has none", name.text),
                                "e.g. evaluate: {slices: [[origin]]}"));
  }
}

// What the step reads of other sections.
Json section_parts(const Node& pipeline) {
  Json out = train_parts(pipeline);
  const Node& evaluate = pipeline.at("evaluate");
  out.set("slices", evaluate.at("slices").json());
  return std::move(out.set("small_below", evaluate.at("small_below").json()));
}

class Selection {
 public:
  explicit Selection(RunContext& context) : context_(context) {}

  Result<Outcome> run() {
    outcome_.output = context_.input;
    TRY(const TrainedModels trained, read_trained(context_));
    TRY(const Json verdicts, json_of(context_, "verdicts.json"));
    const Node& section = context_.section;
    metric_ = section.text_at("metric");
    if (metric_.empty()) metric_ = train_metric(context_.pipeline);
    Contest contest(context_, trained);
    TRY_STATUS(contest.open(metric_));
    TRY(entrants_, contest.entrants(verdicts, section));
    if (contest.folded()) {
      why_.emplace_back("each row was scored by the model that its fold was held out of");
    }
    Entrant* winner = choose();
    TRY_STATUS(face_champion(contest, trained, winner));
    Json out = Json::object();
    out.set("name", winner == nullptr ? Json() : Json(winner->model->name));
    out.set("family", winner == nullptr ? Json() : Json(winner->model->family));
    out.set("metric", metric_).set("value", winner == nullptr ? Json() : Json(*winner->value));
    Json why = Json::array();
    for (const std::string& line : why_) why.push(line);
    out.set("why", std::move(why)).set("table", table()).set("champion", champion_);
    out.set("contest", contest_id_).set("against", against_);
    outcome_.report = out;
    TRY(records::File file, seal_bytes(context_, "winner.json", out.dump()));
    outcome_.output.put(std::move(file));
    const auto eligible =
        std::count_if(entrants_.begin(), entrants_.end(), [](const Entrant& each) {
          return each.verdict == "eligible" || each.verdict == "selected";
        });
    outcome_.counts = {{"models", static_cast<std::int64_t>(entrants_.size())},
                       {"eligible", eligible}};
    if (winner == nullptr) outcome_.verdict = no_winner();
    return std::move(outcome_);
  }

 private:
  // Fewer of what the tie counts, then of the other, then by name.
  bool smaller(const Entrant& a, const Entrant& b) const {
    const bool fastest = context_.section.text_at("tie") == "fastest";
    const char* first = fastest ? "leaves_visited" : "bytes";
    const char* second = fastest ? "bytes" : "leaves_visited";
    for (const char* what : {first, second}) {
      const double left = a.model->facts[what].number();
      const double right = b.model->facts[what].number();
      if (left != right) return left < right;
    }
    return a.model->name < b.model->name;
  }

  Entrant* best_of() {
    const Metric& metric = *find_metric(metric_);
    Entrant* best = nullptr;
    for (Entrant& each : entrants_) {
      if (each.verdict != "eligible") continue;
      const bool better = best == nullptr || metric.prefers(*each.value, *best->value) ||
                          (*each.value == *best->value && smaller(each, *best));
      if (better) best = &each;
    }
    return best;
  }

  Entrant* choose() {
    Entrant* best = best_of();
    if (best == nullptr) {
      why_.emplace_back("no model is valid and keeps all constraints");
      return nullptr;
    }
    Entrant* winner = best;
    why_.push_back(format("{} has the best {} on unseen rows: {}", best->model->name, metric_,
                          metric_text(*best->value)));
    if (context_.section.text_at("rule") == "one_standard_error") winner = as_good(*best);
    winner->verdict = "selected";
    for (Entrant& each : entrants_) explain(each, *best, *winner);
    return winner;
  }

  // Breiman et al. 1984: the smallest of those that are not clearly worse than the best.
  Entrant* as_good(Entrant& best) {
    if (!best.interval) {
      why_.emplace_back("its standard error is not known, so the best wins");
      return &best;
    }
    const Metric& metric = *find_metric(metric_);
    const double step = best.interval->error;
    const double bound =
        metric.better == Direction::kLess ? *best.value + step : *best.value - step;
    Entrant* winner = &best;
    for (Entrant& each : entrants_) {
      if (each.verdict != "eligible" || metric.prefers(bound, *each.value)) continue;
      if (smaller(each, *winner)) winner = &each;
    }
    if (winner == &best) {
      why_.push_back(
          format("no smaller model is within one standard error ({}) of it", metric_text(step)));
    } else {
      why_.push_back(format("{} has {}, within one standard error ({}) of that, and is smaller",
                            winner->model->name, metric_text(*winner->value), metric_text(step)));
    }
    return winner;
  }

  // The same champion that the step's key names. Nothing of it goes into `why`, which a bundle
  // tells: equal models have equal bundles, whomever they met.
  Status face_champion(const Contest& contest, const TrainedModels& trained,
                       const Entrant* winner) {
    contest_id_ = contest_id(context_.section, section_parts(context_.pipeline), context_.input);
    if (context_.journal == nullptr) return {};
    const Registration registration = registration_of(context_.pipeline, context_.settings);
    TRY(const auto champion, champion_of(registration, context_.journal->registry(), contest_id_));
    if (!champion) return {};
    against_ = champion->bundle;
    if (winner == nullptr) return {};
    TRY(champion_, against_champion(context_, trained, contest, *winner, *champion));
    return {};
  }

  void explain(Entrant& each, const Entrant& best, const Entrant& winner) const {
    if (each.verdict == "selected") {
      each.words = &best == &winner ? "the best" : "as good as the best, and smaller";
    } else if (each.verdict == "eligible") {
      const Metric& metric = *find_metric(metric_);
      if (metric.prefers(*each.value, *winner.value)) {
        each.words = "better, but not clearly, and larger";
      } else {
        each.words = *each.value == *winner.value ? "equal, and larger" : "worse";
      }
    }
  }

  Json table() const {
    Json out = Json::array();
    for (const Entrant& each : entrants_) {
      Json row = Json::object();
      row.set("name", each.model->name).set("family", each.model->family);
      row.set("metric", each.value ? Json(*each.value) : Json());
      row.set("low", each.interval ? Json(each.interval->low) : Json());
      row.set("high", each.interval ? Json(each.interval->high) : Json());
      for (const char* what : {"bytes", "leaves_visited"}) row.set(what, each.model->facts[what]);
      out.push(std::move(row.set("verdict", each.verdict).set("words", each.words)));
    }
    return out;
  }

  Error no_winner() const {
    Error error = fail(Code::kDataRejected, "select_best.no_winner",
                       "no model is valid and keeps all constraints");
    for (const Entrant& each : entrants_) {
      error = std::move(error).detail(
          format("{} ({}): {}", each.model->name, each.verdict, each.words));
    }
    return std::move(error).hint("loosen `require`, or widen the search or the features");
  }

  RunContext& context_;
  std::string metric_;
  std::vector<Entrant> entrants_;
  Json champion_;
  Json against_;
  std::string contest_id_;
  std::vector<std::string> why_;
  Outcome outcome_;
};

}  // namespace

void check(CheckContext& context) {
  if (!context.section.is_map()) return;
  if (context.section.has("metric")) {
    check_metric(context.section.at("metric"), context.pipeline, "select_best.metric_unknown",
                 context.faults);
  }
  for (const Node& limit : context.section.list("require")) {
    check_metric_of(context, limit.at("metric"));
    if (limit.has("of")) check_metric_of(context, limit.at("of"));
    const bool value = limit.has("value");
    const bool multiple = limit.has("of");
    if (value != multiple && multiple == limit.has("times")) continue;
    context.faults.add(fault_at(limit.mark, "select_best.limit_missing",
                                "the constraint wants either a value, or times and of",
                                "e.g. {metric: mae, op: \"<=\", value: 20}"));
  }
}

Result<Json> key_parts(KeyContext& context) {
  Json out = section_parts(context.pipeline);
  // Without input it is asked what the file says, and not whom it meets.
  if (context.input == nullptr) return out;
  TRY(const auto champion,
      champion_of(registration_of(context.pipeline, context.settings), context.journal.registry(),
                  contest_id(context.section, out, *context.input)));
  return std::move(out.set("champion", champion ? Json(champion->bundle) : Json()));
}

Result<Outcome> run(RunContext& context) {
  return Selection(context).run();
}

}  // namespace kingpost::steps::select_best
