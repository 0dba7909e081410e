// SPDX-License-Identifier: Apache-2.0
// Step 15: the bundle is whole, says what is true, and depends on nothing else.
#include "steps/15_package/package.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "base/digest.h"
#include "base/ed25519.h"
#include "base/files.h"
#include "base/text.h"
#include "base/version.h"
#include "steps/15_package/markdown.h"
#include "steps/15_package/material.h"
#include "steps/bundle.h"
#include "steps/input_example.h"
#include "support/trained_project.h"

namespace kingpost::steps::package {
namespace {

using records::Task;
using test::TrainedProject;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

std::unique_ptr<TrainedProject> project(Task task, const std::string& winner = "gbdt") {
  auto h = std::make_unique<TrainedProject>(task);
  h->add_constant("baseline", 0);
  if (task != Task::kMulticlass) h->add_linear("linear", 2, 0);
  h->add_trees("gbdt", 5);
  const std::string metric(default_metric(task));
  h->finish(metric);
  h->add_file("verdicts.json", R"({"baseline": {"valid": false, "reference": true, "gates": []},
      "gbdt": {"valid": true, "reference": false, "gates": [{"gate": "answers",
      "verdict": "not_computed", "words": "a | b"}]}})");
  h->add_file("evaluation.json", format(R"({{"test_opened": 1, "rows": 150,
      "baseline": {{"metrics": {{"{0}": {{"value": 2.5}}}}}},
      "{1}": {{"metrics": {{"{0}": {{"value": 1.25, "low": 1, "high": 1.5}}}},
        "slices": [{{"words": "color=red", "rows": 40, "metrics": {{"{0}": {{"value": 1}}}}}},
                   {{"words": "color=<b>", "rows": 50, "metrics": {{"{0}": {{"value": 9}}}}}},
                   {{"words": "tiny", "rows": 2, "small": true,
                     "metrics": {{"{0}": {{"value": 99}}}}}}],
        "importances": [{{"feature": "a", "value": 0.5, "deviation": 0.1}}]}}}})",
                                        metric, winner));
  h->add_file("winner.json", format(R"({{"name": "{}", "metric": "{}", "value": 1, "why": ["first"],
      "table": [{{"name": "gbdt", "family": "lightgbm", "metric": 1, "low": 0.5, "high": 2,
      "verdict": "selected", "words": "the best"}}], "champion": null}})",
                                    winner, metric));
  return h;
}

Outcome packed(TrainedProject& h, const std::string& yaml = "") {
  h.faults = Faults();
  h.file(yaml, spec(), "package", std::string(default_metric(h.features.target.task)));
  h.check(check);
  for (const Error& fault : h.faults.errors()) ADD_FAILURE() << render(fault);
  auto outcome = h.run(run);
  if (!outcome) {
    ADD_FAILURE() << render(outcome.error());
    return {};
  }
  return std::move(outcome).value();
}

std::string digest_of(const Outcome& outcome) {
  const records::File* file = outcome.output.find_file("bundle/SHA256SUMS");
  return file == nullptr ? std::string() : file->digest;
}

Bundle bundle_of(const TrainedProject& h, const Outcome& outcome) {
  auto bundle = Bundle::in_store(*h.objects, digest_of(outcome));
  EXPECT_TRUE(bundle);
  return std::move(bundle).value();
}

