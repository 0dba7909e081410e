// SPDX-License-Identifier: Apache-2.0
#include "steps/ordered_rows.h"

#include <gtest/gtest.h>

#include "engines/sql/dialect.h"
#include "support/step_harness.h"

namespace kingpost::steps {
namespace {

TEST(OrderedRows, ComeAsTheyStandInTheFile) {
  test::StepHarness h;
  // Row groups of 122,880 rows, so that several threads read at once.
  h.add_table("many", "SELECT i, i % 7 AS seven FROM range(700000) AS t(i)", {"i"});
  const std::string from =
      sql::parquet(h.objects->path_of(h.input.find("many")->digest), true) + " AS many";
  for (const std::string where : {"", "seven = 3"}) {
    double expected = where.empty() ? 0 : 3;
    std::int64_t rows = 0;
    const auto done = stream_in_order(*h.session, {"i", from, where}, [&](records::Batch& batch) {
      EXPECT_EQ(batch.columns.size(), 1U);
      for (const double i : batch.columns[0].numbers) {
        if (i != expected) return Status(fail(Code::kInternal, "test", "row {}", i));
        expected += where.empty() ? 1 : 7;
        ++rows;
      }
      return Status();
    });
    EXPECT_TRUE(done) << render(done.error());
    EXPECT_EQ(rows, where.empty() ? 700'000 : 100'000);
  }
}

TEST(OrderedRows, AnotherOrderIsNoticed) {
  Ascending order;
  EXPECT_TRUE(order.take({0, 1, 5}));
  EXPECT_TRUE(order.take({6}));
  const Status again = order.take({7, 8, 8});
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().id(), "engine.rows_unordered");
  EXPECT_FALSE(Ascending().take({1, 0}));
}

}  // namespace
}  // namespace kingpost::steps
