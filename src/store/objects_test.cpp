// SPDX-License-Identifier: Apache-2.0
// Objects: sealing, damage, temporary files, a disk that fails.
#include "store/objects.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "base/digest.h"
#include "base/files.h"
#include "support/step_harness.h"

namespace kingpost::store {
namespace {

class ObjectsTest : public ::testing::Test {
 protected:
  ObjectsTest()
      : store_(folder_.path() + "/.kingpost"), objects_(open(store_, store_ + "/objects")) {}

  static Objects open(const std::string& store, const std::string& objects) {
    return std::move(Objects::open(store, objects)).value();
  }

  test::TempFolder folder_;
  std::string store_;
  Objects objects_;
};

TEST_F(ObjectsTest, SealsBytesUnderTheirDigest) {
  const auto sealed = objects_.seal_text("abc");
  ASSERT_TRUE(sealed) << render(sealed.error());
  EXPECT_EQ(sealed->digest, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(sealed->bytes, 3);
  EXPECT_EQ(*objects_.read(sealed->digest), "abc");
  EXPECT_EQ(objects_.list(), std::vector<std::string>{sealed->digest});
  EXPECT_TRUE(entries_of(objects_.temp_folder()).empty());
}

TEST_F(ObjectsTest, SealingAgainMendsDamageOfEqualSize) {
  const std::string digest = objects_.seal_text("abc")->digest;
  std::filesystem::permissions(objects_.path_of(digest), std::filesystem::perms::owner_all);
  ASSERT_TRUE(write_file(objects_.path_of(digest), "abd"));
  EXPECT_EQ(objects_.verify(digest).error().id(), "store.object_damaged");
  EXPECT_EQ(objects_.read(digest).error().code(), Code::kCorrupt);
  ASSERT_TRUE(objects_.seal_text("abc"));
  EXPECT_TRUE(objects_.verify(digest));
}

TEST_F(ObjectsTest, ManyThreadsSealAtOnce) {
  constexpr int kThreads = 8;
  constexpr int kTexts = 20;
  std::atomic<int> sealed = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&] {
      // All threads write the same texts, so that each takes another's place.
      for (int i = 0; i < kTexts; ++i) {
        if (objects_.seal_text("text " + std::to_string(i))) ++sealed;
      }
    });
  }
  for (std::thread& each : threads) each.join();
  EXPECT_EQ(sealed, kThreads * kTexts);
  EXPECT_EQ(objects_.list().size(), static_cast<std::size_t>(kTexts));
  for (const std::string& digest : objects_.list()) EXPECT_TRUE(objects_.verify(digest));
  EXPECT_TRUE(entries_of(objects_.temp_folder()).empty());
}

TEST_F(ObjectsTest, SetsADamagedObjectAside) {
  const std::string digest = objects_.seal_text("abc")->digest;
  ASSERT_TRUE(objects_.set_aside(digest));
  EXPECT_EQ(objects_.size_of(digest), -1);
  EXPECT_EQ(objects_.verify(digest).error().id(), "store.object_missing");
  EXPECT_EQ(entries_of(objects_.damaged_folder()), std::vector<std::string>{digest});
  EXPECT_TRUE(objects_.list().empty());
}

TEST_F(ObjectsTest, RefusesEveryWriteAfterAFailedSync) {
  // /dev/null opens and cannot be synced.
  const std::string temporary = objects_.temp_path(".parquet");
  std::filesystem::create_symlink("/dev/null", temporary);
  EXPECT_FALSE(objects_.seal(temporary));
  EXPECT_FALSE(std::filesystem::exists(std::filesystem::symlink_status(temporary)));
  const auto next = objects_.seal_text("abc");
  ASSERT_FALSE(next);
  EXPECT_EQ(next.error().id(), "store.broken");
  EXPECT_TRUE(objects_.list().empty());
}

TEST_F(ObjectsTest, ClearsOnlyTemporaryFilesOfEndedProcesses) {
  const std::string& temp = objects_.temp_folder();
  // Above the largest process number that Linux gives.
  const std::vector<std::string> stale = {"4194999-1.parquet", format("{}-9.json", ::getpid())};
  const std::vector<std::string> kept = {format("{}-3.parquet", ::getppid()), "notes.txt", "x-1"};
  for (const auto* names : {&stale, &kept}) {
    for (const std::string& name : *names) ASSERT_TRUE(write_file(temp + "/" + name, "x"));
  }
  objects_.clear_temporary();
  for (const std::string& name : stale) EXPECT_FALSE(exists(temp + "/" + name)) << name;
  for (const std::string& name : kept) EXPECT_TRUE(exists(temp + "/" + name)) << name;
}

TEST_F(ObjectsTest, StoresThatShareAFolderKnowEachOther) {
  EXPECT_TRUE(objects_.other_stores().empty());
  const std::string shared = folder_.path() + "/shared";
  const Objects one = open(folder_.path() + "/one", shared);
  EXPECT_TRUE(one.other_stores().empty());
  const Objects two = open(folder_.path() + "/two", shared);
  EXPECT_EQ(one.other_stores(), std::vector<std::string>{folder_.path() + "/two"});
  EXPECT_EQ(two.other_stores(), std::vector<std::string>{folder_.path() + "/one"});
}

}  // namespace
}  // namespace kingpost::store
