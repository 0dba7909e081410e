// SPDX-License-Identifier: Apache-2.0
// Step 11 gate by gate on made models, and its faults.
#include "steps/11_validate_models/validate_models.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "steps/11_validate_models/gates.h"
#include "support/trained_project.h"

namespace kingpost::steps::validate_models {
namespace {

using records::Task;
using records::Tensor;
using records::TensorType;
using test::TrainedProject;
using testing::ElementsAre;
using testing::HasSubstr;

class ValidateModels : public testing::Test {
 protected:
  void make(Task task, bool with_trees = true) {
    h = std::make_unique<TrainedProject>(task);
    h->add_constant("baseline", task == Task::kNumber ? 10 : 0);
    if (task != Task::kMulticlass) h->add_linear("linear", task == Task::kNumber ? 10 : 2, 0);
    if (with_trees) h->add_trees("gbdt", 30);
    metric = task == Task::kNumber ? "mae" : "logloss";
    h->finish(metric);
  }

  // A candidate "baseline" that is no constant, and a constant of another name.
  void make_with_other_names() {
    h = std::make_unique<TrainedProject>(Task::kNumber);
    h->add_constant("floor", 10);
    h->add_linear("baseline", 10, 0);
    metric = "mae";
    h->finish(metric);
  }

  Outcome validated(const std::string& yaml) {
    h->faults = Faults();
    // An empty list would be no gates; no section is the usual ones.
    static const Field none = object_of({.name = "none"}, {});
    h->file(yaml, yaml.empty() ? none : spec(), yaml.empty() ? "none" : "validate_models", metric);
    h->check(check);
    for (const Error& fault : h->faults.errors()) ADD_FAILURE() << render(fault);
    auto outcome = h->run(run);
    if (!outcome) {
      ADD_FAILURE() << render(outcome.error());
      return {};
    }
    return std::move(outcome).value();
  }

  /// The one gate's finding about a model.
  Json finding(const std::string& yaml, const std::string& model) {
    return validated(yaml).report[model]["gates"].items().at(0);
  }

  std::string verdict(const std::string& yaml, const std::string& model) {
    return finding(yaml, model)["verdict"].text();
  }

  std::vector<std::string> faults_of(const std::string& yaml) {
    h->faults = Faults();
    h->file(yaml, spec(), "validate_models", metric);
    h->check(check);
    return test::fault_ids(h->faults);
  }

