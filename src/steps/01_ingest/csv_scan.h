// SPDX-License-Identifier: Apache-2.0
// A look at the raw bytes of a CSV file that is independent of the engine: how many records it
// holds, on which line each stands, and how its lines end. "Rows in" is counted here.
#pragma once

#include <array>
#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace kingpost::steps::ingest {

struct CsvForm {
  char delimiter = ',';
  char quote = '"';
  /// A blank line is a row with a null when there is one column, and nothing otherwise.
  bool single_column = false;
};

class CsvScan {
 public:
  explicit CsvScan(CsvForm form);

  /// Asks for the line of data records by their ordinal (0-based, ascending), not counting the
  /// records named in `skipped`. Those are numbered as the engine numbers what it could not read:
  /// from 1, the header and blank lines counted, a quoted line end not.
  void want_lines(std::vector<std::int64_t> ordinals, std::set<std::int64_t> skipped);

  void add(std::string_view bytes);
  void finish();

  /// Data records, without the header.
  std::int64_t records() const { return started_ > 0 ? started_ - 1 : 0; }
  std::int64_t lines() const { return line_; }
  bool mixed_line_ends() const { return (lf_ ? 1 : 0) + (crlf_ ? 1 : 0) + (cr_ ? 1 : 0) > 1; }
  bool lone_cr() const { return cr_; }
  /// A quoted field that never closes.
  bool open_quote() const { return state_ == State::kQuoted; }
  /// Whether a data field of the column (0-based) holds a point, white space or one of e, x and b:
  /// what an integer needs to be written as in 1.5, 1e3 or 0x1F.
  bool has_marked(std::size_t column) const { return column < marked_.size() && marked_[column]; }
  /// One line per wanted ordinal; -1 for one that does not exist.
  const std::vector<std::int64_t>& wanted_lines() const { return found_; }
  /// The lines of the skipped records, in their order.
  const std::vector<std::int64_t>& skipped_lines() const { return skipped_lines_; }

 private:
  enum class State { kRecordStart, kFieldStart, kPlain, kQuoted, kQuoteInQuoted };
  enum Trait : unsigned char { kEndsField = 1, kQuotes = 2, kMarks = 4 };
  unsigned char traits(char c) const { return traits_[static_cast<unsigned char>(c)]; }
  /// The first byte from `from` on that is neither in a plain field nor ends it before another.
  std::size_t pass_plain(std::string_view bytes, std::size_t from);
  void take(char c);
  void take_quoted(char c);
  void end_field();
  void begin_record();
  void end_line();

  CsvForm form_;
  std::array<unsigned char, 256> traits_{};
  /// Of all characters of the field so far.
  unsigned char seen_ = 0;
  std::size_t column_ = 0;
  std::vector<bool> marked_;
  State state_ = State::kRecordStart;
  bool after_cr_ = false;
  bool lf_ = false;
  bool crlf_ = false;
  bool cr_ = false;
  std::int64_t started_ = 0;
  std::int64_t line_ = 1;
  std::int64_t ordinal_ = -1;
  std::vector<std::int64_t> wanted_;
  std::vector<std::int64_t> found_;
  std::set<std::int64_t> skipped_;
  std::vector<std::int64_t> skipped_lines_;
  std::int64_t number_ = 1;
};

/// The fields of the first record of `text`, quotes removed. A BOM must be gone already.
std::vector<std::string> csv_header(std::string_view text, CsvForm form);

}  // namespace kingpost::steps::ingest
