// SPDX-License-Identifier: Apache-2.0
// Step 16: versions, aliases, promotion, and what is refused before anything is registered.
#include "steps/16_register/register.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engines/onnx/runtime.h"
#include "steps/bundle.h"
#include "steps/input_example.h"
#include "steps/model_graph.h"
#include "support/trained_project.h"

namespace kingpost::steps::registering {
namespace {

using records::Task;
using test::TrainedProject;
using testing::ElementsAre;
using testing::HasSubstr;

class RegisterStep : public testing::Test {
 protected:
  void SetUp() override {
    journal_ = std::move(store::Journal::open(h.folder.path())).value();
    h.settings.project = "made";
    h.journal = journal_.get();
    h.add_constant("baseline", 10);
    h.add_linear("linear", 10, 0);
    h.add_linear("steep", 20, 0);
    h.add_trees("trees", 5);
    h.finish("mae");
    h.add_file(
        "verdicts.json",
        R"({"linear": {"valid": true, "gates": [{"gate": "parity", "critical": true, "limit": 2e-5}]
                      },
            "steep": {"valid": true, "gates": [{"gate": "parity", "critical": false, "limit": 0}]},
            "trees": {"valid": true}, "baseline": {}})");
    (void)journal_->begin_run("kingpost run", "made.yaml");
  }

  std::string seal(const std::string& bytes) { return h.objects->seal_text(bytes)->digest; }

  std::string bytes_of(const std::string& file) {
    return h.objects->read(h.input.find_file(file)->digest).value();
  }

  // What training left, as step 15 packages it; `facts` instead of the model's own where they are
  // not empty.
  void add_native(const std::string& name, const std::string& facts,
                  std::vector<Bundle::File>& files) {
    const Json own = parse_json(bytes_of("model." + name + ".json")).value();
    files.push_back({"native/model.json", seal(facts.empty() ? own.dump() : facts), ""});
    if (own["native"].is_string()) {
      files.push_back({"native/lightgbm.txt", seal(bytes_of(own["native"].text())), ""});
    }
    const Json features = Json::object().set("features", records::to_json(h.features));
    files.push_back({"features.json", seal(features.dump()), ""});
  }

  // As step 15 leaves it; `spoil` is put in the place of the answers unless it is empty.
  void package(const std::string& name, const std::string& spoil = {},
               const std::string& facts = {}) {
    const std::string graph =
        whole_graph(bytes_of("featurizer.onnx"), {0, 1, 2}, bytes_of("model." + name + ".onnx"))
            ->bytes();
    const auto model = std::move(onnx::Model::load(graph)).value();
    records::Batch rows;
    rows.rows = 2;
    std::vector<records::Column> columns;
    Json inputs = Json::array();
    for (const onnx::Port& port : model->inputs()) {
      const bool text = port.type == records::TensorType::kString;
      records::BatchColumn column{port.name, text};
      if (text) column.texts = {"red", ""};
      if (!text) column.numbers = {0.5, std::numeric_limits<double>::quiet_NaN()};
      rows.columns.push_back(std::move(column));
      columns.push_back({port.name, text ? "string" : "float64", {}, {}});
      inputs.push(Json::object()
                      .set("name", port.name)
                      .set("type", text ? "string" : "float64")
                      .set("onnx", text ? "string" : "double"));
    }
    const auto answers = model->run(rows, 0, rows.rows).value();
    const std::string kept = example_answers(model->outputs(), answers).dump();
    std::vector<Bundle::File> files;
    files.push_back({"model.onnx", seal(graph), ""});
    files.push_back({"input_example.json", seal(example_rows(columns, rows).dump()), ""});
    files.push_back({"input_example.answers.json", seal(spoil.empty() ? kept : spoil), ""});
    files.push_back(
        {"signature.json", seal(Json::object().set("inputs", std::move(inputs)).dump()), ""});
    add_native(name, facts, files);
    h.add_file("bundle/SHA256SUMS", bundle_sums(std::move(files)));
  }

  std::string bundle() const { return h.input.find_file("bundle/SHA256SUMS")->digest; }

  void winner(const std::string& name, const std::string& contest, const Json& champion = {}) {
    h.add_file("winner.json", Json::object()
                                  .set("name", name)
                                  .set("family", "linear")
                                  .set("metric", "mae")
                                  .set("value", 1.5)
                                  .set("champion", champion)
                                  .set("contest", contest)
                                  .set("against", champion["bundle"])
                                  .dump());
  }

