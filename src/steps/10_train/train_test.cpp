// SPDX-License-Identifier: Apache-2.0
// Step 10 on small matrices: searches, models of every family and task, resuming, faults.
#include "steps/10_train/train.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>

#include "base/files.h"
#include "base/text.h"
#include "engines/lightgbm/lightgbm.h"
#include "engines/onnx/runtime.h"
#include "steps/model_graph.h"
#include "steps/trained_models.h"
#include "support/matrix_project.h"

namespace kingpost::steps::train {
namespace {

using records::Task;
using test::MatrixProject;
using test::noise;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr std::size_t kRows = 600;
constexpr const char* kTrees =
    R"({"name":"gbdt","family":"lightgbm","trials":3,"space":{"num_leaves":{"from":4,"to":16,
        "scale":"log","integer":true},"learning_rate":{"value":0.1},"min_data_in_leaf":{"value":5},
        "feature_fraction":{"from":0.6,"to":1}}})";
constexpr const char* kBaseline = R"({"name":"baseline","family":"constant","space":{}})";

records::Target target_of(Task task) {
  if (task == Task::kNumber) return {"y", task, {}};
  if (task == Task::kBinary) return {"y", task, {"false", "true"}};
  return {"y", task, {"high", "low", "mid"}};
}

class Train : public testing::Test {
 protected:
  // A label that goes by a and the code k, not by b; some of it is chance.
  double score(std::size_t row) const {
    return 2 * static_cast<double>(a_[row]) + (row % 3 == 0 ? 1 : 0) +
           0.3 * static_cast<double>(chance_[row]);
  }

  std::vector<double> labels_of(Task task) const {
    std::vector<double> out;
    for (std::size_t i = 0; i < kRows; ++i) {
      const double value = score(i);
      if (task == Task::kNumber) out.push_back(value);
      if (task == Task::kBinary) out.push_back(value > 0.3 ? 1 : 0);
      if (task == Task::kMulticlass) out.push_back(value > 1 ? 0 : value < -0.5 ? 1 : 2);
    }
    return out;
  }

  MatrixProject& project(Task task, const std::string& candidates, bool folded = false) {
    h = std::make_unique<MatrixProject>(target_of(task));
    std::vector<float> codes;
    for (std::size_t i = 0; i < kRows; ++i) codes.push_back(i % 3 == 0 ? 2.0F : 3.0F);
    h->column("a", a_);
    h->column("b", noise(2, kRows));
    h->column("k", codes, {"(missing)", "(other)", "x", "z"});
    labels = labels_of(task);
    sides = test::turns(kRows);
    std::vector<std::int32_t> folds;
    if (folded) {
      for (std::size_t i = 0; i < kRows; ++i) {
        if (sides[i] == 1) sides[i] = 0;
        folds.push_back(sides[i] == 0 ? static_cast<std::int32_t>(i % 4) : -1);
      }
    }
    h->seal(labels, sides, folds);
    h->keep_all();
    h->candidates(candidates);
    return *h;
  }

  Result<Outcome> try_train(const std::string& yaml) {
    h->section(yaml, spec(), "train");
    for (const Error& fault : h->faults.errors()) ADD_FAILURE() << render(fault);
    return h->run(run);
  }

  Outcome train(const std::string& yaml) {
    auto outcome = try_train(yaml);
    if (!outcome) {
      ADD_FAILURE() << render(outcome.error());
      return {};
    }
    return std::move(*outcome);
  }

  // Values of rows of a side, as the graph takes them.
  records::Tensor rows_of(std::uint8_t side) const {
    std::vector<float> values;
    std::int64_t count = 0;
    for (std::size_t i = 0; i < kRows; ++i) {
      if (sides[i] != side) continue;
      values.push_back(a_[i]);
      values.push_back(noise(2, kRows)[i]);
      values.push_back(i % 3 == 0 ? 2.0F : 3.0F);
      ++count;
    }
    return {{count, 3}, std::move(values)};
  }

