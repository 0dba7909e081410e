// SPDX-License-Identifier: Apache-2.0
// Files and path patterns.
#include "base/files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "support/step_harness.h"

namespace kingpost {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class Files : public testing::Test {
 protected:
  std::vector<std::string> glob(const std::string& pattern) {
    std::vector<std::string> out = expand_glob(folder.path() + "/" + pattern);
    for (std::string& path : out) path = path.substr(folder.path().size() + 1);
    return out;
  }

  test::TempFolder folder;
};

TEST_F(Files, PatternsMatchInByteOrder) {
  for (const char* name : {"b.csv", "a.csv", "B.csv", "a.txt", ".hidden.csv", "sub/c.csv",
                           "sub/deep/d.csv", ".git/e.csv"}) {
    folder.write(name, "x");
  }
  EXPECT_THAT(glob("*.csv"), ElementsAre("B.csv", "a.csv", "b.csv"));
  EXPECT_THAT(glob("?.csv"), ElementsAre("B.csv", "a.csv", "b.csv"));
  EXPECT_THAT(glob("[ab].csv"), ElementsAre("a.csv", "b.csv"));
  EXPECT_THAT(glob("**/*.csv"),
              ElementsAre("B.csv", "a.csv", "b.csv", "sub/c.csv", "sub/deep/d.csv"));
  EXPECT_THAT(glob("sub/**"), ElementsAre("sub/c.csv", "sub/deep/d.csv"));
  EXPECT_THAT(glob("*/c.csv"), ElementsAre("sub/c.csv"));
  EXPECT_THAT(glob(".*.csv"), ElementsAre(".hidden.csv"));
  EXPECT_THAT(glob("*.parquet"), IsEmpty());
  EXPECT_THAT(glob("none/*.csv"), IsEmpty());
}

TEST_F(Files, APathWithoutPatternIsItself) {
  folder.write("a b'c\".csv", "x");
  EXPECT_THAT(glob("a b'c\".csv"), ElementsAre("a b'c\".csv"));
  EXPECT_THAT(glob("gone.csv"), IsEmpty());
  EXPECT_TRUE(has_glob("a*"));
  EXPECT_FALSE(has_glob("a-b"));
}

TEST_F(Files, AFileThatIsCalledLikeThePatternIsMeant) {
  folder.write("rows[1].csv", "x");
  folder.write("rows1.csv", "x");
  EXPECT_THAT(glob("rows[1].csv"), ElementsAre("rows[1].csv"));
  EXPECT_THAT(glob("rows[12].csv"), ElementsAre("rows1.csv"));
}

TEST_F(Files, LoopsOfLinksEnd) {
  folder.write("sub/a.csv", "x");
  ASSERT_EQ(::symlink("..", (folder.path() + "/sub/up").c_str()), 0);
  EXPECT_THAT(glob("**/a.csv"), testing::Contains("sub/a.csv"));
}

TEST_F(Files, ReadsAndWritesWholeFiles) {
  const std::string path = folder.path() + "/x";
  const std::string bytes("a\0b\n", 4);
  ASSERT_TRUE(write_durably(path, bytes));
  EXPECT_EQ(*read_file(path), bytes);
  EXPECT_EQ(*read_file(path, 2), bytes.substr(0, 2));
  ASSERT_TRUE(write_durably(path, "new"));
  EXPECT_EQ(*read_file(path), "new");
  EXPECT_THAT(entries_of(folder.path()), ElementsAre("x")) << "no temporary file is left";
  ASSERT_TRUE(remove_file(path));
  EXPECT_TRUE(remove_file(path)) << "removing what is gone is no error";
}

TEST_F(Files, FaultsHaveTheirIds) {
  EXPECT_EQ(read_file(folder.path() + "/gone").error().id(), "file.not_found");
  EXPECT_EQ(stamp_of(folder.path()).error().id(), "file.not_regular");
  EXPECT_EQ(write_durably(folder.path() + "/no/folder", "x").error().id(), "file.folder_missing");
  EXPECT_EQ(write_durably(folder.path(), "x").error().id(), "file.not_regular");
  EXPECT_EQ(write_durably("/dev/null", "x").error().id(), "file.not_regular");
  EXPECT_EQ(file_error(ENOSPC, "write", "x").id(), "disk.full");
  EXPECT_EQ(file_error(EACCES, "read", "x").id(), "file.forbidden");
  EXPECT_EQ(file_error(EIO, "read", "x").id(), "file.unreadable");
}

TEST_F(Files, OneFileHasManyNames) {
  const std::string path = folder.write("x", "one");
  const std::string other = folder.write("y", "one");
  const std::string link = folder.path() + "/link";
  ASSERT_EQ(::symlink(path.c_str(), link.c_str()), 0);
  EXPECT_TRUE(same_file(path, link));
  EXPECT_TRUE(same_file(path, folder.path() + "/./x"));
  EXPECT_FALSE(same_file(path, other));
  EXPECT_FALSE(same_file(path + ".gone", path + ".gone")) << "neither is there";
}

TEST_F(Files, StampsChangeWithTheFile) {
  const std::string path = folder.write("x", "one");
  const FileStamp first = *stamp_of(path);
  EXPECT_EQ(*stamp_of(path), first);
  folder.write("x", "longer");
  EXPECT_FALSE(*stamp_of(path) == first);
}

TEST_F(Files, ChunksComeInOrderUntilTheTakerStops) {
  std::string bytes;
  for (int i = 0; i < 400'000; ++i) bytes += format("{:07}\n", i);
  const std::string path = folder.write("x", bytes);
  std::string read;
  ASSERT_TRUE(read_chunks(path, [&](std::string_view chunk) {
    read += chunk;
    return true;
  }));
  EXPECT_EQ(read, bytes);
  int calls = 0;
  ASSERT_TRUE(read_chunks(path, [&](std::string_view) { return ++calls < 2; }));
  EXPECT_EQ(calls, 2);
}

TEST(Paths, AreFolded) {
  EXPECT_EQ(resolve_path("/a/b", "c"), "/a/b/c");
  EXPECT_EQ(resolve_path("/a/b", "../c/./d"), "/a/c/d");
  EXPECT_EQ(resolve_path("/a/b", "/c"), "/c");
  EXPECT_EQ(resolve_path("/a", "../../../../c"), "/c");
  EXPECT_EQ(parent_of("a"), ".");
  EXPECT_EQ(parent_of("/a/b"), "/a");
  EXPECT_EQ(name_of("/a/b.csv"), "b.csv");
  EXPECT_EQ(relative_path("/a/b/c", "/a/d"), "../b/c");
}

TEST_F(Files, APrivateFileIsNeverOpenToOthers) {
  const std::string path = folder.path() + "/secret";
  // A file of before, and what a killed process left, were open.
  ASSERT_TRUE(write_file(path, "old"));
  ASSERT_TRUE(write_file(format("{}.{}.tmp", path, ::getpid()), "left"));
  ASSERT_TRUE(write_durably(path, "new", kPrivateFile));
  struct stat info{};
  ASSERT_EQ(::stat(path.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777U, 0600U);
  EXPECT_EQ(read_file(path).value(), "new");
}

}  // namespace
}  // namespace kingpost
