// SPDX-License-Identifier: Apache-2.0
// The journal: executions, uses, notes of digests, two processes that open a new one at once.
#include "store/journal.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "support/step_harness.h"

namespace kingpost::store {
namespace {

class JournalTest : public ::testing::Test {
 protected:
  JournalTest() : journal_(std::move(Journal::open(folder_.path())).value()) {}

  std::int64_t seal(std::int64_t run, const std::string& step, const std::string& key) {
    Execution execution;
    execution.run = run;
    execution.step = step;
    execution.key = key;
    execution.parts = "{}";
    const std::int64_t id = journal_->begin(execution).value();
    EXPECT_TRUE(journal_->finish(id, "sealed", "manifest of " + key, ""));
    return id;
  }

  test::TempFolder folder_;
  std::unique_ptr<Journal> journal_;
};

TEST_F(JournalTest, ASealedExecutionIsFoundByItsKey) {
  const std::int64_t run = journal_->begin_run("kingpost run", "a.yaml").value();
  const std::int64_t id = seal(run, "clean", "k");
  EXPECT_EQ((*journal_->sealed("clean", "k"))->id, id);
  EXPECT_FALSE(journal_->sealed("clean", "other")->has_value());
  EXPECT_FALSE(journal_->sealed("curate", "k")->has_value());
  ASSERT_TRUE(journal_->withdraw({id}, "damaged"));
  EXPECT_FALSE(journal_->sealed("clean", "k")->has_value());
  EXPECT_EQ(journal_->executions()->front().manifest, "");
}

TEST_F(JournalTest, ARunThatStillCountsAsRunningHasDied) {
  const std::int64_t run = journal_->begin_run("kingpost run", "a.yaml").value();
  Execution execution;
  execution.run = run;
  execution.step = "clean";
  ASSERT_TRUE(journal_->begin(execution));
  ASSERT_TRUE(journal_->begin_run("kingpost run", "a.yaml"));
  EXPECT_EQ(journal_->runs(2)->back().state, "interrupted");
  EXPECT_EQ(journal_->executions()->front().state, "interrupted");
}

TEST_F(JournalTest, EachFileHasItsOwnLastResult) {
  const std::int64_t a = seal(journal_->begin_run("run", "a.yaml").value(), "clean", "ka");
  const std::int64_t b = seal(journal_->begin_run("run", "b.yaml").value(), "clean", "kb");
  EXPECT_EQ((*journal_->last_sealed("a.yaml", "clean"))->id, a);
  EXPECT_EQ((*journal_->last_sealed("b.yaml", "clean"))->id, b);
  EXPECT_FALSE(journal_->last_sealed("c.yaml", "clean")->has_value());
  // b goes back to what a made, and forth again.
  ASSERT_TRUE(journal_->note_use("b.yaml", **journal_->sealed("clean", "ka")));
  EXPECT_EQ((*journal_->last_sealed("b.yaml", "clean"))->id, a);
  ASSERT_TRUE(journal_->note_use("b.yaml", **journal_->sealed("clean", "kb")));
  EXPECT_EQ((*journal_->last_sealed("b.yaml", "clean"))->id, b);
}

TEST_F(JournalTest, AUseIsWrittenOnlyWhenItIsNews) {
  seal(journal_->begin_run("run", "a.yaml").value(), "clean", "k");
  const Micros before = journal_->uses()->front().used;
  ASSERT_TRUE(journal_->note_use("a.yaml", **journal_->sealed("clean", "k")));
  ASSERT_EQ(journal_->uses()->size(), 1U);
  EXPECT_EQ(journal_->uses()->front().used, before);
}

TEST_F(JournalTest, TheLastReportMayBeOfAFailure) {
  const std::int64_t run = journal_->begin_run("run", "a.yaml").value();
  seal(run, "clean", "k");
  Execution execution;
  execution.run = run;
  execution.step = "clean";
  const std::int64_t failed = journal_->begin(execution).value();
  ASSERT_TRUE(journal_->finish(failed, "failed", "its report", "no"));
  const std::int64_t empty = journal_->begin(execution).value();
  ASSERT_TRUE(journal_->finish(empty, "cancelled", "", "stopped"));
  EXPECT_EQ((*journal_->last_report("a.yaml", "clean"))->id, failed);
  EXPECT_EQ((*journal_->last_sealed("a.yaml", "clean"))->key, "k");
}

TEST_F(JournalTest, ADigestCountsOnlyWhenTheFileWasQuiet) {
  // A second write within the same stamp would go unseen.
  const Micros now = wall_clock();
  const FileStamp fresh{10, (now - 1'000'000) * 1000, 7};
  const FileStamp quiet{10, (now - 3'000'000) * 1000, 7};
  ASSERT_TRUE(journal_->note_digest("f", fresh, "d1"));
  EXPECT_FALSE(journal_->known_digest("f", fresh)->has_value());
  ASSERT_TRUE(journal_->note_digest("f", quiet, "d2"));
  EXPECT_EQ(journal_->known_digest("f", quiet)->value(), "d2");
  for (const FileStamp& other :
       {FileStamp{11, quiet.mtime_ns, 7}, FileStamp{10, quiet.mtime_ns + 1, 7},
        FileStamp{10, quiet.mtime_ns, 8}}) {
    EXPECT_FALSE(journal_->known_digest("f", other)->has_value());
  }
  EXPECT_FALSE(journal_->known_digest("g", quiet)->has_value());
}

TEST_F(JournalTest, ATestSetCountsTheVersionsMeasuredOnIt) {
  const auto opened = [&](const std::string& test, const std::string& version) {
    return journal_->open_test(test, version).value();
  };
  EXPECT_EQ(opened("t", "a").number, 1);
  EXPECT_EQ(opened("t", "b").number, 2);
  EXPECT_FALSE(opened("t", "c").again);
  EXPECT_EQ(opened("t", "b").number, 2);
  EXPECT_TRUE(opened("t", "b").again);
  EXPECT_EQ(opened("other", "b").number, 1);
}

TEST_F(JournalTest, ItsDatabaseIsWhole) {
  EXPECT_TRUE(journal_->verify());
}

TEST(JournalOpenTest, SaysWhatItCouldNotOpen) {
  const test::TempFolder folder;
  const auto journal = Journal::open(folder.path() + "/missing");
  ASSERT_FALSE(journal);
  EXPECT_EQ(journal.error().id(), "store.journal_failed");
  EXPECT_EQ(journal.error().code(), Code::kUnavailable);
  EXPECT_NE(journal.error().what().find("/missing/kingpost.db"), std::string::npos);
}

TEST(JournalOpenTest, SeveralMayOpenANewOneAtOnce) {
  for (int round = 0; round < 5; ++round) {
    const test::TempFolder folder;
    std::atomic<int> opened{0};
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back([&] {
        const auto journal = Journal::open(folder.path());
        if (journal && (*journal)->verify()) ++opened;
      });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(opened, 4);
  }
}

}  // namespace
}  // namespace kingpost::store
