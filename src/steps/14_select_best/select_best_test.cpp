// SPDX-License-Identifier: Apache-2.0
// Step 14: rules, ties, constraints, and the words for each model.
#include "steps/14_select_best/select_best.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/trained_project.h"

namespace kingpost::steps::select_best {
namespace {

using records::Task;
using test::TrainedProject;
using testing::ElementsAre;
using testing::HasSubstr;

// As far as this step reads the section.
const Field& evaluate_field() {
  static const Field field = [] {
    Field list = list_of({}, {.kind = FieldKind::kColumn});
    return object_of({.name = "evaluate"},
                     Shape{.fields = {list_of({.name = "slices"}, std::move(list)),
                                      {.name = "small_below", .kind = FieldKind::kInteger}}});
  }();
  return field;
}

class SelectBest : public testing::Test {
 protected:
  void SetUp() override {
    h.add_constant("baseline", 10);
    h.add_linear("linear", 10, 0);
    h.add_trees("gbdt", 30);
    h.add_trees("more", 31);
    h.finish("mae");
    h.add_file("verdicts.json", R"({"baseline": {"valid": false, "reference": true},
        "linear": {"valid": true}, "gbdt": {"valid": true}, "more": {"valid": true}})");
  }

  Outcome selected(const std::string& yaml, const std::string& slices = {}) {
    h.faults = Faults();
    h.file(yaml, spec(), "select_best", "mae");
    if (!slices.empty()) h.other_section(slices, evaluate_field(), "evaluate");
    h.check(check);
    for (const Error& fault : h.faults.errors()) ADD_FAILURE() << render(fault);
    auto outcome = h.run(run);
    if (!outcome) {
      ADD_FAILURE() << render(outcome.error());
      return {};
    }
    return std::move(outcome).value();
  }

  std::string winner(const std::string& yaml) { return selected(yaml).report["name"].text(); }

  static Json row(const Outcome& outcome, const std::string& name) {
    for (const Json& each : outcome.report["table"].items()) {
      if (each["name"].text() == name) return each;
    }
    return {};
  }

  void set_facts(const std::string& name, std::int64_t bytes, std::int64_t leaves) {
    Json facts = h.json_of(h.input, "model." + name + ".json");
    facts.set("bytes", bytes).set("leaves_visited", leaves);
    h.add_file("model." + name + ".json", facts.dump());
  }

  // Validation scores of one model become those of another.
  void copy_scores(const std::string& from, const std::string& to) {
    const records::File* file = h.input.find_file("scores." + from + ".npy");
    h.input.put(records::File{"scores." + to + ".npy", file->digest, file->bytes});
  }

  TrainedProject h{Task::kNumber};
};

TEST_F(SelectBest, TakesTheBestAndSaysWhy) {
  const Outcome outcome = selected("");
  EXPECT_EQ(outcome.report["name"].text(), "more");
  EXPECT_EQ(outcome.report["family"].text(), "lightgbm");
  EXPECT_EQ(outcome.report["metric"].text(), "mae");
  EXPECT_THAT(outcome.report["why"].items().at(0).text(), HasSubstr("more has the best mae"));
  EXPECT_EQ(row(outcome, "more")["verdict"].text(), "selected");
  EXPECT_EQ(row(outcome, "gbdt")["words"].text(), "worse");
  EXPECT_EQ(row(outcome, "baseline")["verdict"].text(), "reference");
  EXPECT_LT(row(outcome, "more")["low"].number(), row(outcome, "more")["metric"].number());
  EXPECT_TRUE(outcome.report["champion"].is_null());
  EXPECT_EQ(h.json_of(outcome.output, "winner.json")["name"].text(), "more");
  EXPECT_EQ(outcome.counts[1].number, 3);
}

TEST_F(SelectBest, OneStandardErrorTakesTheSmallerThatIsAsGood) {
  const Outcome outcome = selected("rule: one_standard_error");
  EXPECT_EQ(outcome.report["name"].text(), "gbdt");
  EXPECT_EQ(row(outcome, "more")["words"].text(), "better, but not clearly, and larger");
  EXPECT_EQ(row(outcome, "gbdt")["words"].text(), "as good as the best, and smaller");
  EXPECT_EQ(row(outcome, "linear")["words"].text(), "worse");
  EXPECT_THAT(outcome.report["why"].items().at(1).text(), HasSubstr("within one standard error"));
  set_facts("gbdt", 1'000'000, 10);
  EXPECT_EQ(winner("rule: one_standard_error"), "more");
}

TEST_F(SelectBest, TiesGoToTheSmallestOrTheFastest) {
  copy_scores("more", "gbdt");
  set_facts("gbdt", 100, 20);
  set_facts("more", 200, 10);
  EXPECT_EQ(winner("tie: smallest"), "gbdt");
  EXPECT_EQ(winner("tie: fastest"), "more");
  set_facts("more", 100, 20);
  EXPECT_EQ(winner("tie: fastest"), "gbdt");
  EXPECT_EQ(row(selected(""), "more")["words"].text(), "equal, and larger");
}

TEST_F(SelectBest, AnInvalidModelCannotWin) {
  h.add_file("verdicts.json", R"({"gbdt": {"valid": true}, "more": {"valid": false, "gates": [
      {"gate": "answers", "verdict": "failed", "critical": true, "words": "3 of 100"},
      {"gate": "work", "verdict": "warned", "critical": false, "words": "large"}]}})");
  const Outcome outcome = selected("");
  EXPECT_EQ(outcome.report["name"].text(), "gbdt");
  EXPECT_EQ(row(outcome, "more")["verdict"].text(), "not_valid");
  EXPECT_EQ(row(outcome, "more")["words"].text(), "answers: 3 of 100");
}