TEST(Package, LeavesOneWholeBundle) {
  const auto h = project(Task::kBinary);
  const Outcome outcome = packed(*h);
  const Bundle bundle = bundle_of(*h, outcome);
  std::vector<std::string> names;
  for (const Bundle::File& file : bundle.files()) {
    names.push_back(file.name);
    const records::File* left = outcome.output.find_file("bundle/" + file.name);
    ASSERT_NE(left, nullptr) << file.name;
    EXPECT_EQ(left->digest, file.digest);
  }
  EXPECT_THAT(
      names,
      ElementsAre("MLmodel", "README.md", "code/kingpost_bundle.py", "conda.yaml", "features.json",
                  "input_example.answers.json", "input_example.json", "licences.json",
                  "lineage.json", "metrics.json", "model.onnx", "model_card.md",
                  "native/lightgbm.txt", "native/model.json", "python_env.yaml", "reference.json",
                  "requirements.txt", "sbom.cdx.json", "sbom.spdx.json", "signature.json"));
  EXPECT_TRUE(bundle.verify());
  EXPECT_EQ(outcome.report["bundle"].text(), bundle.digest());
  EXPECT_EQ(outcome.counts[0].number, std::ssize(names) + 1);
  EXPECT_NE(outcome.output.find_file("winner.json"), nullptr);
  const auto graph = onnx::Graph::read(*bundle.bytes("model.onnx"));
  ASSERT_TRUE(graph);
  EXPECT_EQ(graph->notes()["name"], "test_y");
  EXPECT_EQ(graph->notes()["task"], "binary");
  EXPECT_EQ(graph->notes()["target"], "y");
  EXPECT_EQ(graph->notes()["kingpost"], kingpost_version());
}

TEST(Package, DependsOnNeitherFolderNorThreadsNorHistory) {
  const auto one = project(Task::kNumber);
  const auto two = project(Task::kNumber);
  two->settings.engine.threads = 1;
  two->session = std::move(sql::Session::open(two->settings.engine)).value();
  const std::string digest = digest_of(packed(*one));
  EXPECT_EQ(digest_of(packed(*two)), digest);
  Json winner = two->json_of(two->input, "winner.json");
  winner.set("champion", Json::object().set("version", 3));
  two->add_file("winner.json", winner.dump());
  Json evaluation = two->json_of(two->input, "evaluation.json");
  two->add_file("evaluation.json", evaluation.set("test_opened", 7).dump());
  EXPECT_EQ(digest_of(packed(*two)), digest);
  EXPECT_NE(digest_of(packed(*two, "input_example: 6")), digest);
}

TEST(Package, TheExampleAnswersTheSameBits) {
  for (const Task task : {Task::kNumber, Task::kBinary, Task::kMulticlass}) {
    const auto h = project(task);
    const Bundle bundle = bundle_of(*h, packed(*h, "input_example: 40"));
    const auto differing = differing_answers(bundle);
    ASSERT_TRUE(differing) << render(differing.error());
    EXPECT_THAT(*differing, ElementsAre());
    const auto example = read_input_example(bundle);
    EXPECT_EQ(example->rows.rows, 40);
    const Npy scores =
        std::move(Npy::open(h->objects->path_of(h->input.find_file("scores.gbdt.npy")->digest)))
            .value();
    const std::size_t at = task == Task::kMulticlass ? 3 : 1;
    const auto& floats = example->answers[0].floats();
    for (std::size_t i = 0; i < 40 * at; ++i) EXPECT_EQ(floats[i], scores.doubles()[i]);
    // Column b has nulls among the first rows; they come back as such.
    const auto& b = example->rows.find("b")->numbers;
    EXPECT_GT(std::count_if(b.begin(), b.end(), [](double x) { return std::isnan(x); }), 0);
  }
}

TEST(Package, OtherAnswersAreNamed) {
  const auto h = project(Task::kBinary);
  const Bundle bundle = bundle_of(*h, packed(*h));
  const std::string target = h->folder.path() + "/copy";
  const auto changed = [&](const std::string& file, const std::string& from,
                           const std::string& to) {
    std::vector<Bundle::File> files = bundle.files();
    for (Bundle::File& each : files) {
      std::string bytes = *bundle.bytes(each.name);
      if (each.name == file) bytes = replace_all(bytes, from, to);
      each.digest = sha256_of(bytes);
      h->folder.write("copy/" + each.name, bytes);
    }
    h->folder.write("copy/SHA256SUMS", bundle_sums(files));
    return std::move(Bundle::in_folder(target)).value();
  };
  const auto words = differing_answers(changed("input_example.answers.json", "true", "false"));
  ASSERT_TRUE(words);
  ASSERT_FALSE(words->empty());
  EXPECT_THAT(words->front(), HasSubstr("prediction: true, was false"));
  const auto odd = differing_answers(changed("input_example.json", "\"blue\"", "7"));
  EXPECT_EQ(odd.error().id(), "bundle.damaged");
  EXPECT_THAT(odd.error().what(), HasSubstr("\"color\" cannot be 7"));
  const auto fewer = differing_answers(changed("input_example.json", "\"color\"", "\"colour\""));
  EXPECT_EQ(fewer.error().id(), "bundle.damaged");
}

