// SPDX-License-Identifier: Apache-2.0
// Step 8: which families are tried, with which spaces, and why others are not.
#include "steps/08_candidates/candidates.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/text.h"
#include "support/matrix_project.h"

namespace kingpost::steps::candidates {
namespace {

using records::Task;
using test::MatrixProject;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

records::Target target_of(Task task) {
  if (task == Task::kNumber) return {"y", task, {}};
  if (task == Task::kBinary) return {"y", task, {"false", "true"}};
  return {"y", task, {"a", "b", "c"}};
}

class Candidates : public testing::Test {
 protected:
  MatrixProject& project(Task task, std::size_t rows = 600) {
    h = std::make_unique<MatrixProject>(target_of(task));
    h->column("a", test::noise(1, rows));
    std::vector<double> labels;
    for (std::size_t i = 0; i < rows; ++i) labels.push_back(static_cast<double>(i % 2));
    h->seal(labels, test::turns(rows));
    h->keep_all();
    return *h;
  }

  Json run_on(const std::string& yaml) {
    h->section(yaml, spec(), "candidates");
    auto outcome = h->run(run);
    if (!outcome) {
      ADD_FAILURE() << render(outcome.error());
      return {};
    }
    warnings = outcome->warnings;
    return h->file_json(outcome->output, "candidates.json");
  }

  static std::vector<std::string> names(const Json& json, const char* list = "candidates") {
    std::vector<std::string> out;
    for (const Json& each : json[list].items()) {
      out.push_back(each["name"].text() + ":" + each["family"].text());
    }
    return out;
  }

  // Ids of the faults of a section for a target of that type.
  std::vector<std::string> faults_of(const std::string& yaml, const std::string& type = "number") {
    h->faults = Faults();
    h->section(yaml, spec(), "candidates");
    h->other_section(format("{{target: {{name: y, type: {}}}}}", type), test::curate_field(),
                     "curate");
    h->check(check);
    return test::fault_ids(h->faults);
  }

