// SPDX-License-Identifier: Apache-2.0
// Step 7 rule by rule, its ranks, and that no row but train's is looked at.
#include "steps/07_select_features/select_features.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "base/text.h"
#include "support/matrix_project.h"

namespace kingpost::steps::select_features {
namespace {

using records::Task;
using test::MatrixProject;
using test::noise;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr std::size_t kRows = 600;

class Select : public testing::Test {
 protected:
  Select() : h({"y", Task::kNumber, {}}) {}

  Outcome select(const std::string& yaml) {
    h.section(yaml, spec(), "select_features");
    for (const Error& fault : h.faults.errors()) ADD_FAILURE() << render(fault);
    auto outcome = h.run(run);
    if (!outcome) {
      ADD_FAILURE() << render(outcome.error());
      return {};
    }
    selection = h.file_json(outcome->output, "selection.json");
    return std::move(outcome).value();
  }

  void seal() { h.seal(labels(), test::turns(kRows)); }

  std::vector<double> labels() const {
    std::vector<double> out;
    const auto a = noise(1, kRows);
    const auto b = noise(2, kRows);
    for (std::size_t i = 0; i < kRows; ++i) {
      out.push_back(3 * static_cast<double>(a[i]) + static_cast<double>(b[i]));
    }
    return out;
  }

  // "name:rule" of the dropped columns.
  std::vector<std::string> dropped() const {
    std::vector<std::string> out;
    for (const Json& each : selection["verdicts"].items()) {
      if (each["verdict"].text() == "dropped") {
        out.push_back(each["column"].text() + ":" + each["rule"].text());
      }
    }
    return out;
  }

