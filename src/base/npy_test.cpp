// SPDX-License-Identifier: Apache-2.0
// NumPy files: what was written comes back, and what is no such file is refused.
#include "base/npy.h"

#include <gtest/gtest.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <filesystem>

#include "base/digest.h"
#include "base/files.h"
#include "support/step_harness.h"

namespace kingpost {
namespace {

TEST(Npy, WhatIsWrittenInPiecesComesBack) {
  const test::TempFolder folder;
  const std::string path = folder.path() + "/a.npy";
  auto writer = NpyWriter::create(path, NpyType::kFloat32, {3, 2});
  ASSERT_TRUE(writer.has_value());
  const std::vector<float> last = {5, 6};
  const std::vector<float> first = {1, 2, 3, 4};
  ASSERT_TRUE((*writer)->write(4, last.data(), 2).has_value());
  ASSERT_TRUE((*writer)->write(0, first.data(), 4).has_value());
  ASSERT_TRUE((*writer)->finish().has_value());
  const auto array = Npy::open(path);
  ASSERT_TRUE(array.has_value());
  EXPECT_EQ(array->rows(), 3);
  EXPECT_EQ(array->columns(), 2);
  for (int i = 0; i < 6; ++i) EXPECT_EQ(array->floats()[i], static_cast<float>(i + 1));
}

TEST(Npy, AFullDiskIsToldBeforeAnythingIsWritten) {
  struct statvfs room = {};
  ASSERT_EQ(::statvfs("/dev/shm", &room), 0);
  const std::string path = format("/dev/shm/kingpost-npy-{}", ::getpid());
  const auto bytes = static_cast<std::int64_t>(room.f_blocks * room.f_frsize);
  const auto writer = NpyWriter::create(path, NpyType::kUint8, {bytes + 1});
  const auto left = std::filesystem::file_size(path);
  ::unlink(path.c_str());
  ASSERT_FALSE(writer.has_value());
  EXPECT_EQ(writer.error().id(), "disk.full");
  EXPECT_EQ(left, 0U);
}

TEST(Npy, TheHeaderIsNumPys) {
  const test::TempFolder folder;
  const std::string path = folder.path() + "/a.npy";
  auto writer = NpyWriter::create(path, NpyType::kUint8, {2});
  ASSERT_TRUE(writer.has_value());
  ASSERT_TRUE((*writer)->write(0, "\1\2", 2).has_value());
  ASSERT_TRUE((*writer)->finish().has_value());
  const std::string bytes = *read_file(path);
  EXPECT_EQ(bytes.size(), 130U);
  EXPECT_EQ(bytes.substr(1, 5), "NUMPY");
  EXPECT_NE(bytes.find("{'descr': '|u1', 'fortran_order': False, 'shape': (2,), }"),
            std::string::npos);
  EXPECT_EQ(bytes[127], '\n');
}

TEST(Npy, EmptyArraysAreArrays) {
  const test::TempFolder folder;
  const std::string path = folder.path() + "/a.npy";
  auto writer = NpyWriter::create(path, NpyType::kFloat64, {0, 4});
  ASSERT_TRUE(writer.has_value());
  ASSERT_TRUE((*writer)->finish().has_value());
  const auto array = Npy::open(path);
  ASSERT_TRUE(array.has_value());
  EXPECT_EQ(array->rows(), 0);
  EXPECT_EQ(array->columns(), 4);
}

TEST(Npy, WhatIsNoArrayIsRefused) {
  const test::TempFolder folder;
  const auto refused = [&](const std::string& bytes) {
    const auto array = Npy::open(folder.write("bad.npy", bytes));
    return array ? std::string("read") : array.error().id();
  };
  const std::string head("\x93NUMPY\x01\x00", 8);
  const auto with = [&](const std::string& dict, const std::string& data) {
    return head + std::string(1, static_cast<char>(dict.size())) + std::string(1, '\0') + dict +
           data;
  };
  EXPECT_EQ(refused(""), "npy.malformed");
  EXPECT_EQ(refused("some text that is no array"), "npy.malformed");
  EXPECT_EQ(refused(head + "\xff\x7f{'descr'"), "npy.malformed");
  EXPECT_EQ(refused(with("{'descr': '>f4', 'shape': (1,), }", "1234")), "npy.malformed");
  EXPECT_EQ(refused(with("{'descr': '<f4', 'shape': (2,), }", "1234")), "npy.malformed");
  EXPECT_EQ(refused(with("{'descr': '<f4', 'shape': (-1,), }", "1234")), "npy.malformed");
  EXPECT_EQ(refused(with("{'descr': '<f4', 'shape': (1,), }", "1234")), "read");
}

TEST(Npy, TheDigestIsThatOfTheFileWhereTheElementsCameInOrder) {
  const test::TempFolder folder;
  const std::string path = folder.path() + "/a.npy";
  const std::vector<float> values = {1, 2, 3, 4, 5, 6};
  const auto digest_of = [&](const std::vector<std::int64_t>& starts) {
    auto writer = NpyWriter::create(path, NpyType::kFloat32, {3, 2});
    EXPECT_TRUE(writer);
    for (const std::int64_t first : starts) {
      EXPECT_TRUE((*writer)->write(first, values.data() + first, 2));
    }
    EXPECT_TRUE((*writer)->finish());
    return (*writer)->digest();
  };
  const std::string in_order = digest_of({0, 2, 4});
  EXPECT_EQ(in_order, *sha256_of_file(path));
  EXPECT_EQ(digest_of({0, 4, 2}), "");
  EXPECT_EQ(digest_of({0, 2}), "");
}

}  // namespace
}  // namespace kingpost