TEST(Package, TheSignatureSaysWhatEntersAndLeaves) {
  const auto h = project(Task::kBinary);
  const Bundle bundle = bundle_of(*h, packed(*h, "signature: loose"));
  const Json signature = *bundle.json("signature.json");
  EXPECT_EQ(signature["task"].text(), "binary");
  EXPECT_EQ(signature["signature"].text(), "loose");
  EXPECT_EQ(signature["threshold"].number(), 0.5);
  EXPECT_TRUE(signature["exact"].boolean());
  EXPECT_EQ(signature["key"].dump(), R"([{"name":"id","type":"int32"}])");
  EXPECT_EQ(signature["inputs"].items().at(2).dump(),
            R"({"name":"color","type":"string","onnx":"string","nullable":true})");
  EXPECT_EQ(signature["outputs"].dump(), R"([{"name":"probability","onnx":"float","columns":1},)"
                                         R"({"name":"prediction","onnx":"bool","columns":1}])");
  const std::string mlmodel = *bundle.bytes("MLmodel");
  EXPECT_THAT(mlmodel, HasSubstr(R"({"type":"double","name":"b","required":true})"));
  EXPECT_THAT(mlmodel, HasSubstr("utc_time_created: '2014-01-02 00:00:00'"));
  const auto classes = project(Task::kMulticlass);
  const Json other = *bundle_of(*classes, packed(*classes)).json("signature.json");
  EXPECT_TRUE(other["threshold"].is_null());
  EXPECT_EQ(other["classes"].dump(), R"(["high","low","mid"])");
  EXPECT_EQ(other["outputs"].items().at(0)["columns"].integer(), 3);
}

TEST(Package, FeaturesThatWereDroppedAreLeftOut) {
  const auto h = project(Task::kNumber, "narrow");
  onnx::Graph graph("model");
  const auto rows = graph.input("features", records::TensorType::kFloat, 1);
  graph.output("prediction", graph.node("Identity", {rows}, records::TensorType::kFloat));
  h->add_file("model.narrow.onnx", graph.bytes());
  h->add_file("model.narrow.json", R"({"name": "narrow", "family": "ridge"})");
  records::File scores = *h->input.find_file("scores.gbdt.npy");
  scores.name = "scores.narrow.npy";
  h->input.put(scores);
  h->add_file("candidates.json", R"({"candidates": [{"name": "narrow", "family": "ridge"}]})");
  h->add_file("selection.json", R"({"columns": [1]})");
  Json features = h->json_of(h->input, "features.json");
  h->add_file("features.json",
              features
                  .set("fits", Json(Json::Array{Json::object().set("feature", "a"),
                                                Json::object().set("feature", "b")}))
                  .dump());
  const Bundle bundle = bundle_of(*h, packed(*h));
  const Json cut = *bundle.json("features.json");
  ASSERT_EQ(cut["features"]["columns"].items().size(), 1U);
  EXPECT_EQ(cut["features"]["columns"].items().at(0)["name"].text(), "b");
  EXPECT_EQ(cut["fits"].dump(), R"([{"feature":"b"}])");
  EXPECT_EQ(bundle.find("native/lightgbm.txt"), nullptr);
}

TEST(Package, ALinearModelsMeansAreThoseOfTrainRows) {
  const auto h = project(Task::kNumber, "linear");
  const Bundle bundle = bundle_of(*h, packed(*h));
  const Json means = *bundle.json("native/linear_means.json");
  const std::vector<float> rows = h->rows_of(0);
  double sum = 0;
  for (std::size_t i = 0; i < rows.size(); i += 3) sum += static_cast<double>(rows[i]);
  const auto& found = means["means"].items().at(0).items();
  ASSERT_EQ(found.size(), 3U);
  EXPECT_NEAR(found[0].number(), 2 * sum / (static_cast<double>(rows.size()) / 3), 1e-9);
  EXPECT_EQ(found[1].number(), 0);
}

