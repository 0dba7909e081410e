// SPDX-License-Identifier: Apache-2.0
// Treatments, fits and matrices on small tables, through the real engine and the real runtime.
#include "steps/06_extract_features/extract_features.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "records/features.h"
#include "support/step_harness.h"

namespace kingpost {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr const char* kBinary = "{spine: t, target: {name: y, type: binary, expr: y}}";
constexpr const char* kNumber = "{spine: t, target: {name: y, type: number, expr: y}}";

class ExtractFeatures : public ::testing::Test {
 protected:
  // 10 rows: a null in x; c has a (4), b (3), z (1), null (1) and "" (1); rows 0-7 train.
  void table(const std::string& y = "i % 2 = 0") {
    harness.add_table(
        "training",
        "SELECT CASE WHEN i <> 3 THEN CAST(i AS DOUBLE) END AS x, CASE WHEN i < 4 THEN 'a' WHEN i "
        "< 7 THEN 'b' WHEN i = 7 THEN NULL WHEN i = 8 THEN 'z' ELSE '' END AS c, i % 3 AS k, i > 4 "
        "AS b, TIMESTAMP '2013-01-01 22:30:00' + to_hours(CAST(i AS INTEGER)) AS t, " +
            y +
            " AS y, CASE WHEN i < 8 THEN 'train' WHEN i = 8 THEN 'validation' ELSE 'test' END AS "
            "_split FROM range(10) AS r(i)");
  }
  void section(const std::string& yaml, const std::string& curate = kBinary) {
    harness.section(yaml, steps::extract_features::spec(), "extract_features");
    harness.other_section(curate, "curate");
    ASSERT_EQ(test::fault_ids(harness.faults), std::vector<std::string>{});
  }
  std::vector<std::string> check(const std::string& yaml) {
    harness.faults = {};
    section(yaml);
    harness.check(steps::extract_features::check);
    return test::fault_ids(harness.faults);
  }
  steps::Outcome run() {
    auto outcome = harness.run(steps::extract_features::run);
    EXPECT_TRUE(outcome.has_value()) << (outcome ? "" : render(outcome.error()));
    return outcome ? std::move(*outcome) : steps::Outcome{};
  }
  std::string refusal() {
    auto outcome = harness.run(steps::extract_features::run);
    return outcome ? "none" : outcome.error().id();
  }
  // The columns of the matrix by name.
  std::map<std::string, std::vector<float>> matrix(const steps::Outcome& outcome,
                                                   const std::string& fold = "") {
    const auto* file = outcome.output.find_file("features" + fold + ".json");
    const auto json = parse_json(*harness.objects->read(file->digest));
    const auto set = records::features_from_json((*json)["features"]);
    const auto array = Npy::open(
        harness.objects->path_of(outcome.output.find_file("matrix" + fold + ".npy")->digest));
    std::map<std::string, std::vector<float>> out;
    for (std::int64_t r = 0; r < array->rows(); ++r) {
      for (std::size_t c = 0; c < set.columns.size(); ++c) {
        out[set.columns[c].name].push_back(
            array->floats()[static_cast<std::size_t>(r * array->columns()) + c]);
      }
    }
    return out;
  }