  std::unique_ptr<onnx::Model> model_of(const Outcome& outcome, const std::string& name) {
    auto model = onnx::Model::load(h->file_bytes(outcome.output, format("model.{}.onnx", name)));
    if (!model) throw std::runtime_error(render(model.error()));
    return std::move(*model);
  }

  std::vector<double> scores_of(const Outcome& outcome, const std::string& name) {
    const records::File* file = outcome.output.find_file(name);
    if (file == nullptr) throw std::runtime_error("no " + name);
    auto npy = Npy::open(h->objects->path_of(file->digest));
    if (!npy) throw std::runtime_error(render(npy.error()));
    return {npy->doubles(), npy->doubles() + npy->rows() * npy->columns()};
  }

  Json trials(const Outcome& outcome) { return h->file_json(outcome.output, "trials.json"); }

  std::unique_ptr<MatrixProject> h;
  std::vector<double> labels;
  std::vector<std::uint8_t> sides;
  const std::vector<float> a_ = noise(1, kRows);
  const std::vector<float> chance_ = noise(3, kRows);
};

std::string list_of_all(const std::string& linear) {
  return format(R"([{}, {{"name":"linear","family":"{}","trials":2,"space":{{"{}":{{"from":0.01,
      "to":10,"scale":"log"}}}}}}, {}])",
                kBaseline, linear, linear == "ridge" ? "alpha" : "c", kTrees);
}

TEST_F(Train, NumbersByEveryFamily) {
  project(Task::kNumber, list_of_all("ridge"));
  const Outcome outcome = train("{rounds: 60, early_stopping: 10}");
  const Json json = trials(outcome);
  EXPECT_EQ(json["metric"].text(), "mae");
  EXPECT_EQ(json["direction"].text(), "less");
  EXPECT_EQ(json["trials"].items().size(), 6U);
  EXPECT_THAT(outcome.warnings, IsEmpty());
  // The lower median of train labels.
  std::vector<double> of_train;
  for (std::size_t i = 0; i < kRows; ++i) {
    if (sides[i] == 0) of_train.push_back(labels[i]);
  }
  std::sort(of_train.begin(), of_train.end());
  const auto baseline = scores_of(outcome, "scores.baseline.npy");
  ASSERT_EQ(baseline.size(), 100U);
  EXPECT_EQ(baseline[0], static_cast<double>(static_cast<float>(of_train[199])));
  for (const char* name : {"baseline", "linear", "gbdt"}) {
    const Json facts = h->file_json(outcome.output, format("model.{}.json", name));
    const auto scores = scores_of(outcome, format("scores.{}.npy", name));
    const auto answers = model_of(outcome, name)->run({rows_of(1)});
    ASSERT_TRUE(answers);
    const std::vector<float>& made = (*answers)[0].floats();
    EXPECT_EQ(std::vector<double>(made.begin(), made.end()), scores) << name;
    EXPECT_EQ(facts["kept"].dump(), "[0,1,2]");
    EXPECT_TRUE(facts["threshold"].is_null());
    EXPECT_GT(facts["bytes"].integer(), 0);
  }
  const Json& best = json["best"];
  const auto trial_score = [&](const std::string& name) {
    for (const Json& each : json["trials"].items()) {
      if (each["candidate"].text() == name && each["trial"] == best[name]) {
        return each["score"].number();
      }
    }
    return -1.0;
  };
  EXPECT_LT(trial_score("linear"), 0.25);
  EXPECT_LT(trial_score("gbdt"), 0.5 * trial_score("baseline"));
  const Json facts = h->file_json(outcome.output, "model.linear.json");
  EXPECT_NEAR(facts["linear"]["weights"].items()[0].items()[0].number(), 2, 0.1);
  EXPECT_EQ(h->file_json(outcome.output, "model.gbdt.json")["native"].text(), "model.gbdt.txt");
}

