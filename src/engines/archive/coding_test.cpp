// SPDX-License-Identifier: Apache-2.0
#include "engines/archive/coding.h"

#include <gtest/gtest.h>

#include <string>

namespace kingpost::archive {
namespace {

constexpr std::size_t kMost = std::size_t{1} << 20;

std::string id_of(const Result<std::string>& result) {
  return result ? "" : result.error().id();
}

std::string mixed(std::size_t size) {
  std::string out;
  for (std::size_t i = 0; i < size; ++i) out += static_cast<char>(i * i % 251);
  return out;
}

TEST(coding, what_is_compressed_comes_back) {
  for (const Coding coding : {Coding::kIdentity, Coding::kGzip, Coding::kDeflate}) {
    for (const std::size_t size : {0U, 1U, 70'000U, 1'000'000U}) {
      const std::string plain = mixed(size);
      const auto back = decompress(compress(plain, coding), coding, kMost);
      ASSERT_TRUE(back) << back.error().what();
      EXPECT_EQ(*back, plain);
    }
  }
}

TEST(coding, several_gzip_members_are_one_body) {
  const std::string two = compress("one ", Coding::kGzip) + compress("two", Coding::kGzip);
  EXPECT_EQ(decompress(two, Coding::kGzip, kMost).value(), "one two");
}

TEST(coding, the_beginning_of_a_body) {
  const std::string plain = mixed(70'000);
  for (const Coding coding : {Coding::kIdentity, Coding::kGzip, Coding::kDeflate}) {
    const std::string packed = compress(plain, coding);
    EXPECT_EQ(decompress_beginning(packed, coding, 1000), plain.substr(0, 1000));
    EXPECT_EQ(decompress_beginning(packed, coding, 100'000), plain);
    EXPECT_EQ(decompress_beginning({}, coding, 1000), "");
    EXPECT_EQ(decompress_beginning(compress("one", coding), coding, 1000), "one");
  }
  const std::string one = compress("one ", Coding::kGzip);
  EXPECT_EQ(decompress_beginning(one + one + "x", Coding::kGzip, 1000), "one one ");
  EXPECT_EQ(decompress_beginning("no gzip", Coding::kGzip, 1000), "");
  std::string many;
  for (int i = 0; i < 1000; ++i) many += one;
  EXPECT_LT(decompress_beginning(many, Coding::kGzip, 1000).size(), 1000U);
}

TEST(coding, what_is_cut_off_or_damaged_is_refused_at_every_byte) {
  for (const Coding coding : {Coding::kGzip, Coding::kDeflate}) {
    const std::string whole = compress(mixed(500), coding);
    for (std::size_t cut = 0; cut < whole.size(); ++cut) {
      EXPECT_EQ(id_of(decompress(whole.substr(0, cut), coding, kMost)), "archive.coding_malformed")
          << cut;
    }
    EXPECT_EQ(id_of(decompress(whole + "x", coding, kMost)), "archive.coding_malformed");
    std::string damaged = whole;
    damaged[whole.size() / 2] = static_cast<char>(damaged[whole.size() / 2] ^ 0x55);
    EXPECT_EQ(id_of(decompress(damaged, coding, kMost)), "archive.coding_malformed");
  }
}

TEST(coding, a_bomb_is_refused_at_the_limit) {
  const std::string bomb = compress(std::string(50'000'000, 'a'), Coding::kGzip);
  EXPECT_EQ(id_of(decompress(bomb, Coding::kGzip, kMost)), "archive.body_too_large");
  const std::string brim = compress(std::string(kMost, 'a'), Coding::kDeflate);
  EXPECT_EQ(decompress(brim, Coding::kDeflate, kMost).value().size(), kMost);
  EXPECT_EQ(id_of(decompress(brim, Coding::kDeflate, kMost - 1)), "archive.body_too_large");
}

TEST(coding, what_a_client_accepts) {
  EXPECT_EQ(accepted_coding(""), Coding::kIdentity);
  EXPECT_EQ(accepted_coding("br, zstd"), Coding::kIdentity);
  EXPECT_EQ(accepted_coding("deflate"), Coding::kDeflate);
  EXPECT_EQ(accepted_coding("deflate, gzip;q=0.5"), Coding::kGzip);
  EXPECT_EQ(accepted_coding("gzip;q=0, deflate;q=0.000"), Coding::kIdentity);
  EXPECT_EQ(accepted_coding("GZIP"), Coding::kGzip);
  EXPECT_EQ(coding_of("br"), std::nullopt);
}

}  // namespace
}  // namespace kingpost::archive