  test::StepHarness harness;
};

TEST_F(ExtractFeatures, NumbersAreFilledWithTheMedianOfTrainingRows) {
  table();
  section("{columns: [{name: x, type: number}]}");
  const auto found = matrix(run());
  // Training values are 0 1 2 4 5 6 7: the lower median is 4.
  EXPECT_THAT(found.at("x"), ElementsAre(0, 1, 2, 4, 4, 5, 6, 7, 8, 9));
  EXPECT_THAT(found.at("x:missing"), ElementsAre(0, 0, 0, 1, 0, 0, 0, 0, 0, 0));
}

TEST_F(ExtractFeatures, QuantilesAreThoseOfTheSortedValues) {
  // Of every sign and magnitude, some many times; y is none of the features.
  harness.add_table(
      "training",
      "SELECT (h % 2000 - 700) * pow(10, h % 13 - 6) AS wide, h % 7 - 3 AS few, CASE WHEN h % 5 < "
      "3 "
      "THEN CAST('-0' AS DOUBLE) ELSE 4.25 END AS two, 1e-310 * (h % 999) AS tiny, true AS y, "
      "'train' AS _split FROM (SELECT CAST(hash(i) % 1000003 AS BIGINT) AS h FROM range(5001) AS "
      "r(i))");
  section(
      "{columns: [{name: wide, type: number, scale: robust}, {name: few, type: number, scale: "
      "robust}, {name: two, type: number, scale: robust}, {name: tiny, type: number, scale: "
      "robust}]}");
  const steps::Outcome outcome = run();
  const auto json =
      parse_json(*harness.objects->read(outcome.output.find_file("features.json")->digest));
  const std::string from = harness.objects->path_of(harness.input.find("training")->digest);
  for (const Json& fit : (*json)["fits"].items()) {
    const std::string name = fit["feature"].text();
    const auto sorted = harness.session->query(
        "SELECT q[1] AS median, q[3] - q[2] AS width FROM (SELECT quantile_disc(CAST(" + name +
        " AS DOUBLE), [0.5, 0.25, 0.75]) AS q FROM read_parquet('" + from + "'))");
    ASSERT_TRUE(sorted.has_value());
    EXPECT_EQ(fit["fill"].number(), sorted->at(0, "median").number()) << name;
    EXPECT_EQ(fit["center"].number(), sorted->at(0, "median").number()) << name;
    EXPECT_EQ(std::signbit(fit["fill"].number()), sorted->at(0, "median").number() < 0) << name;
    const double width = sorted->at(0, "width").number();
    EXPECT_EQ(fit["scale"].number(), width > 0 ? width : 1) << name;
  }
}

TEST_F(ExtractFeatures, MomentsAreThoseOfTheValues) {
  // Far from zero, some missing, a number of rows that is no multiple of eight, and so large that
  // their sum is no number.
  harness.add_table(
      "training",
      "SELECT 1e9 + (h % 1000) / 7.0 AS far, CASE WHEN h % 3 > 0 THEN (h % 100) - 40.25 END AS "
      "part, CASE WHEN h % 2 = 0 THEN 1.5e308 ELSE 1e308 END AS huge, 3.0 AS same, true AS y, "
      "'train' AS _split FROM (SELECT CAST(hash(i) % 1000003 AS BIGINT) AS h FROM range(5003) AS "
      "r(i))");
  section(
      "{columns: [{name: far, type: number, scale: zscore}, {name: part, type: number, missing: "
      "mean, scale: zscore}, {name: huge, type: number, missing: mean}, {name: same, type: number, "
      "scale: zscore}]}");
  const auto fits_with = [&](int threads) {
    harness.settings.engine.threads = threads;
    return *harness.objects->read(run().output.find_file("features.json")->digest);
  };
  const std::string text = fits_with(2);
  EXPECT_EQ(text, fits_with(1));
  EXPECT_EQ(text, fits_with(7));
  const auto json = parse_json(text);
  const auto& fits = (*json)["fits"].items();
  const std::string from = harness.objects->path_of(harness.input.find("training")->digest);
  // The second moment about a point near the mean loses no digits.
  const auto exact = harness.session->query(
      "SELECT avg(h1 - 1e9) AS m, stddev_pop(h1 - 1e9) AS s, avg(h2) AS m2, stddev_pop(h2) AS s2, "
      "avg(h3 / 1e308) AS m3 FROM (SELECT far AS h1, part AS h2, huge AS h3 FROM read_parquet('" +
      from + "'))");
  ASSERT_TRUE(exact.has_value());
  const auto want = [&](const char* name) { return exact->at(0, name).number(); };
  EXPECT_NEAR(fits[0]["center"].number() - 1e9, want("m"), 1e-6);
  EXPECT_NEAR(fits[0]["scale"].number(), want("s"), 1e-6 * want("s"));
  EXPECT_NEAR(fits[1]["center"].number(), want("m2"), 1e-12);
  EXPECT_NEAR(fits[1]["fill"].number(), want("m2"), 1e-12);
  EXPECT_NEAR(fits[1]["scale"].number(), want("s2"), 1e-12 * want("s2"));
  EXPECT_NEAR(fits[2]["fill"].number() / 1e308, want("m3"), 1e-12);
  EXPECT_EQ(fits[3]["center"].number(), 3);
  EXPECT_EQ(fits[3]["scale"].number(), 1);
}

TEST_F(ExtractFeatures, AConstantHasNoWidth) {
  // So many that the sum of them is rounded.
  harness.add_table("training",
                    "SELECT 1.0 / 3 AS third, true AS y, 'train' AS _split FROM range(100003)");
  section("{columns: [{name: third, type: number, missing: mean, scale: zscore}]}");
  const auto json =
      parse_json(*harness.objects->read(run().output.find_file("features.json")->digest));
  const Json& fit = (*json)["fits"].items()[0];
  EXPECT_EQ(fit["center"].number(), 1.0 / 3);
  EXPECT_EQ(fit["fill"].number(), 1.0 / 3);
  EXPECT_EQ(fit["scale"].number(), 1);
}

TEST_F(ExtractFeatures, TheErrorThatIsToldDoesNotDependOnThreads) {
  harness.add_table("training",
                    "SELECT CAST(NULL AS DOUBLE) AS a, CASE WHEN i = 3 THEN 'no' ELSE '7' END AS "
                    "b, true AS y, 'train' AS _split FROM range(10) AS r(i)");
  section("{columns: [{name: a, type: number}, {name: n, type: number, expr: CAST(b AS DOUBLE)}]}");
  for (const int threads : {1, 2, 7}) {
    harness.settings.engine.threads = threads;
    EXPECT_EQ(refusal(), "extract_features.fit_failed") << threads;
  }
}

TEST_F(ExtractFeatures, ScalesAndClipsAndLogarithms) {
  table();
  section(
      "{columns: [{name: a, type: number, expr: x, missing: mean, indicator: false, scale: "
      "zscore}, "
      "{name: b, type: number, expr: x, missing: constant, fill: -1, indicator: false, clip_max: "
      "5}, "
      "{name: l, type: number, expr: x, transform: log1p, missing: keep}]}");
  const auto found = matrix(run());
  const float mean = 25.0F / 7.0F;
  EXPECT_FLOAT_EQ(found.at("a")[3], 0.0F);
  EXPECT_NEAR(found.at("a")[0], -mean / std::sqrt(131.0F / 7 - mean * mean), 1e-6);
  EXPECT_THAT(found.at("b"), ElementsAre(0, 1, 2, -1, 4, 5, 5, 5, 5, 5));
  EXPECT_FLOAT_EQ(found.at("l")[9], std::log(10.0F));
  EXPECT_TRUE(std::isnan(found.at("l")[3]));
}

TEST_F(ExtractFeatures, CategoriesTellMissingFromUnseen) {
  table();
  section("{columns: [{name: c, type: category}]}");
  const auto found = matrix(run());
  EXPECT_THAT(found.at("c"), ElementsAre(2, 2, 2, 2, 3, 3, 3, 0, 1, 0));
}

TEST_F(ExtractFeatures, RareCategoriesAreOther) {
  table();
  section("{columns: [{name: c, type: category, min_count: 4, missing: other}]}");
  EXPECT_THAT(matrix(run()).at("c"), ElementsAre(2, 2, 2, 2, 1, 1, 1, 1, 1, 1));
}

TEST_F(ExtractFeatures, EncodingsOfCategories) {
  table();
  section(
      "{columns: [{name: o, type: category, expr: c, encode: one_hot}, {name: f, type: category, "
      "expr: c, encode: frequency}, {name: r, type: category, expr: c, encode: ordinal}, {name: k, "
      "type: category}, {name: flag, type: category, expr: b}]}");
  const auto found = matrix(run());
  EXPECT_THAT(found.at("o=a"), ElementsAre(1, 1, 1, 1, 0, 0, 0, 0, 0, 0));
  EXPECT_THAT(found.at("o=(missing)"), ElementsAre(0, 0, 0, 0, 0, 0, 0, 1, 0, 1));
  EXPECT_THAT(found.at("f"),
              ElementsAre(0.5F, 0.5F, 0.5F, 0.5F, 0.375F, 0.375F, 0.375F, 0.125F, 0, 0.125F));
  EXPECT_THAT(found.at("r"), ElementsAre(1, 1, 1, 1, 2, 2, 2, -1, 0, -1));
  // Whole numbers: 0 (3 rows), 1 (3), 2 (2) in training rows.
  EXPECT_THAT(found.at("k"), ElementsAre(2, 3, 4, 2, 3, 4, 2, 3, 4, 2));
  EXPECT_THAT(found.at("flag"), ElementsAre(2, 2, 2, 2, 2, 3, 3, 3, 3, 3));
}

TEST_F(ExtractFeatures, TargetEncodingIsOutOfFoldOnTrainingRowsOnly) {
  harness.add_table("training",
                    "SELECT 'g' || CAST(i % 2 AS VARCHAR) AS c, i % 2 = 0 AS y, CASE WHEN i < 80 "
                    "THEN 'train' ELSE 'test' END AS _split FROM range(100) AS r(i)");
  section("{columns: [{name: c, type: category, encode: target, smoothing: 0}]}");
  const auto found = matrix(run()).at("c");
  // The categories tell the target: every fold says so.
  EXPECT_EQ(found[0], 1.0F);
  EXPECT_EQ(found[1], 0.0F);
  EXPECT_EQ(found[98], 1.0F);
}

TEST_F(ExtractFeatures, ATargetEncodingDoesNotSeeItsOwnLabel) {
  // Each category has one row: within its own fold there is nothing to learn from it.
  harness.add_table("training",
                    "SELECT 'g' || CAST(i AS VARCHAR) AS c, CAST(i % 7 AS DOUBLE) AS y, 'train' AS "
                    "_split FROM range(50) AS r(i)");
  section("{columns: [{name: c, type: category, encode: target, smoothing: 1}]}", kNumber);
  const auto found = matrix(run()).at("c");
  for (std::size_t r = 0; r < found.size(); ++r) {
    EXPECT_NEAR(found[r], 3.0, 0.7) << "row " << r;
  }
}

TEST_F(ExtractFeatures, CyclesAndTimes) {
  table();
  section(
      "{columns: [{name: h, type: cyclic, expr: hour(t), period: 24}, {name: t, type: timestamp, "
      "parts: [hour, minute_of_day, isodow]}]}");
  const auto found = matrix(run());
  EXPECT_FLOAT_EQ(found.at("h:sin")[2], 0.0F);
  EXPECT_FLOAT_EQ(found.at("h:cos")[2], 1.0F);
  EXPECT_THAT(found.at("t_hour"), ElementsAre(22, 23, 0, 1, 2, 3, 4, 5, 6, 7));
  EXPECT_EQ(found.at("t_minute_of_day")[0], 22 * 60 + 30);
  EXPECT_EQ(found.at("t_isodow")[0], 2);
}

TEST_F(ExtractFeatures, PartsOfAnInstantAreThoseOfAClockInTheZone) {
  harness.add_table(
      "training",
      "SELECT i AS id, TIMESTAMPTZ '2024-01-01 02:30:00+00' + to_hours(i) AS w, i % 3 "
      "AS y, 'train' AS _split FROM range(10) AS r(i)",
      {"id"});
  section(
      "{columns: [{name: "
      "later, type: timestamp, expr: \"w + interval '1 hour'\", parts: [hour, minute_of_day], tz: "
      "America/New_York}, {name: local, type: timestamp, expr: \"timezone('America/New_York', "
      "w)\", "
      "parts: [hour], tz: Asia/Tokyo}]}");
  const auto found = matrix(run());
  EXPECT_THAT(found.at("later_hour"), ElementsAre(22, 23, 0, 1, 2, 3, 4, 5, 6, 7));
  EXPECT_EQ(found.at("later_minute_of_day")[0], 22 * 60 + 30);
  EXPECT_EQ(found.at("local_hour")[0], 21);
}

TEST_F(ExtractFeatures, EveryFitColumnIsAFeatureByDefault) {
  harness.add_table("training",
                    "SELECT i AS id, 'name ' || CAST(i AS VARCHAR) AS name, i % 5 AS x, i % 2 = 0 "
                    "AS y, 'train' AS _split FROM range(100) AS r(i)",
                    {"id"});
  section("{}");
  const auto outcome = run();
  const auto found = matrix(outcome);
  EXPECT_EQ(found.size(), 1U);
  EXPECT_EQ(found.count("x"), 1U);
  const std::string left_out = outcome.report["left_out"].dump();
  EXPECT_THAT(left_out, HasSubstr("id"));
  EXPECT_THAT(left_out, HasSubstr("nearly every row has a value of its own"));
}

TEST_F(ExtractFeatures, EachFoldIsFittedWithoutItsOwnRows) {
  harness.add_table("training",
                    "SELECT CASE WHEN i % 4 = 0 THEN NULL ELSE CAST(i % 2 * 100 AS DOUBLE) END AS "
                    "x, i % 3 = 0 AS y, 'train' AS _split, CAST(i % 2 AS INTEGER) AS _fold FROM "
                    "range(40) AS r(i)");
  section("{columns: [{name: x, type: number}]}");
  const auto outcome = run();
  // Fold 0 is the even rows (x = 0): without them the median is 100.
  EXPECT_EQ(matrix(outcome, ".fold_0").at("x")[0], 100);
  EXPECT_EQ(matrix(outcome, ".fold_1").at("x")[0], 0);
}

TEST_F(ExtractFeatures, LabelsAndSides) {
  table();
  section("{columns: [{name: x, type: number}]}");
  const auto outcome = run();
  const auto labels =
      Npy::open(harness.objects->path_of(outcome.output.find_file("labels.npy")->digest));
  const auto sides =
      Npy::open(harness.objects->path_of(outcome.output.find_file("sides.npy")->digest));
  ASSERT_EQ(labels->rows(), 10);
  EXPECT_EQ(labels->doubles()[0], 1);
  EXPECT_EQ(labels->doubles()[1], 0);
  EXPECT_EQ(sides->bytes()[7], 0);
  EXPECT_EQ(sides->bytes()[8], 1);
  EXPECT_EQ(sides->bytes()[9], 2);
}

TEST_F(ExtractFeatures, TheGraphIsTheSameForTheSameRows) {
  table();
  section("{}");
  const auto first = run();
  harness.settings.engine.threads = 1;
  const auto second = run();
  for (const auto& part : first.output.files) {
    EXPECT_EQ(part.digest, second.output.find_file(part.name)->digest) << part.name;
  }
}

TEST_F(ExtractFeatures, AFeatureWithoutAnyTrainingValueIsRefused) {
  harness.add_table("training",
                    "SELECT CAST(NULL AS DOUBLE) AS x, i % 2 = 0 AS y, 'train' AS _split FROM "
                    "range(10) AS r(i)");
  section("{columns: [{name: x, type: number}]}");
  EXPECT_EQ(refusal(), "extract_features.no_value");
}

TEST_F(ExtractFeatures, InfiniteValuesHaveNoMean) {
  harness.add_table("training",
                    "SELECT CASE WHEN i = 3 THEN CAST('inf' AS DOUBLE) ELSE 1.5 END AS x, i % 2 = "
                    "0 AS y, 'train' AS _split FROM range(10) AS r(i)");
  section("{columns: [{name: x, type: number, scale: zscore}]}");
  EXPECT_EQ(refusal(), "extract_features.infinite");
}

TEST_F(ExtractFeatures, AnExpressionThatFailsOnAValueSaysWhich) {
  harness.add_table("training",
                    "SELECT CASE WHEN i = 3 THEN 'no' ELSE '7' END AS x, i % 2 = 0 AS y, 'train' "
                    "AS _split FROM range(10) AS r(i)");
  section("{columns: [{name: n, type: number, expr: CAST(x AS DOUBLE)}]}");
  EXPECT_EQ(refusal(), "extract_features.fit_failed");
}

TEST_F(ExtractFeatures, NothingFitToBeAFeature) {
  harness.add_table("training",
                    "SELECT i AS id, i % 2 = 0 AS y, 'train' AS _split FROM range(10) AS r(i)",
                    {"id"});
  section("{}");
  EXPECT_EQ(refusal(), "extract_features.no_feature");
}

TEST_F(ExtractFeatures, CheckSeesTypesAndNames) {
  table();
  EXPECT_THAT(check("{columns: [{name: c, type: number}]}"), Contains("extract_features.type"));
  EXPECT_THAT(check("{columns: [{name: x, type: number}, {name: x, type: number}]}"),
              Contains("extract_features.name_twice"));
  EXPECT_THAT(check("{columns: [{name: one, type: number, expr: 1 + 1}]}"),
              Contains("extract_features.constant_expression"));
  EXPECT_THAT(check("{columns: [{name: yy, type: boolean, expr: NOT y}]}"),
              Contains("extract_features.leak"));
  EXPECT_THAT(check("{exclude: [nothing]}"), Contains("extract_features.column_missing"));
}

TEST_F(ExtractFeatures, CheckPassesWhatTheGraphCanSay) {
  table();
  EXPECT_THAT(check("{columns: [{name: x, type: number}, {name: d, type: number, expr: x / 2 + k}, "
                    "{name: t, type: timestamp}, {name: c, type: category}]}"),
              IsEmpty());
}

TEST_F(ExtractFeatures, AColumnMayNotBeCalledAsAnAnswer) {
  harness.add_table("training",
                    "SELECT i AS prediction, i % 2 = 0 AS y, 'train' AS _split FROM range(10) AS "
                    "r(i)");
  EXPECT_THAT(check("{}"), Contains("extract_features.name_reserved"));
}

}  // namespace
}  // namespace kingpost