TEST(Package, TheReferenceCountsExactly) {
  const auto h = project(Task::kNumber);
  const Json reference = *bundle_of(*h, packed(*h)).json("reference.json");
  const std::string train = "FROM {} WHERE _split = 'train'";
  const records::Table& table = *h->input.find("training");
  const auto one = [&](const std::string& what) {
    return h->rows(table, format("SELECT {} ", what) + train).at(0).at(0);
  };
  const Json& b = reference["inputs"].items().at(1);
  EXPECT_EQ(b["name"].text(), "b");
  EXPECT_EQ(format("{}", b["rows"].integer()), one("count(*)"));
  EXPECT_EQ(format("{}", b["nulls"].integer()), one("count(*) - count(b)"));
  EXPECT_EQ(format("{:.1f}", b["min"].number()), one("min(b)"));
  EXPECT_EQ(format("{:.1f}", b["max"].number()), one("max(b)"));
  // Sums of whole numbers are exact whatever their order.
  EXPECT_EQ(b["mean"].dump(), one("sum(b) / count(b)"));
  ASSERT_EQ(b["quantiles"].items().size(), 101U);
  EXPECT_EQ(format("{:.1f}", b["quantiles"].items().at(25).number()),
            one("quantile_disc(b, 0.25)"));
  EXPECT_EQ(b["quantiles"].items().front(), b["min"]);
  EXPECT_EQ(b["quantiles"].items().back(), b["max"]);
  const auto& edges = b["bins"]["edges"].items();
  const auto& counts = b["bins"]["counts"].items();
  ASSERT_EQ(counts.size(), edges.size() + 1);
  EXPECT_EQ(format("{}", counts.at(0).integer()),
            one(format("count_if(b <= {})", edges.at(0).number())));
  std::int64_t sum = 0;
  for (const Json& each : counts) sum += each.integer();
  EXPECT_EQ(sum, b["rows"].integer() - b["nulls"].integer());
  const Json& color = reference["inputs"].items().at(2);
  EXPECT_EQ(color["distinct"].integer(), 3);
  EXPECT_EQ(color["rest"].integer(), 0);
  const std::string most = color["counts"].items().at(0)["value"].text();
  EXPECT_EQ(format("{}", color["counts"].items().at(0)["rows"].integer()),
            one(format("count_if(color = '{}')", most)));
  EXPECT_EQ(reference["scores"].items().at(0)["rows"].integer(), 150);
  EXPECT_EQ(reference["label"]["rows"], b["rows"]);
}

TEST(Package, OddColumnsHaveASketchToo) {
  const auto h = project(Task::kNumber);
  h->add_table(
      "training",
      "SELECT i AS id, CASE i WHEN 0 THEN 'inf'::DOUBLE WHEN 1 THEN -1e308 ELSE 7.0 END AS "
      "a, NULL::DOUBLE AS b, 'c' || i AS color, TIMESTAMP '2013-01-01' AS at, 1.0 AS y, "
      "CASE WHEN i < 1100 THEN 'train' ELSE 'validation' END AS _split FROM range(1200) AS "
      "r(i)",
      {"id"});
  const Json reference = *bundle_of(*h, packed(*h)).json("reference.json");
  const Json& a = reference["inputs"].items().at(0);
  EXPECT_EQ(a["infinite"].integer(), 1);
  EXPECT_EQ(a["min"].number(), -1e308);
  EXPECT_EQ(a["bins"]["edges"].dump(), "[]");
  EXPECT_EQ(a["bins"]["counts"].dump(), "[1099]");
  const Json& b = reference["inputs"].items().at(1);
  EXPECT_EQ(b["nulls"].integer(), 1100);
  EXPECT_FALSE(b.has("min"));
  const Json& color = reference["inputs"].items().at(2);
  EXPECT_EQ(color["distinct"].integer(), 1100);
  EXPECT_EQ(color["counts"].items().size(), 1000U);
  EXPECT_EQ(color["rest"].integer(), 100);
  EXPECT_EQ(color["counts"].items().at(1)["value"].text(), "c1");
}

