// SPDX-License-Identifier: Apache-2.0
// Parquet files (https://parquet.apache.org/docs/file-format) as a log writes them: flat columns
// that may be null, one page for each column of a row group, PLAIN, compressed by gzip or not. A
// writer of our own, since every library that has one is larger than the server that it would stand
// in.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace kingpost::parquet {

enum class Type { kBoolean, kInt64, kFloat, kDouble, kText, kTimestamp };

struct Column {
  std::string name;
  Type type = Type::kText;
};

/// The values of one column of a row group, put one after the other.
class Values {
 public:
  explicit Values(Type type) : type_(type) {}

  void null() { present_.push_back(false); }
  /// Requires: the column's own type. A timestamp is microseconds of UTC since 1970.
  void put(bool value);
  void put(std::int64_t value);
  void put(float value);
  void put(double value);
  /// Requires: UTF-8.
  void put(std::string_view value);

  std::size_t size() const { return present_.size(); }
  std::size_t bytes() const { return plain_.size() + present_.size(); }
  void clear();

 private:
  friend class Writer;
  Type type_;
  std::vector<bool> present_;
  std::vector<bool> bits_;
  std::string plain_;
};

/// Makes the bytes of a file; where they go is the caller's matter.
class Writer {
 public:
  /// Of RFC 1952; null: pages are not compressed.
  using Gzip = std::string (*)(std::string_view bytes);

  explicit Writer(std::vector<Column> columns, Gzip gzip = nullptr);

  /// The first bytes of the file.
  std::string head() const;
  /// The bytes of a row group. Requires: as many values in each column, in the order of columns.
  std::string row_group(const std::vector<Values>& values);
  /// The last bytes; nothing may follow.
  std::string tail() const;

 private:
  struct Chunk {
    std::int64_t offset = 0;
    std::int64_t values = 0;
    std::int64_t plain = 0;
    std::int64_t packed = 0;
  };
  struct Group {
    std::vector<Chunk> chunks;
    std::int64_t rows = 0;
  };
  std::string page(const Values& values, Chunk& chunk) const;

  std::vector<Column> columns_;
  Gzip gzip_;
  std::vector<Group> groups_;
  std::int64_t written_ = 0;
};

}  // namespace kingpost::parquet
