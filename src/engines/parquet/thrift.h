// SPDX-License-Identifier: Apache-2.0
// The compact protocol of Thrift, as far as the footer of a Parquet file needs it.
// https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace kingpost::parquet {

class Thrift {
 public:
  void i32(int field, std::int32_t value) { whole(field, kI32, value); }
  void i64(int field, std::int64_t value) { whole(field, kI64, value); }
  void text(int field, std::string_view value);
  /// A boolean is in the head of its field.
  void truth(int field, bool value) { head(field, value ? kTrue : kFalse); }
  void begin_struct(int field);
  /// Behind the last field of a struct, the outermost too.
  void end_struct();
  /// `count` structs follow, each begun by `begin_element` and ended by `end_struct`.
  void structs(int field, std::size_t count) { list(field, kStruct, count); }
  void begin_element() { last_.push_back(0); }
  void numbers(int field, const std::vector<std::int32_t>& values);
  void texts(int field, const std::vector<std::string>& values);

  const std::string& bytes() const { return out_; }

 private:
  static constexpr int kTrue = 1;
  static constexpr int kFalse = 2;
  static constexpr int kI32 = 5;
  static constexpr int kI64 = 6;
  static constexpr int kText = 8;
  static constexpr int kList = 9;
  static constexpr int kStruct = 12;

  void head(int field, int type);
  void list(int field, int type, std::size_t count);
  void varint(std::uint64_t value);
  void zigzag(std::int64_t value);
  void whole(int field, int type, std::int64_t value) {
    head(field, type);
    zigzag(value);
  }

  std::string out_;
  /// The last field of each struct that is open.
  std::vector<int> last_ = {0};
};

}  // namespace kingpost::parquet