TEST(Package, TheCardIsForPeople) {
  const auto h = project(Task::kNumber);
  h->folder.write("card.md", "Ask **us** first.\n");
  const std::string card = *bundle_of(*h, packed(*h, "card: card.md")).bytes("model_card.md");
  EXPECT_THAT(card, HasSubstr("# test\\_y\n"));
  EXPECT_THAT(card, HasSubstr("**When:** at `at`."));
  EXPECT_THAT(card, HasSubstr("## From the team\n\nAsk **us** first.\n"));
  EXPECT_THAT(card, HasSubstr("| train | 300 | mean "));
  EXPECT_THAT(card, HasSubstr("| `mae` | 1.25 (1 to 1.5) | 2.5 |"));
  EXPECT_THAT(card, HasSubstr("| color=\\<b\\> | 50 | 9 |\n| color=red | 40 | 1 |\n"));
  EXPECT_THAT(card, Not(HasSubstr("tiny")));
  EXPECT_THAT(card, HasSubstr("| `a` | 0.5 ± 0.1 |"));
  EXPECT_THAT(card, HasSubstr("| `answers` | not computed | a \\| b |"));
  EXPECT_THAT(card, HasSubstr("| `color` | string | 0% | 3 categories |"));
  EXPECT_THAT(card, HasSubstr("| `gbdt` | lightgbm | 1 (0.5 to 2) | selected | the best |"));
  EXPECT_THAT(card, HasSubstr("- first\n"));
}

TEST(Package, ForeignTextsStayTexts) {
  EXPECT_EQ(plain("a|b\n<script>"), "a\\|b\\\\n\\<script\\>");
  EXPECT_EQ(code("a`b"), "a\\`b");
  EXPECT_EQ(code("a|b"), "a\\|b");
  EXPECT_EQ(code("carrier"), "`carrier`");
  MarkdownTable table({"a", "b"});
  EXPECT_EQ(table.text(), "");
  table.row({"1", "2"});
  EXPECT_EQ(table.text(), "| a | b |\n| --- | --- |\n| 1 | 2 |\n\n");
}

TEST(Package, WithoutValidationRowsTheExampleIsOfTrainRows) {
  const auto h = project(Task::kNumber);
  h->add_table("training",
               "SELECT i AS id, 0.25 * i AS a, 1.0 AS b, 'red' AS color, TIMESTAMP '2013-01-01' AS "
               "at, 1.0 AS y, 'train' AS _split FROM range(3) AS r(i)",
               {"id"});
  const auto example = read_input_example(bundle_of(*h, packed(*h)));
  ASSERT_TRUE(example);
  EXPECT_THAT(example->rows.find("a")->numbers, ElementsAre(0, 0.25, 0.5));
}

TEST(Package, LineageNamesNoMachine) {
  const auto h = project(Task::kNumber);
  packed(*h);
  h->other_section("rows: {path: /home/someone/rows.csv}\nmore: {path: data/more.csv}\n", "ingest");
  h->other_section("threads: 7\nmemory: 4GB\nrounds: 9\n", "train");
  // The same section again, which now is the whole pipeline's.
  auto outcome = h->run(run);
  ASSERT_TRUE(outcome);
  const Bundle bundle = bundle_of(*h, *outcome);
  const Json lineage = *bundle.json("lineage.json");
  EXPECT_EQ(lineage["kingpost"].text(), kingpost_version());
  EXPECT_EQ(lineage["now"].text(), "2014-01-02T00:00:00Z");
  EXPECT_EQ(lineage["sections"]["ingest"]["rows"]["path"].text(), "rows.csv");
  EXPECT_EQ(lineage["sections"]["ingest"]["more"]["path"].text(), "data/more.csv");
  EXPECT_FALSE(lineage["sections"]["train"].has("threads"));
  EXPECT_EQ(lineage["tables"].items().at(0)["sha256"].text(), h->input.find("training")->digest);
  EXPECT_TRUE(lineage["sources"].is_null());
  for (const Bundle::File& file : bundle.files()) {
    EXPECT_THAT(*bundle.bytes(file.name), Not(HasSubstr(h->folder.path()))) << file.name;
  }
}

