// SPDX-License-Identifier: Apache-2.0
// Plain, gzip and zstd files give their bytes; a damaged stream gives an error and never a part
// that passes for the whole.
#include "engines/archive/stream.h"

#include <gtest/gtest.h>

#include "base/files.h"
#include "support/step_harness.h"

namespace kingpost::archive {
namespace {

// "id,name\n1,Ada\n" as `gzip -n` and `zstd` (a frame with one raw block) write it.
std::string plain_text() {
  return "id,name\n1,Ada\n";
}

std::string gzip_of_text() {
  // One stored block: length, its complement, the bytes; then CRC-32 and size.
  std::string out("\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\x01\x0e\x00\xf1\xff", 15);
  std::uint32_t crc = 0xFFFFFFFFU;
  for (const char c : plain_text()) {
    crc ^= static_cast<unsigned char>(c);
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1U) ^ ((crc & 1U) != 0 ? 0xEDB88320U : 0U);
  }
  crc = ~crc;
  out += plain_text();
  for (unsigned shift = 0; shift < 32; shift += 8) out.push_back(static_cast<char>(crc >> shift));
  return out + std::string("\x0e\x00\x00\x00", 4);
}

std::string zstd_of_text() {
  const auto size = static_cast<unsigned>(plain_text().size());
  std::string out("\x28\xb5\x2f\xfd\x20", 5);
  out.push_back(static_cast<char>(size));
  const unsigned header = size << 3U | 1U;
  for (unsigned shift = 0; shift < 24; shift += 8)
    out.push_back(static_cast<char>(header >> shift));
  return out + plain_text();
}

class Streams : public testing::Test {
 protected:
  Result<std::string> read(const std::string& bytes) {
    const std::string path = folder.write("x", bytes);
    std::string out;
    TRY_STATUS(read_decompressed(path, [&](std::string_view chunk) {
      out += chunk;
      return true;
    }));
    return out;
  }

  std::string fault(const std::string& bytes) {
    const auto out = read(bytes);
    return out ? "no fault but: " + *out : out.error().id();
  }

  test::TempFolder folder;
};

TEST_F(Streams, GiveTheirBytes) {
  EXPECT_EQ(*read(plain_text()), plain_text());
  EXPECT_EQ(*read(""), "");
  EXPECT_EQ(*read(gzip_of_text()), plain_text());
  EXPECT_EQ(*read(gzip_of_text() + gzip_of_text()), plain_text() + plain_text());
  EXPECT_EQ(*read(zstd_of_text()), plain_text());
}

TEST_F(Streams, EveryCutIsNoticed) {
  const std::string whole = gzip_of_text();
  for (std::size_t size = 4; size < whole.size(); ++size) {
    EXPECT_EQ(fault(whole.substr(0, size)), "ingest.compressed_damaged") << size << " bytes";
  }
  const std::string frame = zstd_of_text();
  for (std::size_t size = 6; size < frame.size(); ++size) {
    EXPECT_EQ(fault(frame.substr(0, size)), "ingest.compressed_damaged") << size << " bytes";
  }
}

TEST_F(Streams, EveryFlippedByteOfTheContentIsNoticed) {
  for (std::size_t at = 15; at < gzip_of_text().size(); ++at) {
    std::string bytes = gzip_of_text();
    bytes[at] = static_cast<char>(bytes[at] ^ 0x10);
    EXPECT_EQ(fault(bytes), "ingest.compressed_damaged") << "byte " << at;
  }
}

TEST_F(Streams, RubbishBehindTheEndIsNoticed) {
  EXPECT_EQ(fault(gzip_of_text() + "4,Dan\n"), "ingest.compressed_damaged");
}

TEST_F(Streams, KnowCompressionByTheFirstBytes) {
  EXPECT_TRUE(*is_compressed(folder.write("a", gzip_of_text())));
  EXPECT_TRUE(*is_compressed(folder.write("b", zstd_of_text())));
  EXPECT_FALSE(*is_compressed(folder.write("c.gz", plain_text())));
  EXPECT_EQ(is_compressed(folder.path() + "/gone").error().id(), "file.not_found");
}

TEST_F(Streams, APrefixReadsNoMoreThanItNeeds) {
  const std::string path = folder.write("x", gzip_of_text());
  EXPECT_EQ(*read_prefix(path, 7), "id,name");
  EXPECT_EQ(*read_prefix(path, 1'000), plain_text());
  // The damage lies behind the prefix.
  std::string bytes(3U << 20U, 'x');
  EXPECT_EQ(read_prefix(folder.write("y", bytes), 10)->size(), 10U);
}

}  // namespace
}  // namespace kingpost::archive