TEST_F(Train, ObjectiveFollowsTheMetric) {
  project(Task::kNumber, format("[{}]", kBaseline));
  const Outcome outcome = train("{metric: rmse}");
  double sum = 0;
  double count = 0;
  for (std::size_t i = 0; i < kRows; ++i) {
    if (sides[i] != 0) continue;
    sum += labels[i];
    count += 1;
  }
  EXPECT_NEAR(scores_of(outcome, "scores.baseline.npy")[0], sum / count, 1e-6);
}

TEST_F(Train, TwoClassesGiveProbabilityAndDecision) {
  project(Task::kBinary, list_of_all("logistic"));
  for (const char* calibrate : {"none", "sigmoid", "isotonic"}) {
    const Outcome outcome =
        train(format("{{metric: auc, rounds: 40, early_stopping: 10, calibrate: {}, threshold: "
                     "{{by: f1}}}}",
                     calibrate));
    EXPECT_EQ(trials(outcome)["direction"].text(), "greater");
    for (const char* name : {"linear", "gbdt"}) {
      const Json facts = h->file_json(outcome.output, format("model.{}.json", name));
      EXPECT_EQ(facts["calibration"]["kind"].text(), calibrate);
      const auto model = model_of(outcome, name);
      EXPECT_EQ(model->outputs()[0].name, "probability");
      const auto answers = model->run({rows_of(1)});
      ASSERT_TRUE(answers);
      const auto scores = scores_of(outcome, format("scores.{}.npy", name));
      const double threshold = facts["threshold"].number();
      EXPECT_EQ(threshold, static_cast<double>(static_cast<float>(threshold)));
      int right = 0;
      std::size_t place = 0;
      for (std::size_t i = 0; i < kRows; ++i) {
        if (sides[i] != 1) continue;
        EXPECT_EQ(static_cast<double>((*answers)[0].floats()[place]), scores[place]);
        const bool is_true = (*answers)[1].booleans()[place] != 0;
        EXPECT_EQ(is_true, scores[place] >= threshold);
        right += is_true == (labels[i] > 0) ? 1 : 0;
        ++place;
      }
      EXPECT_GT(right, 85) << name << " " << calibrate;
    }
  }
}

TEST_F(Train, MoreClassesGiveProbabilitiesAndTheLikeliest) {
  project(Task::kMulticlass, list_of_all("logistic"));
  const Outcome outcome = train("{rounds: 40, early_stopping: 10}");
  EXPECT_EQ(trials(outcome)["metric"].text(), "logloss");
  const auto classes = target_of(Task::kMulticlass).classes;
  for (const char* name : {"baseline", "linear", "gbdt"}) {
    const auto model = model_of(outcome, name);
    const auto answers = model->run({rows_of(1)});
    ASSERT_TRUE(answers);
    const auto scores = scores_of(outcome, format("scores.{}.npy", name));
    ASSERT_EQ(scores.size(), 300U);
    for (std::size_t row = 0; row < 100; ++row) {
      const double* of = &scores[row * 3];
      EXPECT_NEAR(of[0] + of[1] + of[2], 1, 1e-5);
      const auto most = static_cast<std::size_t>(std::max_element(of, of + 3) - of);
      EXPECT_EQ((*answers)[1].texts()[row], classes[most]);
    }
  }
}

TEST_F(Train, FoldsAreAveragedAndAllTrainRowsMakeTheModel) {
  project(Task::kNumber, list_of_all("ridge"), true);
  const Outcome outcome = train("{rounds: 60, early_stopping: 10}");
  const Json json = trials(outcome);
  for (const Json& trial : json["trials"].items()) {
    const auto& scores = trial["fold_scores"].items();
    ASSERT_EQ(scores.size(), 4U);
    double sum = 0;
    for (const Json& each : scores) sum += each.number();
    EXPECT_NEAR(trial["score"].number(), sum / 4, 1e-12);
  }
  EXPECT_EQ(scores_of(outcome, "scores.gbdt.npy").size(), 0U);
  EXPECT_EQ(scores_of(outcome, "held_out.gbdt.npy").size(), 500U);
  const Json facts = h->file_json(outcome.output, "model.gbdt.json");
  EXPECT_EQ(facts["rows"].integer(), 500);
  for (const Json& trial : json["trials"].items()) {
    if (trial["candidate"].text() == "gbdt" && trial["trial"] == json["best"]["gbdt"]) {
      EXPECT_EQ(facts["rounds"], trial["rounds"]);
    }
  }
}