  std::unique_ptr<TrainedProject> h;
  std::string metric;
};

TEST_F(ValidateModels, AsksFourGatesByItself) {
  make(Task::kNumber);
  const Outcome outcome = validated("");
  const Json verdicts = h->json_of(outcome.output, "verdicts.json");
  ASSERT_EQ(verdicts["gbdt"]["gates"].items().size(), 4U);
  for (const Json& gate : verdicts["gbdt"]["gates"].items()) {
    EXPECT_EQ(gate["verdict"].text(), "passed") << gate.dump();
  }
  EXPECT_TRUE(verdicts["gbdt"]["valid"].boolean());
  EXPECT_FALSE(verdicts["baseline"]["valid"].boolean());
  EXPECT_TRUE(verdicts["baseline"]["reference"].boolean());
  EXPECT_FALSE(outcome.verdict);
  EXPECT_TRUE(outcome.warnings.empty());
  EXPECT_EQ(outcome.counts[1].number, 2);
  EXPECT_NE(outcome.output.find_file("scores.gbdt.npy"), nullptr);
}

TEST_F(ValidateModels, AllTasksPass) {
  for (const Task task : {Task::kBinary, Task::kMulticlass}) {
    make(task);
    const Json verdicts = validated("").report;
    EXPECT_TRUE(verdicts["gbdt"]["valid"].boolean()) << verdicts["gbdt"].dump();
    if (task == Task::kBinary) {
      EXPECT_TRUE(verdicts["linear"]["valid"].boolean()) << verdicts["linear"].dump();
    }
  }
}

TEST_F(ValidateModels, BeatsByAMargin) {
  make(Task::kNumber);
  EXPECT_EQ(verdict("[{gate: beats, margin: 50%}]", "gbdt"), "passed");
  const Json failed = finding("[{gate: beats, margin: 0.99}]", "gbdt");
  EXPECT_EQ(failed["verdict"].text(), "failed");
  EXPECT_THAT(failed["words"].text(), HasSubstr("mae is "));
  EXPECT_THAT(failed["words"].text(), HasSubstr("% better, 99% better asked"));
  EXPECT_LT(failed["limit"].number(), failed["number"].number());
  EXPECT_EQ(verdict("[{gate: beats, metric: r2, severity: warning, margin: 1000000%}]", "gbdt"),
            "warned");
  EXPECT_EQ(verdict("[{gate: beats, other: gbdt}]", "baseline"), "failed");
}

TEST_F(ValidateModels, NoValidModelEndsTheRun) {
  make(Task::kNumber);
  const Outcome outcome = validated("[{gate: beats, margin: 99%}]");
  ASSERT_TRUE(outcome.verdict);
  EXPECT_EQ(outcome.verdict->id(), "validate_models.no_valid_model");
  ASSERT_EQ(outcome.verdict->details().size(), 2U);
  EXPECT_THAT(outcome.verdict->details().at(1), HasSubstr("gbdt: beats: mae is"));
  EXPECT_NE(outcome.output.find_file("verdicts.json"), nullptr);
}

TEST_F(ValidateModels, AGateThatCannotBeComputedFails) {
  make(Task::kNumber);
  h->add_linear("wild", std::numeric_limits<float>::infinity(), 0);
  h->finish("mae");
  const Outcome outcome = validated("[{gate: beats}]");
  const Json& gate = outcome.report["wild"]["gates"].items().at(0);
  EXPECT_EQ(gate["verdict"].text(), "not_computed");
  EXPECT_THAT(gate["words"].text(), HasSubstr("not finite"));
  EXPECT_FALSE(outcome.report["wild"]["valid"].boolean());
  EXPECT_EQ(verdict("[{gate: answers}]", "wild"), "failed");
  // A rival that step 8 left out.
  h->add_file("candidates.json", R"({"candidates": [{"name": "gbdt", "family": "lightgbm"}]})");
  const Json alone = finding("[{gate: beats}]", "gbdt");
  EXPECT_EQ(alone["verdict"].text(), "not_computed");
  EXPECT_THAT(alone["words"].text(), HasSubstr("no model of the candidate \"baseline\""));
}

TEST_F(ValidateModels, ParityFindsAGraphThatIsNotTheModel) {
  make(Task::kBinary);
  const Json good = finding("[{gate: parity}]", "gbdt");
  EXPECT_EQ(good["verdict"].text(), "passed");
  EXPECT_LT(good["number"].number(), 1e-6);
  EXPECT_THAT(good["words"].text(), HasSubstr("150 rows: 0 other leaves, 0 other classes"));
  EXPECT_THAT(finding("[{gate: parity}]", "baseline")["words"].text(), HasSubstr("only form"));
  EXPECT_LT(finding("[{gate: parity}]", "linear")["number"].number(), 1e-6);
  // The graph of the linear model with LightGBM's text.
  const records::File* other = h->input.find_file("model.linear.onnx");
  h->input.put(records::File{"model.gbdt.onnx", other->digest, other->bytes});
  const Json bad = finding("[{gate: parity}]", "gbdt");
  EXPECT_EQ(bad["verdict"].text(), "failed");
  EXPECT_GT(bad["number"].number(), 0.01);
}

TEST_F(ValidateModels, ParityKnowsTheCalibration) {
  make(Task::kBinary);
  Json facts = h->json_of(h->input, "model.gbdt.json");
  facts.set("calibration", *parse_json(R"({"kind": "sigmoid", "a": 2.0, "b": 0.5})"));
  h->add_file("model.gbdt.json", facts.dump());
  EXPECT_EQ(verdict("[{gate: parity}]", "gbdt"), "failed");
  facts.set("calibration", *parse_json(R"({"kind": "sigmoid", "a": 1.0, "b": 0.0})"));
  h->add_file("model.gbdt.json", facts.dump());
  EXPECT_EQ(verdict("[{gate: parity}]", "gbdt"), "passed");
  // The steps of a graph that has none are far from its probabilities.
  facts.set("calibration",
            *parse_json(R"({"kind": "isotonic", "thresholds": [0.0], "values": [0.1, 0.9]})"));
  h->add_file("model.gbdt.json", facts.dump());
  EXPECT_EQ(verdict("[{gate: parity}]", "gbdt"), "failed");
}

TEST_F(ValidateModels, SurvivesOddRows) {
  make(Task::kNumber);
  const Json all = finding("[{gate: survives}]", "gbdt");
  EXPECT_EQ(all["words"].text(),
            "all_null: answered; unseen_category: answered; extra_column: answered");
  // A model that divides by color's code minus 1, which is what an unseen one has.
  onnx::Graph graph("model");
  const auto rows = graph.input("features", TensorType::kFloat, 3);
  const auto code = graph.columns(rows, {2});
  const auto one = graph.constant(Tensor{{1, 1}, std::vector<float>{1}});
  const auto less = graph.node("Sub", {code, one}, TensorType::kFloat);
  const auto raw = graph.node("Div", {code, less}, TensorType::kFloat);
  h->add_model("odd", "lightgbm", std::move(graph), raw);
  h->finish("mae");
  const Json odd = finding("[{gate: survives}]", "odd");
  EXPECT_EQ(odd["verdict"].text(), "failed");
  EXPECT_THAT(odd["words"].text(), HasSubstr("unseen_category: prediction is not finite"));
  EXPECT_EQ(odd["number"].number(), 2);
  EXPECT_EQ(verdict("[{gate: survives, rows: [extra_column]}]", "odd"), "passed");
}

TEST_F(ValidateModels, SeesAFeatureThatWinsAll) {
  make(Task::kNumber);
  const Json linear = finding("[{gate: single_feature_share}]", "linear");
  EXPECT_EQ(linear["verdict"].text(), "failed");
  EXPECT_EQ(linear["words"].text(), "\"a\" has 100.0% of all importance, at most 60.0% asked");
  EXPECT_EQ(verdict("[{gate: single_feature_share, max: 0.9}]", "gbdt"), "passed");
  EXPECT_EQ(verdict("[{gate: single_feature_share}]", "baseline"), "passed");
  const Outcome outcome = validated("[{gate: single_feature_share, severity: warning}]");
  ASSERT_FALSE(outcome.warnings.empty());
  EXPECT_THAT(outcome.warnings.at(0), HasSubstr("linear: single_feature_share"));
  EXPECT_TRUE(outcome.report["linear"]["valid"].boolean());
}

TEST_F(ValidateModels, LimitsMetricsWorkAndCalibration) {
  make(Task::kBinary);
  EXPECT_EQ(verdict("[{gate: metric, metric: auc, op: '>=', value: 0.9}]", "gbdt"), "passed");
  EXPECT_EQ(verdict("[{gate: metric, metric: auc, op: '<', value: 0.9}]", "gbdt"), "failed");
  EXPECT_EQ(verdict("[{gate: metric, metric: brier, op: '<=', times: 2, of: logloss}]", "gbdt"),
            "passed");
  // One class is not at fault of the gate: the baseline calls nothing false.
  EXPECT_EQ(verdict("[{gate: work, leaves_visited: 10, nodes: 1}]", "gbdt"), "failed");
  EXPECT_EQ(verdict("[{gate: work, leaves_visited: 10}]", "gbdt"), "passed");
  EXPECT_THAT(finding("[{gate: work, bytes: 5}]", "gbdt")["words"].text(),
              HasSubstr("bytes, at most 5 asked"));
  EXPECT_EQ(verdict("[{gate: calibration, max: 0.5}]", "gbdt"), "passed");
  EXPECT_EQ(verdict("[{gate: calibration, max: 0.0001}]", "gbdt"), "failed");
  h->add_file("model.gbdt.json", R"({"name": "gbdt", "threshold": 0.5})");
  EXPECT_EQ(verdict("[{gate: work, nodes: 10}]", "gbdt"), "not_computed");
}

TEST_F(ValidateModels, FoldsAreJudgedByTheirHeldOutRows) {
  make(Task::kNumber);
  const Json before = finding("[{gate: beats, metric: rmse}]", "gbdt");
  h->fold();
  const Json after = finding("[{gate: beats, metric: rmse}]", "gbdt");
  EXPECT_EQ(after["verdict"].text(), "passed");
  EXPECT_EQ(after["number"].number(), before["number"].number());
  EXPECT_EQ(finding("[{gate: answers, rows: 9}]", "gbdt")["words"].text(),
            "9 of 9 train rows have an answer");
  EXPECT_EQ(verdict("[{gate: parity}]", "gbdt"), "passed");
  EXPECT_EQ(verdict("[{gate: single_feature_share, max: 0.99}]", "gbdt"), "passed");
  records::File labels = *h->input.find_file("labels.npy");
  labels.name = "held_out.gbdt.npy";
  h->input.put(std::move(labels));
  const auto torn = h->run(run);
  ASSERT_FALSE(torn);
  EXPECT_EQ(torn.error().id(), "train.rows_unaccounted");
}

TEST_F(ValidateModels, RefusesWhatCannotBeAsked) {
  make(Task::kNumber, false);
  EXPECT_THAT(faults_of("[{gate: beats, metric: auc, margin: much}, {gate: calibration}, {gate: "
                        "work}, {gate: metric, metric: mae, op: '<'}]"),
              ElementsAre("validate_models.metric_unknown", "validate_models.margin_malformed",
                          "validate_models.gate_unsuitable", "validate_models.limit_missing",
                          "validate_models.limit_missing"));
  EXPECT_THAT(faults_of("[{gate: beets}]"), ElementsAre("validate_models.unknown_value"));
  EXPECT_THAT(faults_of("[{gate: metric, metric: mae, op: '<', value: 3, times: 2, of: rmse}]"),
              ElementsAre("validate_models.limit_missing"));
  h->file("[{gate: beats, other: lineer}]", spec(), "validate_models", metric);
  static const Field any = {.name = "candidates", .kind = FieldKind::kAny};
  h->other_section("{linear: {family: ridge}}", any, "candidates");
  h->faults = Faults();
  h->check(check);
  EXPECT_THAT(test::fault_ids(h->faults), ElementsAre("validate_models.candidate_missing"));
  EXPECT_THAT(h->faults.errors()[0].hint(), HasSubstr("linear"));
}

TEST(Margins, AreSharesOrPercents) {
  EXPECT_EQ(share_of("1%"), 0.01);
  EXPECT_EQ(share_of("0.25"), 0.25);
  EXPECT_EQ(share_of("2 %"), 0.02);
  EXPECT_FALSE(share_of("-1%"));
  EXPECT_FALSE(share_of("%"));
  EXPECT_FALSE(share_of("nan"));
  EXPECT_FALSE(share_of(""));
}

TEST_F(ValidateModels, TheOneToBeatIsTheConstantWhateverItsName) {
  make_with_other_names();
  const Json verdicts = validated("").report;
  EXPECT_TRUE(verdicts["floor"]["reference"].boolean());
  EXPECT_FALSE(verdicts["baseline"]["reference"].boolean());
  const Json& beats = verdicts["baseline"]["gates"].items().at(0);
  EXPECT_EQ(beats["verdict"].text(), "passed");
  EXPECT_THAT(beats["words"].text(), HasSubstr("floor has"));
}

}  // namespace
}  // namespace kingpost::steps::validate_models
