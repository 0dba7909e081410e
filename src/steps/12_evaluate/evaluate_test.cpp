// SPDX-License-Identifier: Apache-2.0
// Step 12 on made models: metrics, intervals, slices, curves, importances, explanations, openings.
#include "steps/12_evaluate/evaluate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "steps/12_evaluate/curves.h"
#include "steps/slices.h"
#include "support/trained_project.h"

namespace kingpost::steps::evaluate {
namespace {

using records::Task;
using test::TrainedProject;
using testing::ElementsAre;
using testing::HasSubstr;

std::unique_ptr<TrainedProject> project(Task task) {
  auto out = std::make_unique<TrainedProject>(task);
  out->add_constant("baseline", task == Task::kNumber ? 10 : 0);
  if (task != Task::kMulticlass) out->add_linear("linear", task == Task::kNumber ? 10 : 2, 0);
  out->add_trees("gbdt", 30);
  out->finish(task == Task::kNumber ? "mae" : "logloss");
  out->add_file("verdicts.json",
                R"({"baseline": {"valid": false, "reference": true}, "linear": {"valid": true},
                    "gbdt": {"valid": true}})");
  return out;
}

Outcome evaluated(TrainedProject& h, const std::string& yaml) {
  h.faults = Faults();
  h.file(yaml, spec(), "evaluate");
  h.check(check);
  for (const Error& fault : h.faults.errors()) ADD_FAILURE() << render(fault);
  auto outcome = h.run(run);
  if (!outcome) {
    ADD_FAILURE() << render(outcome.error());
    return {};
  }
  return std::move(outcome).value();
}

Json evaluation(TrainedProject& h, const std::string& yaml) {
  return h.json_of(evaluated(h, yaml).output, "evaluation.json");
}

constexpr const char* kQuick = "intervals: {samples: 100}\n";

TEST(Evaluate, MeasuresEachModelOnTestRows) {
  const auto h = project(Task::kNumber);
  const Json all = evaluation(*h, kQuick);
  EXPECT_EQ(all["rows"].integer(), 150);
  double sum = 0;
  double count = 0;
  for (std::size_t i = 0; i < h->labels.size(); ++i) {
    if (h->sides[i] != 2) continue;
    sum += std::abs(h->labels[i] - 10);
    ++count;
  }
  const Json& mae = all["baseline"]["metrics"]["mae"];
  EXPECT_NEAR(mae["value"].number(), sum / count, 1e-9);
  EXPECT_LT(mae["low"].number(), mae["value"].number());
  EXPECT_GT(mae["high"].number(), mae["value"].number());
  EXPECT_LT(all["gbdt"]["metrics"]["mae"]["value"].number(), 0.5 * mae["value"].number());
  EXPECT_TRUE(all["gbdt"]["metrics"].has("p90_abs_error"));
  EXPECT_FALSE(all["gbdt"]["metrics"]["mae"].has("plain"));
}

TEST(Evaluate, WritesThePredictions) {
  const auto h = project(Task::kBinary);
  const Outcome outcome = evaluated(*h, kQuick);
  const records::Table* table = outcome.output.find("predictions");
  ASSERT_NE(table, nullptr);
  EXPECT_EQ(table->rows, 150);
  EXPECT_THAT(table->schema.names(), ElementsAre("_row", "_label", "baseline", "linear", "gbdt"));
  EXPECT_EQ(h->rows(*table, "SELECT _row, baseline FROM {} LIMIT 2"),
            (std::vector<std::vector<std::string>>{{"3", "0.5"}, {"7", "0.5"}}));
  // What entered is passed on.
  EXPECT_NE(outcome.output.find_file("model.gbdt.onnx"), nullptr);
  EXPECT_NE(outcome.output.find("training"), nullptr);
}

TEST(Evaluate, LeavesOutWhatIsNotValid) {
  const auto h = project(Task::kNumber);
  h->add_file("verdicts.json", R"({"baseline": {"valid": true}, "gbdt": {"valid": false}})");
  const Json all = evaluation(*h, kQuick);
  EXPECT_TRUE(all.has("baseline"));
  EXPECT_FALSE(all.has("gbdt"));
  EXPECT_FALSE(all.has("linear"));
}

TEST(Evaluate, IsTheSameOnOneThread) {
  const auto h = project(Task::kNumber);
  const std::string yaml = "slices: [[color]]\nintervals: {samples: 50, block: 1d}\n";
  const Outcome two = evaluated(*h, yaml);
  h->settings.engine.threads = 1;
  const Outcome one = evaluated(*h, yaml);
  EXPECT_EQ(two.output.find_file("evaluation.json")->digest,
            one.output.find_file("evaluation.json")->digest);
  EXPECT_EQ(two.output.find("predictions")->digest, one.output.find("predictions")->digest);
}

TEST(Evaluate, MeasuresSlices) {
  const auto h = project(Task::kNumber);
  const Json all = evaluation(*h,
                              "slices: [[color], [color, a]]\nsmall_below: 20\n"
                              "intervals: {samples: 50}\n");
  const auto& slices = all["gbdt"]["slices"].items();
  ASSERT_EQ(slices.size(), 3U + 12U);
  EXPECT_EQ(slices[0]["words"].text(), "color=blue");
  EXPECT_FALSE(slices[0]["small"].boolean());
  EXPECT_TRUE(slices[0]["metrics"]["mae"].has("low"));
  EXPECT_FALSE(slices[0]["metrics"]["rmse"].has("low"));
  EXPECT_THAT(slices[3]["words"].text(), HasSubstr("color=blue, a=[-"));
  std::int64_t rows = 0;
  bool small = false;
  for (std::size_t i = 3; i < slices.size(); ++i) {
    rows += slices[i]["rows"].integer();
    small = small || slices[i]["small"].boolean();
  }
  EXPECT_EQ(rows, 150);
  EXPECT_TRUE(small);
}

TEST(Evaluate, SlicesNameWhatIsMissing) {
  const auto h = project(Task::kNumber);
  const Json all = evaluation(*h, "slices: [[b], [at]]\nintervals: {method: none}\n");
  const auto& slices = all["linear"]["slices"].items();
  ASSERT_EQ(slices.size(), 5U + 1U);
  EXPECT_EQ(slices[4]["words"].text(), "b=(missing)");
  EXPECT_EQ(slices[5]["words"].text(), "at=2013-01");
  EXPECT_FALSE(slices[5]["metrics"]["mae"].has("low"));
}

TEST(Evaluate, GivesBothIntervalsByBlocks) {
  const auto h = project(Task::kNumber);
  const Outcome outcome = evaluated(*h, "intervals: {samples: 100, block: 1d}\n");
  const Json mae = h->json_of(outcome.output, "evaluation.json")["gbdt"]["metrics"]["mae"];
  EXPECT_TRUE(mae.has("low"));
  EXPECT_TRUE(mae["plain"].has("low"));
  EXPECT_NE(mae["low"].number(), mae["plain"]["low"].number());
  EXPECT_TRUE(outcome.warnings.empty());
  const Outcome coarse = evaluated(*h, "intervals: {samples: 100, block: 100d}\n");
  ASSERT_EQ(coarse.warnings.size(), 1U);
  EXPECT_THAT(coarse.warnings.at(0), HasSubstr("1 blocks only"));
}

TEST(Evaluate, SaysWhatTheModelsGoBy) {
  const auto h = project(Task::kBinary);
  const Json all = evaluation(*h, kQuick);
  for (const char* name : {"linear", "gbdt"}) {
    SCOPED_TRACE(name);
    EXPECT_EQ(all[name]["importances"].items().at(0)["feature"].text(), "a");
    EXPECT_GT(all[name]["importances"].items().at(0)["value"].number(), 0.1);
    EXPECT_EQ(all[name]["explanations"]["features"].items().at(0)["feature"].text(), "a");
  }
  EXPECT_EQ(all["gbdt"]["importances"].items().at(1)["feature"].text(), "color");
  EXPECT_EQ(all["linear"]["importances"].items().at(2)["value"].number(), 0);
  EXPECT_EQ(all["gbdt"]["explanations"]["method"].text(), "tree_shap");
  EXPECT_EQ(all["linear"]["explanations"]["method"].text(), "linear_shap");
  EXPECT_EQ(all["gbdt"]["explanations"]["rows"].integer(), 150);
  EXPECT_TRUE(all["baseline"]["importances"].items().empty());
  EXPECT_TRUE(all["baseline"]["explanations"].is_null());
}

TEST(Evaluate, MeasuresClasses) {
  const auto h = project(Task::kMulticlass);
  const Outcome outcome = evaluated(*h, kQuick);
  const Json all = h->json_of(outcome.output, "evaluation.json");
  EXPECT_GT(all["gbdt"]["metrics"]["accuracy"]["value"].number(), 0.7);
  EXPECT_GT(all["gbdt"]["metrics"]["f1_macro"]["value"].number(),
            all["baseline"]["metrics"]["f1_macro"]["value"].number());
  const Json& confusion = all["gbdt"]["curves"]["confusion"];
  EXPECT_EQ(confusion["classes"].dump(), R"(["high","low","mid"])");
  std::int64_t sum = 0;
  for (const Json& line : confusion["rows"].items()) {
    for (const Json& cell : line.items()) sum += cell.integer();
  }
  EXPECT_EQ(sum, 150);
  EXPECT_EQ(all["gbdt"]["explanations"]["expected"].items().size(), 3U);
  EXPECT_NE(outcome.output.find("predictions")->schema.find("gbdt:mid"), nullptr);
}

TEST(Evaluate, CountsTheVersionsThatSawTheTestRows) {
  const auto h = project(Task::kNumber);
  const auto journal = store::Journal::open(h->folder.path());
  ASSERT_TRUE(journal);
  h->journal = journal->get();
  EXPECT_EQ(evaluation(*h, kQuick)["test_opened"].integer(), 1);
  EXPECT_EQ(evaluation(*h, kQuick)["test_opened"].integer(), 1);
  for (int version = 2; version <= 6; ++version) {
    h->add_linear("linear", static_cast<float>(version), 0);
    const Outcome outcome = evaluated(*h, kQuick);
    EXPECT_EQ(outcome.report["test_opened"].integer(), version);
    EXPECT_EQ(outcome.warnings.size(), version > 5 ? 1U : 0U);
  }
}

TEST(Evaluate, SaysThatThereAreNoTestRows) {
  const auto h = project(Task::kNumber);
  std::vector<std::uint8_t> none(600, 0);
  const std::string path = h->objects->temp_path(".npy");
  auto writer = NpyWriter::create(path, NpyType::kUint8, {600});
  ASSERT_TRUE((*writer)->write(0, none.data(), 600));
  ASSERT_TRUE((*writer)->finish());
  const auto sealed = h->objects->seal(path);
  h->input.put(records::File{"sides.npy", sealed->digest, sealed->bytes});
  const Outcome outcome = evaluated(*h, kQuick);
  EXPECT_EQ(outcome.report["rows"].integer(), 0);
  ASSERT_EQ(outcome.warnings.size(), 1U);
  EXPECT_THAT(outcome.warnings.at(0), HasSubstr("no test rows"));
}

TEST(Evaluate, RefusesWhatTheRowsDoNotHave) {
  const auto h = project(Task::kNumber);
  const auto faults_of = [&](const std::string& yaml) {
    h->faults = Faults();
    h->file(yaml, spec(), "evaluate");
    h->check(check);
    return test::fault_ids(h->faults);
  };
  EXPECT_THAT(
      faults_of("metrics: [auc, maee]\nslices: [[colour], [color]]\n"),
      ElementsAre("evaluate.metric_unknown", "evaluate.metric_unknown", "evaluate.column_missing"));
  EXPECT_THAT(h->faults.errors()[2].hint(), HasSubstr("color"));
  EXPECT_THAT(faults_of("intervals: {block: 1d, column: color}"),
              ElementsAre("evaluate.block_column_missing"));
  EXPECT_THAT(faults_of("intervals: {block: 1d, column: time}"),
              ElementsAre("evaluate.block_column_missing"));
  EXPECT_THAT(faults_of("intervals: {samples: 3}"), ElementsAre("evaluate.out_of_range"));
  h->section("intervals: {block: 1d}", spec(), "evaluate");
  h->check(check);
  EXPECT_EQ(h->faults.errors().back().id(), "evaluate.block_column_missing");
}

TEST(Evaluate, LosesNoRow) {
  const auto lost = steps::account_rows("evaluate.rows_unaccounted", "gbdt", 150, 149);
  ASSERT_FALSE(lost);
  EXPECT_EQ(lost.error().code(), Code::kInternal);
}

TEST(Curves, AreThoseOfHandMadeRows) {
  const std::vector<double> labels = {1, 0, 1, 0};
  const std::vector<double> scores = {0.9, 0.6, 0.6, 0.1};
  records::Target target{"y", Task::kBinary, {"false", "true"}};
  const Json all = curves({Task::kBinary, 1, labels, scores}, target);
  ASSERT_EQ(all["roc"].items().size(), 4U);
  EXPECT_EQ(all["roc"].items().at(1).dump(),
            R"({"false_positive_rate":0.0,"true_positive_rate":0.5,"threshold":0.9})");
  EXPECT_EQ(all["roc"].items().at(2).dump(),
            R"({"false_positive_rate":0.5,"true_positive_rate":1.0,"threshold":0.6})");
  EXPECT_EQ(all["pr"].items().size(), 3U);
  EXPECT_EQ(all["confusion"]["rows"].dump(), "[[1,1],[0,2]]");
  EXPECT_EQ(all["gain"].items().back()["found"].number(), 1);
  EXPECT_EQ(all["calibration"].items().size(), 3U);
  EXPECT_EQ(all["calibration"].items().at(1)["share"].number(), 0.5);
  const std::vector<double> ones = {1, 1, 1, 1};
  EXPECT_FALSE(curves({Task::kBinary, 1, ones, scores}, target).has("roc"));
}

TEST(Curves, OfNumbers) {
  std::vector<double> labels;
  std::vector<double> scores;
  for (int i = 0; i < 100; ++i) {
    labels.push_back(i);
    scores.push_back(i + 1);
  }
  const Json all = curves({Task::kNumber, 1, labels, scores}, {"y", Task::kNumber, {}});
  EXPECT_EQ(all["residuals"]["mean"].number(), 1);
  EXPECT_EQ(all["predicted_vs_actual"].items().size(), 20U);
  EXPECT_EQ(all["predicted_vs_actual"].items().at(0)["actual"].number(), 2);
}

}  // namespace
}  // namespace kingpost::steps::evaluate