TEST_F(Train, RefitTakesValidationRowsInAndLeavesTheScores) {
  project(Task::kNumber, format("[{}]", kTrees));
  const Outcome plain = train("{rounds: 60, early_stopping: 10}");
  const Outcome refit = train("{rounds: 60, early_stopping: 10, refit: train_and_validation}");
  const Json before = h->file_json(plain.output, "model.gbdt.json");
  const Json after = h->file_json(refit.output, "model.gbdt.json");
  EXPECT_EQ(before["rows"].integer(), 400);
  EXPECT_EQ(after["rows"].integer(), 500);
  EXPECT_NE(before["digest"].text(), after["digest"].text());
  EXPECT_EQ(before["rounds"], after["rounds"]);
  EXPECT_EQ(scores_of(plain, "scores.gbdt.npy"), scores_of(refit, "scores.gbdt.npy"));
}

TEST_F(Train, TheSameBytesOnOneThreadAndTwo) {
  // Enough values that threads are used.
  constexpr std::size_t kMany = 20'000;
  h = std::make_unique<MatrixProject>(target_of(Task::kBinary));
  h->column("a", noise(1, kMany));
  h->column("b", noise(2, kMany));
  std::vector<float> codes;
  for (std::size_t i = 0; i < kMany; ++i) codes.push_back(static_cast<float>(i % 7));
  h->column("k", codes, std::vector<std::string>(7, "x"));
  labels.clear();
  const auto chance = noise(3, kMany);
  const auto a = noise(1, kMany);
  for (std::size_t i = 0; i < kMany; ++i) labels.push_back(a[i] + chance[i] > 0.2F ? 1 : 0);
  h->seal(labels, test::turns(kMany));
  h->keep_all();
  h->candidates(list_of_all("logistic"));
  const std::string yaml = "{rounds: 30, early_stopping: 5, calibrate: isotonic, threads: %}";
  const auto digests = [&](const char* threads) {
    return MatrixProject::digests(train(replace_all(yaml, "%", threads)).output);
  };
  const std::string one = digests("1");
  std::filesystem::remove_all(h->objects->folder() + "/trials");
  EXPECT_EQ(one, digests("2"));
}

TEST_F(Train, AKilledSearchGoesOnWithTheTrialItWasIn) {
  project(Task::kNumber, list_of_all("ridge"));
  int trained = 0;
  const auto count = [&](const std::string& text) {
    trained += text.find("round 20:") != std::string::npos ? 1 : 0;
  };
  h->section("{rounds: 25, early_stopping: 0}", spec(), "train");
  const auto run_counted = [&] {
    trained = 0;
    const Node none;
    RunContext context{h->section("{rounds: 25, early_stopping: 0}", spec(), "train"),
                       none,
                       h->settings,
                       h->input,
                       *h->session,
                       *h->objects,
                       nullptr,
                       nullptr,
                       count};
    auto outcome = run(context);
    if (!outcome) throw std::runtime_error(render(outcome.error()));
    return std::move(*outcome);
  };
  const Outcome whole = run_counted();
  EXPECT_EQ(trained, 3);
  ASSERT_EQ(whole.scratch.size(), 3U);
  const std::string folder = whole.scratch[2];
  EXPECT_THAT(entries_of(folder), ElementsAre("gbdt.0.json", "gbdt.1.json", "gbdt.2.json"));
  ASSERT_TRUE(remove_file(folder + "/gbdt.2.json"));
  EXPECT_EQ(MatrixProject::digests(run_counted().output), MatrixProject::digests(whole.output));
  // Trial 2 anew, and the best one for its model unless it was that.
  EXPECT_GE(trained, 1);
  EXPECT_LE(trained, 2);
  // A torn file counts as none.
  ASSERT_TRUE(write_file(folder + "/gbdt.1.json", "{\"score\":"));
  EXPECT_EQ(MatrixProject::digests(run_counted().output), MatrixProject::digests(whole.output));
  // Nothing lost: at most the best model is made once more.
  run_counted();
  EXPECT_LE(trained, 1);
}