  Json registered(const std::string& yaml = "") {
    h.faults = Faults();
    h.file(yaml, spec(), "register", "mae");
    h.check(check);
    for (const Error& fault : h.faults.errors()) ADD_FAILURE() << render(fault);
    auto outcome = h.run(run);
    if (!outcome) {
      ADD_FAILURE() << render(outcome.error());
      return {};
    }
    words_ = outcome->report["words"].text();
    return h.json_of(outcome->output, "version.json");
  }

  std::string refused() {
    h.file("", spec(), "register", "mae");
    const auto outcome = h.run(run);
    if (outcome) return "registered";
    detail_ = outcome.error().details().empty() ? "" : outcome.error().details().front();
    what_ = outcome.error().what();
    return outcome.error().id();
  }

  std::vector<std::string> holders() {
    std::vector<std::string> out;
    const auto models = journal_->registry().models().value();
    for (const auto& model : models) {
      for (const auto& [alias, version] : model.aliases) {
        out.push_back(format("{} {}", alias, version));
      }
    }
    return out;
  }

  TrainedProject h{Task::kNumber};
  std::unique_ptr<store::Journal> journal_;
  std::string words_;
  std::string detail_;
  std::string what_;
};

TEST_F(RegisterStep, TheFirstVersionIsTheChampion) {
  package("linear");
  winner("linear", "c1");
  const Json out = registered("tags: {team: ops}\ndescription: the first\n");
  EXPECT_EQ(out["model"].text(), "made_y");
  EXPECT_EQ(out["version"].integer(), 1);
  EXPECT_EQ(out["bundle"].text(), bundle());
  EXPECT_EQ(out["aliases"].dump(), R"(["challenger","champion"])");
  EXPECT_FALSE(out["again"].boolean());
  EXPECT_EQ(words_, "there was no champion");
  const auto version = journal_->registry().resolve("made_y").value();
  EXPECT_EQ(version.file, "made.yaml");
  EXPECT_EQ(version.facts["parity"]["rows"].integer(), 150);
  EXPECT_THAT(version.facts["parity"]["words"].text(),
              HasSubstr("150 rows: 0 other leaves, 0 other classes, largest difference"));
  EXPECT_EQ(version.run, 1);
  EXPECT_EQ(version.tags.dump(), R"({"team":"ops"})");
  EXPECT_EQ(version.description, "the first");
  EXPECT_EQ(version.facts["contests"].dump(), R"({"c1":null})");
  EXPECT_EQ(version.facts["objects"]["scores"].text(),
            h.input.find_file("scores.linear.npy")->digest);
}

TEST_F(RegisterStep, TheSameBundleIsTheSameVersion) {
  package("linear");
  winner("linear", "c1");
  registered();
  const Json again = registered("tags: {team: ops}\n");
  EXPECT_TRUE(again["again"].boolean());
  EXPECT_EQ(again["version"].integer(), 1);
  EXPECT_EQ(words_, "it is the champion already");
  EXPECT_EQ(journal_->registry().resolve("made_y")->tags.dump(), R"({"team":"ops"})");
}

TEST_F(RegisterStep, ItTakesMoreToBePromoted) {
  package("linear");
  winner("linear", "c1");
  registered();
  const std::string first = bundle();
  package("steep");
  const auto met = [&](const std::string& verdict, const std::string& whom) {
    return Json::object().set("bundle", whom).set("verdict", verdict).set("words", "so it is");
  };
  winner("steep", "c2", met("equal", first));
  EXPECT_EQ(registered()["aliases"].dump(), R"(["challenger"])");
  EXPECT_EQ(words_, "version 1 is the champion: so it is");
  winner("steep", "c2", met("better", std::string(64, '0')));
  registered();
  EXPECT_THAT(words_, HasSubstr("was not what it was compared with"));
  winner("steep", "c2", met("better", first));
  registered("approval: required");
  EXPECT_EQ(words_, "approval is required: kingpost alias made_y champion 2");
  EXPECT_THAT(holders(), ElementsAre("challenger 2", "champion 1"));
  registered();
  EXPECT_THAT(holders(), ElementsAre("challenger 2", "champion 2"));
  EXPECT_EQ(journal_->registry().history("made_y")->back().detail, "champion, which was version 1");
}

TEST_F(RegisterStep, WithApprovalEvenTheFirstWaits) {
  package("linear");
  winner("linear", "c1");
  registered("{name: late, alias: night, promote_to: day, approval: required}");
  EXPECT_THAT(holders(), ElementsAre("night 1"));
  EXPECT_EQ(journal_->registry().resolve("late@night")->version, 1);
}