  MatrixProject h;
  Json selection;
};

TEST_F(Select, DropsWhatTellsNothing) {
  const auto a = noise(1, kRows);
  auto nearly = a;
  for (std::size_t i = 0; i < kRows; ++i) nearly[i] = -2 * a[i] + 0.01F * noise(9, kRows)[i];
  h.column("a", a);
  h.column("same", std::vector<float>(kRows, 3.5F));
  h.column("again", a);
  h.column("nearly", nearly);
  h.column("b", noise(2, kRows));
  h.column("rare", noise(3, kRows));
  h.nulls("rare", 397);
  h.nulls("b", 390);
  seal();
  const Outcome outcome = select("{}");
  EXPECT_THAT(dropped(), ElementsAre("same:constant", "again:duplicated", "nearly:correlated",
                                     "rare:near_empty"));
  EXPECT_EQ(selection["columns"].dump(), "[0,4]");
  EXPECT_EQ(outcome.counts[0].number, 2);
  const auto& verdicts = selection["verdicts"].items();
  EXPECT_EQ(verdicts[1]["words"].text(), "every train row has 3.5");
  EXPECT_EQ(verdicts[2]["words"].text(), "equal to \"a\" in every train row");
  EXPECT_LT(verdicts[3]["number"].number(), -0.98);
  EXPECT_NEAR(verdicts[5]["number"].number(), 3.0 / 400, 1e-12);
  EXPECT_THAT(h.file_json(outcome.output, "selection.json"), selection);
}

TEST_F(Select, OnlyTrainRowsCount) {
  // Constant, and equal to a, in train rows only.
  auto constant = noise(5, kRows);
  auto equal = noise(6, kRows);
  const auto sides = test::turns(kRows);
  for (std::size_t i = 0; i < kRows; ++i) {
    if (sides[i] != 0) continue;
    constant[i] = 1;
    equal[i] = noise(1, kRows)[i];
  }
  h.column("a", noise(1, kRows));
  h.column("constant", constant);
  h.column("equal", equal);
  seal();
  select("{}");
  EXPECT_THAT(dropped(), ElementsAre("constant:constant", "equal:duplicated"));
}

TEST_F(Select, RulesAndLimitsAreChosen) {
  auto nearly = noise(1, kRows);
  for (std::size_t i = 0; i < kRows; ++i) nearly[i] += noise(9, kRows)[i] * 0.5F;
  h.column("a", noise(1, kRows));
  h.column("same", std::vector<float>(kRows, 0.0F));
  h.column("nearly", nearly);
  seal();
  select("{drop: []}");
  EXPECT_THAT(dropped(), IsEmpty());
  select("{drop: [correlated], correlated_above: 0.8}");
  EXPECT_THAT(dropped(), ElementsAre("nearly:correlated"));
  select("{drop: [correlated], correlated_above: 0.99}");
  EXPECT_THAT(dropped(), IsEmpty());
}

TEST_F(Select, AlwaysAndNeverGoBeforeEveryRule) {
  h.column("a", noise(1, kRows));
  h.column("b", noise(2, kRows));
  h.column("again", noise(1, kRows));
  h.column("same", std::vector<float>(kRows, 1.0F));
  seal();
  select("{always: [again, same], never: [b]}");
  EXPECT_THAT(dropped(), ElementsAre("a:duplicated", "b:never"));
  h.section("{always: [agian]}", spec(), "select_features");
  const auto outcome = h.run(run);
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().id(), "select_features.unknown_feature");
  EXPECT_THAT(outcome.error().hint(), HasSubstr("again"));
  EXPECT_EQ(outcome.error().place().line, 1);
}

TEST_F(Select, MissingValuesAreComparedWhereBothAreThere) {
  auto a = noise(1, kRows);
  auto twin = a;
  auto other = noise(4, kRows);
  for (std::size_t i = 0; i < kRows; ++i) {
    if (i % 3 == 0) a[i] = std::nanf("");
    if (i % 5 == 0) twin[i] = std::nanf("");
    if (i % 2 == 0) other[i] = std::nanf("");
  }
  h.column("a", a);
  h.column("twin", twin);
  h.column("other", other);
  h.column("none", std::vector<float>(kRows, std::nanf("")));
  seal();
  select("{}");
  EXPECT_THAT(dropped(), ElementsAre("twin:correlated", "none:constant"));
}

TEST_F(Select, CodesAreNotCorrelated) {
  std::vector<float> codes;
  std::vector<float> double_codes;
  for (std::size_t i = 0; i < kRows; ++i) {
    codes.push_back(static_cast<float>(i % 4));
    double_codes.push_back(static_cast<float>(i % 4) * 2);
  }
  const std::vector<std::string> levels(8, "x");
  h.column("codes", codes, levels);
  h.column("double", double_codes, levels);
  seal();
  select("{}");
  EXPECT_THAT(dropped(), IsEmpty());
}

TEST_F(Select, KeepsTheMostImportantAndWarnsOfOneThatWinsAll) {
  h.column("n1", noise(11, kRows));
  h.column("a", noise(1, kRows));
  h.column("n2", noise(12, kRows));
  h.column("b", noise(2, kRows));
  seal();
  const Outcome outcome = select("{keep: {max: 2}, alarm_share: 0.5}");
  EXPECT_EQ(selection["columns"].dump(), "[1,3]");
  EXPECT_EQ(selection["verdicts"].items()[1]["words"].text(), "rank 1 of 4");
  EXPECT_GT(outcome.report["largest_share"].number(), 0.5);
  EXPECT_THAT(outcome.warnings, ElementsAre(HasSubstr("\"a\" has ")));
  const Outcome quiet = select("{alarm_share: 0.99}");
  EXPECT_THAT(quiet.warnings, IsEmpty());
  EXPECT_EQ(quiet.report["importances"].items()[0]["feature"].text(), "a");
  select("{keep: {max: 2}, always: [n2]}");
  EXPECT_EQ(selection["columns"].dump(), "[1,2]");
}

TEST_F(Select, FoldsChooseForThemselves) {
  // In fold 1 every row but those of the fold has one value.
  std::vector<std::uint8_t> sides(kRows, 0);
  std::vector<std::int32_t> folds;
  std::vector<float> odd;
  for (std::size_t i = 0; i < kRows; ++i) {
    folds.push_back(static_cast<std::int32_t>(i % 3));
    odd.push_back(i % 3 == 1 ? noise(8, kRows)[i] : 0.0F);
  }
  h.column("a", noise(1, kRows));
  h.column("odd", odd);
  h.seal(labels(), sides, folds);
  select("{}");
  EXPECT_EQ(selection["columns"].dump(), "[0,1]");
  EXPECT_EQ(selection["folds"]["0"]["columns"].dump(), "[0,1]");
  EXPECT_EQ(selection["folds"]["1"]["columns"].dump(), "[0]");
}

TEST_F(Select, AMatrixOfConstantsIsRefused) {
  h.column("same", std::vector<float>(kRows, 1.0F));
  seal();
  h.section("{}", spec(), "select_features");
  const auto outcome = h.run(run);
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().id(), "select_features.nothing_left");
}

TEST_F(Select, TheSameFeatureCannotBeBoth) {
  h.section("{always: [a], never: [a]}", spec(), "select_features");
  h.check(check);
  EXPECT_THAT(test::fault_ids(h.faults), ElementsAre("select_features.contradiction"));
}

}  // namespace
}  // namespace kingpost::steps::select_features