TEST_F(Train, OtherSettingsHaveOtherTrials) {
  project(Task::kNumber, format("[{}]", kTrees));
  const Outcome first = train("{rounds: 20, early_stopping: 0}");
  const Outcome other = train("{rounds: 21, early_stopping: 0}");
  EXPECT_NE(first.scratch, other.scratch);
  const Outcome threads = train("{rounds: 20, early_stopping: 0, threads: 1}");
  EXPECT_EQ(first.scratch, threads.scratch);
}

TEST_F(Train, AStopEndsATrial) {
  project(Task::kNumber, format("[{}]", kTrees));
  const Node none;
  RunContext context{h->section("{}", spec(), "train"),
                     none,
                     h->settings,
                     h->input,
                     *h->session,
                     *h->objects,
                     nullptr,
                     nullptr,
                     {},
                     [] { return true; }};
  const auto outcome = run(context);
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().id(), "run.cancelled");
}

TEST_F(Train, WeightsCount) {
  project(Task::kNumber, format("[{}, {}]", kBaseline, kTrees));
  h->add_table("training",
               "SELECT CASE WHEN i % 5 = 0 THEN 100.0 ELSE 0.0 END AS w FROM "
               "range(600) AS r(i) ORDER BY i");
  const Outcome outcome = train("{metric: rmse, weight: w, rounds: 20, early_stopping: 5}");
  double sum = 0;
  double count = 0;
  for (std::size_t i = 0; i < kRows; i += 5) {
    if (sides[i] != 0) continue;
    sum += labels[i];
    count += 1;
  }
  EXPECT_NEAR(scores_of(outcome, "scores.baseline.npy")[0], sum / count, 1e-6);
  h->add_table("training",
               "SELECT CASE WHEN i = 7 THEN NULL ELSE 1.0 END AS w FROM range(600) AS "
               "r(i) ORDER BY i");
  const auto faulty = try_train("{weight: w}");
  ASSERT_FALSE(faulty);
  EXPECT_EQ(faulty.error().id(), "train.weight_invalid");
  EXPECT_THAT(faulty.error().what(), HasSubstr("row 7 is missing"));
}

TEST_F(Train, ACandidateThatCannotBeTrainedIsNamed) {
  project(Task::kNumber, list_of_all("logistic"));
  const Outcome outcome = train("{rounds: 20, early_stopping: 0}");
  EXPECT_THAT(outcome.warnings, ElementsAre(HasSubstr("\"linear\" could not be trained: ")));
  EXPECT_EQ(outcome.output.find_file("model.linear.json"), nullptr);
  EXPECT_EQ(trials(outcome)["trials"].items()[1]["state"].text(), "failed");
  project(Task::kNumber, R"([{"name":"linear","family":"logistic","space":{}}])");
  const auto none = try_train("{}");
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().id(), "train.no_model");
}

TEST_F(Train, RefusesWhatCannotBeCompared) {
  project(Task::kNumber, format("[{}]", kBaseline));
  const auto memory = try_train("{memory: 5kB}");
  ASSERT_FALSE(memory);
  EXPECT_EQ(memory.error().id(), "train.memory_exceeded");
  h->seal(labels, std::vector<std::uint8_t>(kRows, 0));
  const auto validation = try_train("{}");
  ASSERT_FALSE(validation);
  EXPECT_EQ(validation.error().id(), "train.no_validation");
  h->seal(labels, std::vector<std::uint8_t>(kRows, 1));
  const auto rows = try_train("{}");
  ASSERT_FALSE(rows);
  EXPECT_EQ(rows.error().id(), "train.no_rows");
}