TEST_F(RegisterStep, OtherAnswersAreNotRegistered) {
  package("linear", R"({"columns":["prediction"],"data":[[5.000001],[0.0]]})");
  winner("linear", "c1");
  EXPECT_EQ(refused(), "register.answers_differ");
  EXPECT_THAT(detail_, HasSubstr("row 0, prediction: 5.0, was 5.000000"));
  package("linear", R"({"columns":["prediction"],"data":[[5.0]]})");
  EXPECT_EQ(refused(), "bundle.damaged");
  EXPECT_TRUE(journal_->registry().models()->empty());
}

TEST_F(RegisterStep, ThePackagedGraphIsAskedBesideTheModelThatWasTrained) {
  package("trees");
  winner("trees", "c1");
  registered();
  const auto version = journal_->registry().resolve("made_y").value();
  EXPECT_EQ(version.facts["parity"]["other_leaves"].integer(), 0);
  EXPECT_EQ(version.facts["parity"]["other_features"].integer(), 0);
  EXPECT_LT(version.facts["parity"]["largest"].number(), 1e-5);

  std::string facts = bytes_of("model.linear.json");
  const std::string weight = "[[10.0,0,0]]";
  ASSERT_NE(facts.find(weight), std::string::npos) << facts;
  facts.replace(facts.find(weight), weight.size(), "[[10.01,0,0]]");
  package("linear", {}, facts);
  winner("linear", "c1");
  EXPECT_EQ(refused(), "register.parity_failed");
  EXPECT_THAT(what_, HasSubstr("150 rows: 0 other leaves, 0 other classes, largest difference"));
  EXPECT_EQ(journal_->registry().versions("made_y")->size(), 1);
}

TEST_F(RegisterStep, FeaturesThatTrainingDidNotReadAreNotRegistered) {
  h.matrix[2 * 3] += 0.5F;
  h.write_matrix();
  package("linear");
  winner("linear", "c1");
  EXPECT_EQ(refused(), "register.parity_failed");
  EXPECT_THAT(what_, HasSubstr("0 other leaves, 0 other classes"));
  EXPECT_THAT(what_, HasSubstr(", 1 other features"));
  // A gate that only warns is told, and stops nothing.
  package("steep");
  winner("steep", "c1");
  registered();
  EXPECT_EQ(journal_->registry().resolve("made_y")->facts["parity"]["other_features"].integer(), 1);
}

TEST_F(RegisterStep, RowsOfATrainingSetThatShrankAreNotMadeUp) {
  package("linear");
  winner("linear", "c1");
  h.add_table("training",
              "SELECT 1 AS id, 0.5::DOUBLE AS a, 0.5::DOUBLE AS b, 'red' AS color, "
              "TIMESTAMP '2013-01-01' AS \"at\", 1.0::DOUBLE AS y, 'validation' AS _split",
              {"id"});
  EXPECT_EQ(refused(), "register.rows_unaccounted");
}

TEST_F(RegisterStep, ADamagedBundleIsNotRegistered) {
  package("linear");
  winner("linear", "c1");
  const auto opened = Bundle::in_store(*h.objects, bundle()).value();
  ASSERT_TRUE(h.objects->remove(opened.find("signature.json")->digest));
  EXPECT_EQ(refused(), "bundle.damaged");
}

TEST_F(RegisterStep, AModelThatIsNotValidIsNotRegistered) {
  package("baseline");
  winner("baseline", "c1");
  EXPECT_EQ(refused(), "register.not_valid");
  EXPECT_TRUE(journal_->registry().models()->empty());
}

TEST_F(RegisterStep, RefusesNamesThatTheRegistryDoesNotTake) {
  h.file("{name: 'a/b', alias: latest, promote_to: v1, tags: {'': x}}", spec(), "register", "mae");
  h.check(check);
  EXPECT_THAT(test::fault_ids(h.faults),
              ElementsAre("register.name_malformed", "register.alias_malformed",
                          "register.alias_malformed", "register.tag_malformed"));
  h.faults = Faults();
  h.file("alias: champion", spec(), "register", "mae");
  h.check(check);
  EXPECT_THAT(test::fault_ids(h.faults), ElementsAre("register.alias_twice"));
}

TEST_F(RegisterStep, TheNameMayComeFromOtherSections) {
  h.file("", spec(), "register", "mae");
  Node nothing;
  KeyContext context{nothing, nothing, h.settings, *journal_};
  EXPECT_EQ(key_parts(context)->dump(), R"({"model":"made_"})");
  h.settings.project = "other";
  EXPECT_EQ(key_parts(context)->dump(), R"({"model":"other_"})");
}

}  // namespace
}  // namespace kingpost::steps::registering
