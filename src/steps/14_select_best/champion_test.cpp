// SPDX-License-Identifier: Apache-2.0
// Step 14: the winner against a registered champion, and what that does to the step's key.
#include "steps/14_select_best/champion.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/digest.h"
#include "steps/14_select_best/select_best.h"
#include "steps/bundle.h"
#include "steps/model_graph.h"
#include "support/trained_project.h"

namespace kingpost::steps::select_best {
namespace {

using records::Task;
using test::TrainedProject;
using testing::HasSubstr;

class ChampionTest : public testing::Test {
 protected:
  void SetUp() override {
    journal_ = std::move(store::Journal::open(h.folder.path())).value();
    h.settings.project = "made";
    h.journal = journal_.get();
    h.add_constant("baseline", 10);
    h.add_linear("linear", 10, 0);
    h.add_trees("gbdt", 30);
    h.finish("mae");
    h.add_file("verdicts.json", R"({"baseline": {"valid": false, "reference": true},
        "linear": {"valid": true}, "gbdt": {"valid": true}})");
    h.file("", spec(), "select_best", "mae");
  }

  std::string seal(const std::string& bytes) { return h.objects->seal_text(bytes)->digest; }

  std::string file_digest(const std::string& name) const { return h.input.find_file(name)->digest; }

  std::string graph_of(const std::string& name) {
    const auto bytes = [&](const std::string& file) {
      return h.objects->read(file_digest(file)).value();
    };
    return whole_graph(bytes("featurizer.onnx"), {0, 1, 2}, bytes("model." + name + ".onnx"))
        ->bytes();
  }

  std::string bundle_of(const std::string& graph, const std::string& signature) {
    std::vector<Bundle::File> files;
    files.push_back({"model.onnx", seal(graph), ""});
    files.push_back({"signature.json", seal(signature), ""});
    return seal(bundle_sums(std::move(files)));
  }

  // The version that holds the alias.
  void crown(const std::string& bundle, Json facts = Json::object()) {
    store::NewVersion version;
    version.model = "made_y";
    version.bundle = bundle;
    version.facts = std::move(facts);
    const auto added = journal_->registry().add(version);
    ASSERT_TRUE(added);
    ASSERT_TRUE(journal_->registry().set_alias("made_y", "champion", added->version.version, ""));
  }

  // Those of a version that was judged on the rows at hand.
  Json facts_now(const std::string& name) const {
    Json rows = Json::object().set("training", h.input.find("training")->digest);
    for (const char* file : {"labels.npy", "sides.npy"}) rows.set(file, file_digest(file));
    Json objects = Json::object().set("scores", file_digest("scores." + name + ".npy"));
    return Json::object().set("rows", std::move(rows)).set("objects", std::move(objects));
  }

  Json winner() {
    auto outcome = h.run(run);
    if (!outcome) {
      ADD_FAILURE() << render(outcome.error());
      return {};
    }
    return h.json_of(outcome->output, "winner.json");
  }

  static double metric_of(const Json& winner, const std::string& name) {
    for (const Json& each : winner["table"].items()) {
      if (each["name"].text() == name) return each["metric"].number();
    }
    return -1;
  }

  // A training set of the same keys with these sides, as an object alone.
  std::string older_training(const std::string& side) {
    const std::string query =
        format("SELECT CAST(range AS INTEGER) AS id, {} AS _split FROM range(600)", side);
    const std::string digest = h.add_table("older", query).digest;
    h.input.tables.pop_back();
    return digest;
  }