TEST_F(Train, FaultsOfTheSection) {
  project(Task::kNumber, "[]");
  h->add_table("training", "SELECT 1.0 AS w, 'x' AS s");
  const auto faults_of = [&](const std::string& yaml, const std::string& type = "number") {
    h->faults = Faults();
    h->section(yaml, spec(), "train");
    h->other_section(format("{{target: {{name: y, type: {}}}}}", type), test::curate_field(),
                     "curate");
    h->check(check);
    return test::fault_ids(h->faults);
  };
  EXPECT_THAT(faults_of("{metric: mea}"), ElementsAre("train.metric_unknown"));
  EXPECT_THAT(faults_of("{metric: auc}"), ElementsAre("train.metric_unknown"));
  EXPECT_THAT(faults_of("{search: {sampler: tpe}}"), ElementsAre("train.not_built"));
  EXPECT_THAT(faults_of("{search: {pruner: hyperband}}"), ElementsAre("train.not_built"));
  EXPECT_THAT(faults_of("{calibrate: sigmoid}"), ElementsAre("train.calibration_unsuitable"));
  EXPECT_THAT(faults_of("{threshold: {by: f1}}"), ElementsAre("train.threshold_unsuitable"));
  EXPECT_THAT(faults_of("{weight: ww}"), ElementsAre("train.column_missing"));
  EXPECT_THAT(faults_of("{weight: s}"), ElementsAre("train.weight_unsuitable"));
  EXPECT_THAT(faults_of("{memory: much}"), ElementsAre("train.memory_malformed"));
  EXPECT_THAT(faults_of("{metric: auc, calibrate: isotonic, threshold: {by: youden}, weight: w, "
                        "memory: 2GB}",
                        "binary"),
              IsEmpty());
}

TEST_F(Train, TheWholeGraphAnswersFromARow) {
  project(Task::kNumber, format("[{}]", kTrees));
  const Outcome outcome = train("{rounds: 20, early_stopping: 5}");
  onnx::Graph featurizer("f");
  const onnx::Value a = featurizer.input("a", onnx::TensorType::kDouble);
  const onnx::Value k = featurizer.input("k", onnx::TensorType::kDouble);
  const onnx::Value zero = featurizer.constant(0.0);
  const onnx::Value b = featurizer.node("Mul", {a, zero}, onnx::TensorType::kDouble);
  const onnx::Value all = featurizer.side_by_side({a, b, k});
  featurizer.output("features", featurizer.cast(all, onnx::TensorType::kFloat), 3);
  const std::string model = h->file_bytes(outcome.output, "model.gbdt.onnx");
  const auto graph = whole_graph(featurizer.bytes(), {0, 1, 2}, model);
  ASSERT_TRUE(graph);
  const auto loaded = onnx::Model::load(graph->bytes());
  ASSERT_TRUE(loaded);
  records::Batch batch;
  batch.rows = 1;
  batch.columns = {{"a", false, {0.5}}, {"k", false, {2.0}}};
  const auto answers = (*loaded)->run(batch, 0, 1);
  ASSERT_TRUE(answers);
  const auto bare = model_of(outcome, "gbdt")->run({{{1, 3}, std::vector<float>{0.5F, 0, 2}}});
  ASSERT_TRUE(bare);
  EXPECT_EQ((*answers)[0], (*bare)[0]);
  onnx::Graph taken("f");
  const onnx::Value p = taken.input("prediction", onnx::TensorType::kFloat, 3);
  taken.output("features", taken.node("Abs", {p}, onnx::TensorType::kFloat), 3);
  const auto clash = whole_graph(taken.bytes(), {0, 1, 2}, model);
  ASSERT_FALSE(clash);
  EXPECT_EQ(clash.error().id(), "onnx.name_taken");
}

}  // namespace
}  // namespace kingpost::steps::train
