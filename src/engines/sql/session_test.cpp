// SPDX-License-Identifier: Apache-2.0
// The session against the real engine: cells, faults, cancelling.
#include "engines/sql/session.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cmath>
#include <cstdlib>
#include <thread>

#include "engines/sql/dialect.h"
#include "support/step_harness.h"

namespace kingpost {
namespace {

using ::testing::HasSubstr;

class Session : public ::testing::Test {
 protected:
  sql::Rows rows(const std::string& query) {
    auto result = harness.session->query(query);
    EXPECT_TRUE(result.has_value()) << (result ? "" : result.error().what());
    return result ? std::move(*result) : sql::Rows{};
  }
  test::StepHarness harness;
};

TEST_F(Session, CellsOfEveryType) {
  const auto found = rows(
      "SELECT true AS b, 127::TINYINT AS i8, 9007199254740993 AS i64, "
      "18446744073709551615::UBIGINT "
      "AS u64, 170141183460469231731687303715884105727::HUGEINT AS i128, 5::HUGEINT AS small, "
      "-1.50::DECIMAL(9,2) AS d, 0.25::FLOAT AS f, 'é' AS s, DATE '1969-12-31' AS day, TIMESTAMP "
      "'1969-12-31 23:59:59.5' AS ts, TIMESTAMPTZ '2013-01-01 00:00:00-05:00' AS tz, TIME "
      "'23:59:58' AS clock, NULL AS n");
  ASSERT_EQ(found.size(), 1U);
  EXPECT_TRUE(found.at(0, "b").boolean());
  EXPECT_EQ(found.integer(0, "i8"), 127);
  EXPECT_EQ(found.integer(0, "i64"), 9007199254740993);
  EXPECT_EQ(found.text(0, "u64"), "18446744073709551615");
  EXPECT_EQ(found.text(0, "i128"), "170141183460469231731687303715884105727");
  EXPECT_EQ(found.integer(0, "small"), 5);
  EXPECT_EQ(found.text(0, "d"), "-1.50");
  EXPECT_EQ(found.at(0, "f").number(), 0.25);
  EXPECT_EQ(found.text(0, "s"), "é");
  EXPECT_EQ(found.text(0, "day"), "1969-12-31");
  EXPECT_EQ(found.text(0, "ts"), "1969-12-31T23:59:59.500000");
  EXPECT_EQ(found.text(0, "tz"), "2013-01-01T05:00:00Z");
  EXPECT_EQ(found.text(0, "clock"), "23:59:58");
  EXPECT_TRUE(found.at(0, "n").is_null());
  EXPECT_TRUE(found.at(0, "no_such_column").is_null());
}

TEST_F(Session, ManyRowsComeInOrder) {
  const auto found = rows(
      "SELECT i, CASE WHEN i % 3 = 0 THEN NULL ELSE i END AS n FROM range(5000) "
      "r(i)");
  ASSERT_EQ(found.size(), 5000U);
  for (std::size_t r = 0; r < found.size(); ++r) {
    ASSERT_EQ(found.integer(r, "i"), static_cast<std::int64_t>(r));
    ASSERT_EQ(found.at(r, "n").is_null(), r % 3 == 0);
  }
}

TEST_F(Session, FaultsTellWhatAndWhere) {
  const auto result = harness.session->query("SELECT nothing_here");
  ASSERT_FALSE(result.has_value());
  EXPECT_EQ(result.error().id(), "engine.query_failed");
  EXPECT_THAT(result.error().what(), HasSubstr("nothing_here"));
  EXPECT_EQ(result.error().place().column, 7);
}

TEST_F(Session, NestedColumnsAreRefused) {
  const auto result = harness.session->query("SELECT [1, 2] AS list");
  ASSERT_FALSE(result.has_value());
  EXPECT_EQ(result.error().id(), "engine.type_unsupported");
}

TEST_F(Session, MemoryHasALimit) {
  ASSERT_TRUE(harness.session->run("SET memory_limit='20MB'"));
  ASSERT_TRUE(harness.session->run("SET max_temp_directory_size='0B'"));
  const auto result = harness.session->run(
      "CREATE TEMP TABLE big AS SELECT i, md5(i::VARCHAR) AS m FROM range(5000000) r(i) ORDER BY "
      "m");
  ASSERT_FALSE(result.has_value());
  EXPECT_EQ(exit_status(result.error().code()), 9);
  EXPECT_THAT(result.error().id(), testing::AnyOf("engine.out_of_memory", "disk.full"));
}

TEST_F(Session, CancelEndsAStatement) {
  std::atomic<bool> done{false};
  // The statement may not have begun when a cancel comes, so it is repeated until the end.
  std::thread canceller([&] {
    while (!done) {
      harness.session->cancel();
      std::this_thread::yield();
    }
  });
  const auto result = harness.session->run(
      "SELECT count(*) FROM range(100000000) a, range(100000) b WHERE a.range * b.range = 7");
  done = true;
  canceller.join();
  ASSERT_FALSE(result.has_value());
  EXPECT_EQ(result.error().id(), "run.cancelled");
  EXPECT_EQ(rows("SELECT 1 AS one").integer(0, "one"), 1);
}

TEST_F(Session, OneBesideSharesTheEngine) {
  ASSERT_TRUE(harness.session->run("SET memory_limit='123MB'"));
  ASSERT_TRUE(harness.session->run("CREATE TABLE shared AS SELECT 7 AS x"));
  ASSERT_TRUE(harness.session->run("CREATE TEMP TABLE own AS SELECT 1 AS x"));
  const auto beside = harness.session->beside();
  ASSERT_TRUE(beside.has_value());
  const auto found = (*beside)->query(
      "SELECT x, current_setting('TimeZone') AS zone, current_setting('memory_limit') AS memory "
      "FROM shared");
  ASSERT_TRUE(found.has_value());
  EXPECT_EQ(found->integer(0, "x"), 7);
  EXPECT_EQ(found->text(0, "zone"), "UTC");
  EXPECT_EQ(found->text(0, "memory"),
            rows("SELECT current_setting('memory_limit') AS memory").text(0, "memory"));
  const auto fault = (*beside)->query("SELECT x FROM own");
  ASSERT_FALSE(fault.has_value());
  EXPECT_EQ(fault.error().place().column, 14);
}

TEST_F(Session, TwoAtWorkAtOnceAreBothCancelled) {
  const auto beside = harness.session->beside();
  ASSERT_TRUE(beside.has_value());
  const std::string endless =
      "SELECT count(*) FROM range(100000000) a, range(100000) b WHERE a.range * b.range = 7";
  std::atomic<int> running{2};
  std::thread canceller([&] {
    while (running > 0) {
      harness.session->cancel();
      std::this_thread::yield();
    }
  });
  kingpost::Status other;
  std::thread worker([&] {
    other = (*beside)->run(endless);
    --running;
  });
  const auto result = harness.session->run(endless);
  --running;
  worker.join();
  canceller.join();
  ASSERT_FALSE(result.has_value());
  EXPECT_EQ(result.error().id(), "run.cancelled");
  ASSERT_FALSE(other.has_value());
  EXPECT_EQ(other.error().id(), "run.cancelled");
}

TEST_F(Session, HostileNamesAndTexts) {
  const std::string name = "a\"; DROP TABLE x; --";
  const std::string text = "it's '' \\ \n";
  const auto found = rows("SELECT " + sql::literal(text) + " AS " + sql::identifier(name));
  EXPECT_EQ(found.columns.at(0), name);
  EXPECT_EQ(found.text(0, name), text);
}

TEST(Driver, AMissingLibraryIsNamed) {
  const char* before = std::getenv("KINGPOST_DRIVERS");
  const std::string kept = before != nullptr ? before : "";
  test::TempFolder folder;
  folder.write("libduckdb.so", "this is no library");
  ::setenv("KINGPOST_DRIVERS", folder.path().c_str(), 1);
  const auto session = sql::Session::open({"", 1, folder.path()});
  if (before != nullptr) {
    ::setenv("KINGPOST_DRIVERS", kept.c_str(), 1);
  } else {
    ::unsetenv("KINGPOST_DRIVERS");
  }
  ASSERT_FALSE(session.has_value());
  EXPECT_EQ(session.error().id(), "engine.unavailable");
  EXPECT_THAT(session.error().hint(), HasSubstr("doctor"));
}

TEST_F(Session, StreamsNumbersAndTexts) {
  records::Batch all;
  const auto done = harness.session->stream(
      "SELECT true AS b, 127::TINYINT AS i8, 9007199254740992 AS i64, -1.50::DECIMAL(9,2) AS d, "
      "0.25::FLOAT AS f, 'é' AS s, DATE '1969-12-31' AS day, TIMESTAMP '1969-12-31 23:59:59.5' AS "
      "ts, TIMESTAMPTZ '1970-01-01 00:00:01-01:00' AS tz, NULL::DOUBLE AS n, NULL::VARCHAR AS t, "
      "5::HUGEINT AS h",
      [&](records::Batch& batch) {
        all = batch;
        return Status();
      });
  ASSERT_TRUE(done.has_value());
  ASSERT_EQ(all.rows, 1);
  EXPECT_EQ(all.find("b")->numbers[0], 1);
  EXPECT_EQ(all.find("i8")->numbers[0], 127);
  EXPECT_EQ(all.find("i64")->numbers[0], 9007199254740992.0);
  EXPECT_EQ(all.find("d")->numbers[0], -1.5);
  EXPECT_EQ(all.find("f")->numbers[0], 0.25);
  EXPECT_EQ(all.find("s")->texts[0], "é");
  EXPECT_EQ(all.find("day")->numbers[0], -86400e6);
  EXPECT_EQ(all.find("ts")->numbers[0], -500000);
  EXPECT_EQ(all.find("tz")->numbers[0], 3601e6);
  EXPECT_TRUE(std::isnan(all.find("n")->numbers[0]));
  EXPECT_EQ(all.find("t")->texts[0], "");
  EXPECT_EQ(all.find("h")->numbers[0], 5);
}

TEST_F(Session, AStreamHasEveryRowInOrder) {
  std::int64_t rows = 0;
  const auto done = harness.session->stream("SELECT i FROM range(100000) AS r(i) ORDER BY i",
                                            [&](records::Batch& batch) {
                                              for (const double each : batch.columns[0].numbers) {
                                                EXPECT_EQ(each, static_cast<double>(rows++));
                                              }
                                              return Status();
                                            });
  ASSERT_TRUE(done.has_value());
  EXPECT_EQ(rows, 100000);
}

TEST_F(Session, WhatATakerLeavesInABatchIsRoomOnly) {
  std::int64_t rows = 0;
  const auto done = harness.session->stream(
      "SELECT i, 'row ' || i AS t FROM range(100000) AS r(i) ORDER BY i",
      [&](records::Batch& batch) {
        EXPECT_EQ(batch.columns.size(), 2U);
        EXPECT_EQ(std::ssize(batch.find("i")->numbers), batch.rows);
        EXPECT_EQ(batch.find("t")->texts.front(), "row " + std::to_string(rows));
        EXPECT_EQ(batch.find("t")->texts.back(), "row " + std::to_string(rows + batch.rows - 1));
        rows += batch.rows;
        batch.columns = {{"t", true, {}, {"left"}}, {"x", false, {1, 2}, {}}, {"y", true, {}, {}}};
        return Status();
      });
  ASSERT_TRUE(done.has_value());
  EXPECT_EQ(rows, 100000);
}

TEST_F(Session, AWholeNumberThatAFloatCannotHoldIsRefused) {
  const auto done = harness.session->stream("SELECT 9007199254740993 AS id",
                                            [](records::Batch&) { return Status(); });
  ASSERT_FALSE(done.has_value());
  EXPECT_EQ(done.error().id(), "engine.number_inexact");
  EXPECT_THAT(done.error().what(), HasSubstr("\"id\" holds 9007199254740993"));
}

TEST_F(Session, TimesFarOffAreHeldWhereAFloatHoldsThem) {
  double day = 0;
  const auto take = [&](records::Batch& batch) {
    day = batch.columns[0].numbers[0];
    return Status();
  };
  ASSERT_TRUE(harness.session->stream("SELECT DATE '9999-12-31' AS d", take).has_value());
  EXPECT_EQ(day, 253402214400e6);
  const auto odd =
      harness.session->stream("SELECT TIMESTAMP '9999-12-31 00:00:00.000001' AS t", take);
  ASSERT_FALSE(odd.has_value());
  EXPECT_EQ(odd.error().id(), "engine.number_inexact");
}

TEST_F(Session, TheEndThatATakerAsksForIsTheAnswer) {
  const auto done = harness.session->stream("SELECT 1 AS x", [](records::Batch&) {
    return Status(fail(Code::kCancelled, "run.cancelled", "enough"));
  });
  ASSERT_FALSE(done.has_value());
  EXPECT_EQ(done.error().id(), "run.cancelled");
}

TEST_F(Session, BatchesAreAppended) {
  records::Batch batch{2, {}};
  batch.columns.push_back({.name = "x", .numbers = {1.5, std::nan("")}});
  batch.columns.push_back({.name = "s", .is_text = true, .texts = {"", "é"}});
  ASSERT_TRUE(harness.session->append("taken", batch).has_value());
  ASSERT_TRUE(harness.session->append("taken", batch).has_value());
  const auto found = rows("SELECT count(*) AS n, count(x) AS x, max(s) AS s FROM taken");
  EXPECT_EQ(found.integer(0, "n"), 4);
  EXPECT_EQ(found.integer(0, "x"), 2);
  EXPECT_EQ(found.text(0, "s"), "é");
}

}  // namespace
}  // namespace kingpost
