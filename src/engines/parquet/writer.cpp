// SPDX-License-Identifier: Apache-2.0
#include "engines/parquet/writer.h"

#include <array>
#include <bit>
#include <cstring>

#include "engines/parquet/thrift.h"

namespace kingpost::parquet {
namespace {

static_assert(std::endian::native == std::endian::little);

constexpr std::string_view kMagic = "PAR1";

// Numbers of parquet.thrift.
constexpr std::int32_t kOptional = 1;
constexpr std::int32_t kPlain = 0;
constexpr std::int32_t kRle = 3;
constexpr std::int32_t kGzipCodec = 2;
constexpr std::int32_t kUtf8 = 0;
constexpr std::int32_t kTimestampMicros = 10;
constexpr std::int32_t kDataPage = 0;

std::int32_t physical(Type type) {
  switch (type) {
    case Type::kBoolean:
      return 0;
    case Type::kInt64:
    case Type::kTimestamp:
      return 2;
    case Type::kFloat:
      return 4;
    case Type::kDouble:
      return 5;
    case Type::kText:
      break;
  }
  return 6;
}

template <typename T>
void append_bytes(std::string& out, T value) {
  std::array<char, sizeof(T)> bytes;
  std::memcpy(bytes.data(), &value, sizeof(T));
  out.append(bytes.data(), bytes.size());
}

// Bits from the lowest on, eight to a byte.
std::string packed_bits(const std::vector<bool>& bits) {
  std::string out((bits.size() + 7) / 8, '\0');
  for (std::size_t i = 0; i < bits.size(); ++i) {
    if (!bits[i]) continue;
    out[i / 8] = static_cast<char>(static_cast<unsigned char>(out[i / 8]) | 1U << i % 8);
  }
  return out;
}

void append_varint(std::string& out, std::uint64_t value) {
  constexpr std::uint64_t kMore = 128;
  for (; value >= kMore; value /= kMore) out += static_cast<char>(value % kMore + kMore);
  out += static_cast<char>(value);
}

// Definition levels of 0 and 1 in the hybrid of runs and bits: one run of bits, or one of ones.
std::string levels_of(const std::vector<bool>& present) {
  std::string runs;
  bool is_whole = true;
  for (const bool each : present) is_whole = is_whole && each;
  if (is_whole) {
    append_varint(runs, present.size() << 1U);
    runs += '\1';
  } else {
    append_varint(runs, (present.size() + 7) / 8 << 1U | 1U);
    runs += packed_bits(present);
  }
  std::string out;
  append_bytes(out, static_cast<std::uint32_t>(runs.size()));
  return out + runs;
}

}  // namespace

void Values::put(bool value) {
  present_.push_back(true);
  bits_.push_back(value);
}

void Values::put(std::int64_t value) {
  present_.push_back(true);
  append_bytes(plain_, value);
}

void Values::put(float value) {
  present_.push_back(true);
  append_bytes(plain_, value);
}

void Values::put(double value) {
  present_.push_back(true);
  append_bytes(plain_, value);
}

void Values::put(std::string_view value) {
  present_.push_back(true);
  append_bytes(plain_, static_cast<std::uint32_t>(value.size()));
  plain_ += value;
}

void Values::clear() {
  present_.clear();
  bits_.clear();
  plain_.clear();
}

Writer::Writer(std::vector<Column> columns, Gzip gzip) : columns_(std::move(columns)), gzip_(gzip) {
  written_ = static_cast<std::int64_t>(kMagic.size());
}

std::string Writer::head() const {
  return std::string(kMagic);
}

std::string Writer::page(const Values& values, Chunk& chunk) const {
  std::string plain = levels_of(values.present_);
  plain += values.type_ == Type::kBoolean ? packed_bits(values.bits_) : values.plain_;
  const std::string packed = gzip_ == nullptr ? plain : gzip_(plain);
  Thrift header;
  header.i32(1, kDataPage);
  header.i32(2, static_cast<std::int32_t>(plain.size()));
  header.i32(3, static_cast<std::int32_t>(packed.size()));
  header.begin_struct(5);
  header.i32(1, static_cast<std::int32_t>(values.size()));
  header.i32(2, kPlain);
  header.i32(3, kRle);
  header.i32(4, kRle);
  header.end_struct();
  header.end_struct();
  const auto head_size = static_cast<std::int64_t>(header.bytes().size());
  chunk.values = std::ssize(values.present_);
  chunk.plain = head_size + std::ssize(plain);
  chunk.packed = head_size + std::ssize(packed);
  return header.bytes() + packed;
}

std::string Writer::row_group(const std::vector<Values>& values) {
  Group group;
  group.rows = values.empty() ? 0 : std::ssize(values[0].present_);
  std::string out;
  for (const Values& each : values) {
    Chunk chunk;
    chunk.offset = written_ + std::ssize(out);
    out += page(each, chunk);
    group.chunks.push_back(chunk);
  }
  written_ += std::ssize(out);
  groups_.push_back(std::move(group));
  return out;
}

std::string Writer::tail() const {
  Thrift footer;
  footer.i32(1, 1);
  footer.structs(2, columns_.size() + 1);
  footer.begin_element();
  footer.text(4, "schema");
  footer.i32(5, static_cast<std::int32_t>(columns_.size()));
  footer.end_struct();
  for (const Column& column : columns_) {
    footer.begin_element();
    footer.i32(1, physical(column.type));
    footer.i32(3, kOptional);
    footer.text(4, column.name);
    if (column.type == Type::kText) footer.i32(6, kUtf8);
    if (column.type == Type::kTimestamp) footer.i32(6, kTimestampMicros);
    footer.end_struct();
  }
  std::int64_t rows = 0;
  for (const Group& each : groups_) rows += each.rows;
  footer.i64(3, rows);
  footer.structs(4, groups_.size());
  for (const Group& group : groups_) {
    footer.begin_element();
    footer.structs(1, group.chunks.size());
    std::int64_t bytes = 0;
    for (std::size_t i = 0; i < group.chunks.size(); ++i) {
      const Chunk& chunk = group.chunks[i];
      bytes += chunk.plain;
      footer.begin_element();
      footer.i64(2, chunk.offset);
      footer.begin_struct(3);
      footer.i32(1, physical(columns_[i].type));
      footer.numbers(2, {kPlain, kRle});
      footer.texts(3, {columns_[i].name});
      footer.i32(4, gzip_ == nullptr ? 0 : kGzipCodec);
      footer.i64(5, chunk.values);
      footer.i64(6, chunk.plain);
      footer.i64(7, chunk.packed);
      footer.i64(9, chunk.offset);
      footer.end_struct();
      footer.end_struct();
    }
    footer.i64(2, bytes);
    footer.i64(3, group.rows);
    footer.end_struct();
  }
  footer.text(6, "kingpost");
  footer.end_struct();
  std::string out = footer.bytes();
  append_bytes(out, static_cast<std::uint32_t>(out.size()));
  return out + std::string(kMagic);
}

}  // namespace kingpost::parquet
