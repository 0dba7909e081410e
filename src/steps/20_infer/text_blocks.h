// SPDX-License-Identifier: Apache-2.0
// A text file or standard input in pieces that end where records end.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace kingpost::steps::infer {

/// The bytes of a file (decompressed), or of standard input for "-", until `take` answers false.
Status read_pieces(const std::string& path, const std::function<bool(std::string_view)>& take);

struct RecordForm {
  char end = '\n';
  char delimiter = ',';
  /// 0: records have no quotes.
  char quote = '"';
};

/// Cuts bytes behind the ends of records. A quote opens at the beginning of a field only, closes at
/// the next one, and stands twice within for itself (RFC 4180).
class BlockCutter {
 public:
  explicit BlockCutter(RecordForm form) : form_(form) {}

  void add(std::string_view bytes) { pending_ += bytes; }
  /// The whole records there are, when they are enough for a block; with `all`, whatever is left.
  /// Empty when there are not. Fails with `infer.record_too_long` where one record is longer than
  /// 2 MB, as behind a quote that never closes.
  Result<std::string> cut(bool all);

 private:
  void scan(bool all);

  RecordForm form_;
  std::string pending_;
  /// So far it is known what the bytes are.
  std::size_t scanned_ = 0;
  /// Behind the last end of a record.
  std::size_t whole_ = 0;
  bool in_quotes_ = false;
};

/// Lines of a text that ends with the given character.
std::int64_t count_lines(std::string_view text, char end);

}  // namespace kingpost::steps::infer
