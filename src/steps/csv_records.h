// SPDX-License-Identifier: Apache-2.0
// The fields of CSV records, one record after the other.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

namespace kingpost::steps {

struct RecordForm {
  char end = '\n';
  char delimiter = ',';
  /// 0: records have no quotes.
  char quote = '"';
};

/// Plain fields are looked at where they lie. A lone CR ends a record as LF does.
class CsvRecords {
 public:
  /// `text` must outlive it.
  CsvRecords(std::string_view text, const RecordForm& form);

  /// False behind the last record.
  bool next();

  /// The text of the record, without its end.
  std::string_view record() const;
  /// Behind the record.
  std::size_t end() const { return at_; }

  std::vector<std::string_view> fields;
  /// Why the record cannot be taken, or "".
  std::string problem;
  /// Of the record's beginning, from 0.
  std::int64_t line = 0;

 private:
  bool field();
  void skip();
  void quoted();

  std::string_view text_;
  RecordForm form_;
  std::array<bool, 256> stops_{};
  std::deque<std::string> unquoted_;
  std::size_t at_ = 0;
  std::size_t first_ = 0;
  std::int64_t lines_ = 0;
};

/// Lines of a text that ends with the given character.
std::int64_t count_lines(std::string_view text, char end);

}  // namespace kingpost::steps