  std::unique_ptr<MatrixProject> h;
  std::vector<std::string> warnings;
};

TEST_F(Candidates, DefaultsGoByTheTaskAndTheConstantIsFirst) {
  project(Task::kNumber);
  EXPECT_THAT(names(run_on("{}")),
              ElementsAre("baseline:constant", "linear:ridge", "gbdt:lightgbm"));
  project(Task::kBinary);
  EXPECT_THAT(names(run_on("{}")),
              ElementsAre("baseline:constant", "linear:logistic", "gbdt:lightgbm"));
  project(Task::kMulticlass);
  EXPECT_THAT(names(run_on("{}")),
              ElementsAre("baseline:constant", "linear:logistic", "gbdt:lightgbm"));
}

TEST_F(Candidates, AListWithoutAConstantGetsOne) {
  project(Task::kNumber);
  const Json json = run_on("{mine: {family: ridge}, baseline: {family: lightgbm}}");
  EXPECT_THAT(names(json),
              ElementsAre("baseline_constant:constant", "mine:ridge", "baseline:lightgbm"));
  EXPECT_THAT(names(run_on("{mine: {family: ridge}, zero: {family: constant}}")),
              ElementsAre("zero:constant", "mine:ridge"));
}

TEST_F(Candidates, SpacesComeFromTheFileOrTheFamily) {
  project(Task::kNumber);
  const Json json = run_on(
      "{linear: {family: ridge, space: {alpha: {from: 0.1, to: 10, scale: log}}, trials: 7}, "
      "gbdt: {family: lightgbm, space: {num_leaves: {values: [7, 15]}}, parameters: {max_bin: "
      "63}}, "
      "plain: {family: lightgbm, parameters: {num_leaves: 9}}}");
  const auto& list = json["candidates"].items();
  EXPECT_EQ(list[1]["space"].dump(), R"({"alpha":{"from":0.1,"scale":"log","to":10.0}})");
  EXPECT_EQ(list[1]["trials"].integer(), 7);
  EXPECT_EQ(list[2]["space"].dump(), R"({"max_bin":{"value":63},"num_leaves":{"values":[7,15]}})");
  EXPECT_FALSE(list[2].has("trials"));
  EXPECT_EQ(list[3]["space"]["num_leaves"].dump(), R"({"value":9})");
  EXPECT_TRUE(list[3]["space"].has("learning_rate"));
}

TEST_F(Candidates, AFewRowsGiveSmallTreesAndTooFewNone) {
  project(Task::kNumber, 600);
  const Json json = run_on("{}");
  EXPECT_EQ(json["candidates"].items()[2]["space"]["num_leaves"]["to"].integer(), 20);
  project(Task::kNumber, 30);
  const Json small = run_on("{}");
  EXPECT_THAT(names(small), ElementsAre("baseline:constant", "linear:ridge"));
  EXPECT_THAT(names(small, "left_out"), ElementsAre("gbdt:lightgbm"));
  EXPECT_THAT(small["left_out"].items()[0]["why"].text(), HasSubstr("20 train rows are too few"));
  EXPECT_THAT(warnings, IsEmpty());
}

TEST_F(Candidates, LinearFamiliesAreLeftOutWhereValuesMayMiss) {
  project(Task::kNumber);
  h->features.columns[0].may_miss = true;
  h->seal(std::vector<double>(600, 1.0), test::turns(600));
  const Json json = run_on("{linear: {family: ridge}}");
  EXPECT_THAT(names(json), ElementsAre("baseline:constant"));
  EXPECT_THAT(warnings, ElementsAre(HasSubstr("\"linear\" is left out: the column \"a\" may be")));
}

TEST_F(Candidates, LogisticIsLeftOutWhereRowsHaveWeights) {
  project(Task::kBinary);
  h->section("{}", spec(), "candidates");
  const Field train =
      object_of({.name = "train"}, Shape{.fields = {{.name = "weight", .kind = FieldKind::kText}}});
  h->other_section("{weight: w}", train, "train");
  auto outcome = h->run(run);
  ASSERT_TRUE(outcome);
  const Json json = h->file_json(outcome->output, "candidates.json");
  EXPECT_THAT(names(json, "left_out"), ElementsAre("linear:logistic"));
}

TEST_F(Candidates, FaultsAreFoundBeforeAnythingRuns) {
  project(Task::kNumber);
  EXPECT_THAT(faults_of("{a-b: {family: ridge}}"), ElementsAre("candidates.name_invalid"));
  EXPECT_THAT(faults_of("{a: {family: code, use: ours}}"),
              ElementsAre("candidates.family_not_built"));
  EXPECT_THAT(faults_of("{a: {family: logistic}}"), ElementsAre("candidates.family_unsuitable"));
  EXPECT_THAT(faults_of("{a: {family: ridge}}", "binary"),
              ElementsAre("candidates.family_unsuitable"));
  EXPECT_THAT(faults_of("{a: {family: ridge, parameters: {lambda: 1}}}"),
              ElementsAre("candidates.parameter_unknown"));
  EXPECT_THAT(faults_of("{a: {family: lightgbm, parameters: {num_leafs: 31}}}"),
              ElementsAre("candidates.parameter_unknown"));
  EXPECT_THAT(render(h->faults.errors()[0]), HasSubstr("num_leaves"));
  EXPECT_THAT(faults_of("{a: {family: lightgbm, space: {num_leaves: {from: 1, to: 9}}}}"),
              ElementsAre("candidates.parameter_invalid"));
  EXPECT_THAT(faults_of("{a: {family: ridge, space: {alpha: {from: -1, to: 1}}}}"),
              ElementsAre("candidates.parameter_invalid"));
  EXPECT_THAT(faults_of("{a: {family: lightgbm, parameters: {num_threads: 4}}}"),
              ElementsAre("candidates.parameter_unknown"));
}

TEST_F(Candidates, ASpaceHasOneForm) {
  project(Task::kNumber);
  for (const char* space :
       {"{}", "{from: 1}", "{from: 2, to: 1}", "{from: 0, to: 1, scale: log}", "{values: []}",
        "{value: 1, values: [1]}", "{from: 1, to: 2, value: 1}"}) {
    EXPECT_THAT(faults_of(format("{{a: {{family: ridge, space: {{alpha: {}}}}}}}", space)),
                ElementsAre("candidates.space_invalid"))
        << space;
  }
  EXPECT_THAT(faults_of("{a: {family: ridge, space: {alpha: {value: 1}}, parameters: {alpha: 1}}}"),
              ElementsAre("candidates.space_invalid"));
}

}  // namespace
}  // namespace kingpost::steps::candidates
