// SPDX-License-Identifier: Apache-2.0
// A text file or standard input in pieces that end where records end.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "steps/csv_records.h"

namespace kingpost::steps::infer {

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

/// A text that is looked at before it is read, decompressed and without its byte order mark. What
/// was looked at of standard input, "-", is kept, since that can be read only once.
class TextInput {
 public:
  explicit TextInput(std::string path) : path_(std::move(path)) {}

  /// For messages: the path in quotes, or "standard input".
  std::string name() const;

  struct Head {
    std::string text;
    /// There is nothing behind it.
    bool whole = true;
  };
  /// At least a MiB where there is so much.
  Result<Head> head();
  /// All of it, in blocks of whole records. Errors: the file's, the cutter's, those of `take`.
  Status each(const RecordForm& form, const std::function<Status(std::string)>& take);

 private:
  std::string path_;
  std::string seen_;
};

}  // namespace kingpost::steps::infer