TEST(Package, IsSignedByTheKeyOfTheFileAndStaysTheSameBundle) {
  const auto h = project(Task::kNumber);
  const KeyPair pair = make_key_pair();
  const KeyPair other = make_key_pair();
  h->folder.write("team", pair.private_pem);
  h->folder.write("other", other.private_pem);
  const auto signature_of = [](const Outcome& outcome) {
    const records::File* file = outcome.output.find_file("bundle/SHA256SUMS.sig");
    return file == nullptr ? std::string() : file->digest;
  };
  const Outcome plain = packed(*h);
  const Outcome ours = packed(*h, "sign: team\n");
  const Outcome again = packed(*h, "sign: ./team\n");
  const Outcome theirs = packed(*h, "sign: other\n");
  EXPECT_EQ(signature_of(plain), "");
  EXPECT_EQ(signature_of(ours), signature_of(again));
  EXPECT_NE(signature_of(ours), signature_of(theirs));
  for (const Outcome* each : {&ours, &again, &theirs}) {
    EXPECT_EQ(digest_of(*each), digest_of(plain));
  }
  EXPECT_EQ(ours.report["signed_by"].text(), fingerprint_of(pair.public_pem).value());
  const auto bundle = Bundle::in_store(*h->objects, digest_of(ours), signature_of(ours)).value();
  EXPECT_TRUE(bundle.check_signature({other.public_pem, pair.public_pem}));
  EXPECT_FALSE(bundle.check_signature({other.public_pem}));
  EXPECT_FALSE(bundle_of(*h, ours).check_signature({pair.public_pem}));
}

TEST(Package, OfAKeyTheStoreGetsNothing) {
  const auto h = project(Task::kNumber);
  const KeyPair pair = make_key_pair();
  h->folder.write("team", pair.private_pem);
  const Outcome outcome = packed(*h, "sign: team\n");
  const std::string secret = split(pair.private_pem, '\n').at(1);
  for (const std::string& digest : h->objects->list()) {
    EXPECT_THAT(h->objects->read(digest).value(), Not(HasSubstr(secret)));
  }
  EXPECT_THAT(outcome.report.dump(), Not(HasSubstr(secret)));
}

TEST(Package, RefusesAKeyThatCannotSign) {
  const auto h = project(Task::kNumber);
  const KeyPair pair = make_key_pair();
  h->folder.write("team.pub", pair.public_pem);
  h->folder.write("torn", pair.private_pem.substr(0, 40));
  h->folder.write("empty", "");
  for (const char* each : {"none", "team.pub", "torn", "empty", ".", "/dev/zero"}) {
    h->faults = Faults();
    h->file(format("sign: {}\n", each), spec(), "package", "mae");
    h->check(check);
    ASSERT_THAT(test::fault_ids(h->faults), ElementsAre("package.sign_unusable")) << each;
    EXPECT_THAT(h->faults.errors()[0].what(), HasSubstr(each));
  }
}

TEST(Package, RefusesACardThatIsNone) {
  const auto h = project(Task::kNumber);
  h->folder.write("latin.md", "na\xEFve\n");
  const auto faults_of = [&](const std::string& yaml) {
    h->faults = Faults();
    h->file(yaml, spec(), "package", "mae");
    h->check(check);
    return test::fault_ids(h->faults);
  };
  EXPECT_THAT(faults_of("card: none.md"), ElementsAre("package.card_missing"));
  EXPECT_THAT(faults_of("card: latin.md"), ElementsAre("package.card_unreadable"));
  EXPECT_THAT(faults_of("signature: lax"), ElementsAre("package.unknown_value"));
  EXPECT_THAT(faults_of("licence: 'MIT; rm'"), ElementsAre("package.licence_malformed"));
  EXPECT_THAT(faults_of("licence: MIT OR (Apache-2.0 AND LicenseRef-ours)"), ElementsAre());
  EXPECT_THAT(faults_of("input_example: 0"), ElementsAre("package.out_of_range"));
}

}  // namespace
}  // namespace kingpost::steps::package
