// SPDX-License-Identifier: Apache-2.0
// Files between steps, and the sum of rows.
#include "steps/step.h"

#include <gtest/gtest.h>

#include "support/step_harness.h"

namespace kingpost {
namespace {

TEST(Step, AFileThatNoStepLeftIsAFaultOfTheProgram) {
  test::StepHarness harness;
  harness.add_file("here.json", "{\"a\":1}");
  const Node none;
  const steps::RunContext context{
      none, none, harness.settings, harness.input, *harness.session, *harness.objects};
  EXPECT_EQ((*steps::json_of(context, "here.json"))["a"].integer(), 1);
  const auto missing = steps::bytes_of(context, "gone.json");
  ASSERT_FALSE(missing.has_value());
  EXPECT_EQ(missing.error().id(), "step.file_missing");
  EXPECT_EQ(missing.error().code(), Code::kInternal);
}

TEST(Step, RowsThatAreLostAreAFaultOfTheProgram) {
  EXPECT_TRUE(steps::account_rows("extract_features.rows_unaccounted", "training", 3, 3));
  const auto lost = steps::account_rows("extract_features.rows_unaccounted", "training", 3, 2);
  ASSERT_FALSE(lost.has_value());
  EXPECT_EQ(lost.error().id(), "extract_features.rows_unaccounted");
}

}  // namespace
}  // namespace kingpost
