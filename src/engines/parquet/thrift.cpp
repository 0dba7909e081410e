// SPDX-License-Identifier: Apache-2.0
#include "engines/parquet/thrift.h"

namespace kingpost::parquet {

void Thrift::varint(std::uint64_t value) {
  constexpr std::uint64_t kMore = 128;
  for (; value >= kMore; value /= kMore) out_ += static_cast<char>(value % kMore + kMore);
  out_ += static_cast<char>(value);
}

void Thrift::zigzag(std::int64_t value) {
  const auto bits = static_cast<std::uint64_t>(value);
  varint(bits << 1U ^ (value < 0 ? ~std::uint64_t{0} : 0));
}

void Thrift::head(int field, int type) {
  const int step = field - last_.back();
  last_.back() = field;
  constexpr int kShort = 15;
  if (step > 0 && step <= kShort) {
    out_ += static_cast<char>(step * 16 + type);
    return;
  }
  out_ += static_cast<char>(type);
  zigzag(field);
}

void Thrift::text(int field, std::string_view value) {
  head(field, kText);
  varint(value.size());
  out_ += value;
}

void Thrift::begin_struct(int field) {
  head(field, kStruct);
  last_.push_back(0);
}

void Thrift::end_struct() {
  out_ += '\0';
  last_.pop_back();
}

void Thrift::list(int field, int type, std::size_t count) {
  head(field, kList);
  constexpr std::size_t kShort = 15;
  if (count < kShort) {
    out_ += static_cast<char>(count * 16 + static_cast<std::size_t>(type));
    return;
  }
  out_ += static_cast<char>(0xF0 + type);
  varint(count);
}

void Thrift::numbers(int field, const std::vector<std::int32_t>& values) {
  list(field, kI32, values.size());
  for (const std::int32_t each : values) zigzag(each);
}

void Thrift::texts(int field, const std::vector<std::string>& values) {
  list(field, kText, values.size());
  for (const std::string& each : values) {
    varint(each.size());
    out_ += each;
  }
}

}  // namespace kingpost::parquet