  TrainedProject h{Task::kNumber};
  std::unique_ptr<store::Journal> journal_;
};

const char* const kSignature = R"({"task": "number", "target": "y", "classes": []})";

TEST_F(ChampionTest, WithoutOneThereIsNobodyToBeat) {
  const Json out = winner();
  EXPECT_EQ(out["name"].text(), "gbdt");
  EXPECT_TRUE(out["champion"].is_null());
  EXPECT_TRUE(out["against"].is_null());
  EXPECT_TRUE(is_digest(out["contest"].text()));
}

TEST_F(ChampionTest, ItsGraphIsAskedAboutTheSameRows) {
  const std::string bundle = bundle_of(graph_of("linear"), kSignature);
  crown(bundle);
  const Json out = winner();
  const Json& champion = out["champion"];
  EXPECT_EQ(champion["verdict"].text(), "better") << champion.dump();
  EXPECT_EQ(champion["version"].integer(), 1);
  EXPECT_EQ(champion["bundle"].text(), bundle);
  EXPECT_EQ(out["against"].text(), bundle);
  EXPECT_EQ(champion["rows"].integer(), 150);
  EXPECT_EQ(champion["value"].number(), metric_of(out, "linear"));
  EXPECT_NEAR(champion["difference"]["value"].number(),
              metric_of(out, "gbdt") - metric_of(out, "linear"), 1e-9);
  EXPECT_LT(champion["difference"]["high"].number(), 0);
  EXPECT_THAT(champion["words"].text(), HasSubstr("may have been fitted on some of these rows"));
  EXPECT_THAT(champion["words"].text(), HasSubstr(" of version 1 on 150 rows, a difference of -"));
}

TEST_F(ChampionTest, TheSameModelIsNoBetter) {
  crown(bundle_of(graph_of("gbdt"), kSignature));
  const Json out = winner();
  EXPECT_EQ(out["champion"]["verdict"].text(), "equal");
  EXPECT_EQ(out["champion"]["difference"]["value"].number(), 0);
  EXPECT_THAT(out["champion"]["words"].text(), HasSubstr("no clear difference"));
}

TEST_F(ChampionTest, AWorseWinnerIsCalledSo) {
  crown(bundle_of(graph_of("gbdt"), kSignature));
  h.add_file("verdicts.json", R"({"linear": {"valid": true}})");
  const Json out = winner();
  EXPECT_EQ(out["name"].text(), "linear");
  EXPECT_EQ(out["champion"]["verdict"].text(), "worse");
}

TEST_F(ChampionTest, OnTheRowsItWasJudgedOnItsScoresFromThenCount) {
  // The bundle is that of a model that knows more, as one does after a refit.
  crown(bundle_of(graph_of("gbdt"), kSignature), facts_now("linear"));
  const Json out = winner();
  EXPECT_EQ(out["champion"]["value"].number(), metric_of(out, "linear"));
  EXPECT_EQ(out["champion"]["verdict"].text(), "better");
}

TEST_F(ChampionTest, RowsThatItWasFittedOnAreLeftOut) {
  Json facts = facts_now("linear");
  Json rows = facts["rows"];
  facts.set("rows", rows.set("training",
                             older_training("CASE WHEN id < 300 THEN 'train' WHEN id < 400 THEN "
                                            "'validation' ELSE 'test' END")));
  crown(bundle_of(graph_of("linear"), kSignature), facts);
  EXPECT_EQ(winner()["champion"]["rows"].integer(), 75);
  facts.set("refit", "train_and_validation");
  crown(bundle_of(graph_of("baseline"), kSignature), facts);
  const Json out = winner();
  EXPECT_EQ(out["champion"]["version"].integer(), 2);
  EXPECT_EQ(out["champion"]["rows"].integer(), 50);
  EXPECT_THAT(out["champion"]["words"].text(), testing::Not(HasSubstr("may have been")));
}

TEST_F(ChampionTest, OneThatKnowsAllRowsCannotBeCompared) {
  Json facts = facts_now("linear");
  Json rows = facts["rows"];
  facts.set("rows", rows.set("training", older_training("'train'")));
  crown(bundle_of(graph_of("linear"), kSignature), facts);
  const Json out = winner();
  EXPECT_EQ(out["name"].text(), "gbdt");
  EXPECT_EQ(out["champion"]["verdict"].text(), "cannot_be_compared");
  EXPECT_EQ(out["champion"]["words"].text(), "it was fitted on 150 of the 150 rows");
  EXPECT_TRUE(out["champion"]["value"].is_null());
}

TEST_F(ChampionTest, WhatCannotBeAskedIsNoFailure) {
  const auto words = [&](const std::string& graph, const std::string& signature) {
    crown(bundle_of(graph, signature));
    const Json out = winner();
    EXPECT_EQ(out["champion"]["verdict"].text(), "cannot_be_compared");
    return out["champion"]["words"].text();
  };
  onnx::Graph other("other");
  const auto gone = other.input("gone", records::TensorType::kDouble);
  other.output("prediction", other.cast(gone, records::TensorType::kFloat));
  EXPECT_THAT(words(other.bytes(), kSignature),
              HasSubstr("it reads the column gone, which the training set does not have"));
  onnx::Graph texts("texts");
  const auto color = texts.input("a", records::TensorType::kString);
  texts.output("prediction", texts.cast(color, records::TensorType::kFloat));
  EXPECT_THAT(words(texts.bytes(), kSignature), HasSubstr("\"a\""));
  EXPECT_THAT(words(graph_of("linear"), R"({"task": "binary"})"),
              HasSubstr("another kind: binary"));
  EXPECT_THAT(words("no graph", kSignature), HasSubstr("its bundle is damaged"));
  EXPECT_THAT(words(graph_of("linear"), "{"), HasSubstr("its bundle is damaged"));
  const std::string lacking = bundle_sums({{"model.onnx", seal(graph_of("linear")), ""}});
  crown(seal(lacking));
  EXPECT_THAT(winner()["champion"]["words"].text(), HasSubstr("its bundle is damaged"));
  crown(std::string(64, '0'));
  EXPECT_THAT(winner()["champion"]["words"].text(), HasSubstr("its bundle is gone"));
}

TEST_F(ChampionTest, AVersionRemembersWhomItMet) {
  const Json first = winner();
  Json contests = Json::object().set(first["contest"].text(), first["against"]);
  crown(bundle_of(graph_of("gbdt"), kSignature), Json::object().set("contests", contests));
  EXPECT_EQ(winner().dump(), first.dump());
  // The contest of another seed meets the version itself.
  h.add_file("trials.json", h.json_of(h.input, "trials.json").set("seed", 14).dump());
  const Json second = winner();
  EXPECT_NE(second["contest"].text(), first["contest"].text());
  EXPECT_EQ(second["champion"]["version"].integer(), 1);
}

TEST_F(ChampionTest, FoldsLeaveNoRowsToAskAbout) {
  crown(bundle_of(graph_of("linear"), kSignature), facts_now("linear"));
  h.fold();
  const Json out = winner();
  EXPECT_THAT(out["champion"]["words"].text(), HasSubstr("with a split by folds"));
}

}  // namespace
}  // namespace kingpost::steps::select_best