TEST_F(SelectBest, ConstraintsRefuse) {
  const Outcome outcome = selected("require: [{metric: rmse, op: '<', times: 0.001, of: mae}]");
  EXPECT_TRUE(outcome.report["name"].is_null());
  ASSERT_TRUE(outcome.verdict);
  EXPECT_EQ(outcome.verdict->id(), "select_best.no_winner");
  ASSERT_EQ(outcome.verdict->details().size(), 4U);
  EXPECT_THAT(outcome.verdict->details().at(1), HasSubstr("linear (refused): rmse is "));
  EXPECT_THAT(row(outcome, "more")["words"].text(), HasSubstr("(0.001 times mae) is required"));
  EXPECT_EQ(winner("require: [{metric: r2, op: '>', value: 0.5}]"), "more");
}

TEST_F(SelectBest, TheWorstSliceCounts) {
  const std::string slices = "slices: [[color]]\nsmall_below: 10\n";
  const std::string yaml = "require: [{metric: worst_slice_mae, op: '<=', times: 1.15, of: mae}]\n";
  const Outcome outcome = selected(yaml, slices);
  // Without color the linear model is far off for one of the three.
  EXPECT_EQ(row(outcome, "linear")["verdict"].text(), "refused");
  EXPECT_THAT(row(outcome, "linear")["words"].text(), HasSubstr("worst_slice_mae is "));
  const Outcome none = selected(yaml, "slices: [[color]]\nsmall_below: 1000\n");
  EXPECT_THAT(row(none, "gbdt")["words"].text(), HasSubstr("no slice has 1000 rows"));
  EXPECT_TRUE(none.verdict);
}

TEST_F(SelectBest, HeldOutRowsDecideAmongFolds) {
  const char* yaml = "require: [{metric: worst_slice_mae, op: '<=', times: 1.5, of: mae}]";
  const char* slices = "slices: [[color]]\nsmall_below: 5\n";
  const Outcome before = selected(yaml, slices);
  h.fold();
  const Outcome after = selected(yaml, slices);
  EXPECT_THAT(after.report["why"].items().at(0).text(), HasSubstr("fold was held out"));
  EXPECT_EQ(after.report["table"].dump(), before.report["table"].dump());
  EXPECT_EQ(winner("metric: rmse"), "more");
}

TEST_F(SelectBest, RefusesWhatItCannotDecideBy) {
  const auto faults_of = [&](const std::string& yaml) {
    h.faults = Faults();
    h.file(yaml, spec(), "select_best", "mae");
    h.check(check);
    return test::fault_ids(h.faults);
  };
  EXPECT_THAT(faults_of("metric: auc\nrequire: [{metric: worst_slice_maee, op: '<', value: 1}]\n"),
              ElementsAre("select_best.metric_unknown", "select_best.metric_unknown",
                          "select_best.slices_missing"));
  EXPECT_THAT(faults_of("require: [{metric: mae, op: '<'}]"),
              ElementsAre("select_best.limit_missing"));
  EXPECT_THAT(faults_of("rule: any"), ElementsAre("select_best.unknown_value"));
}

}  // namespace
}  // namespace kingpost::steps::select_best
