// SPDX-License-Identifier: Apache-2.0
// The scanner knows RFC 4180's quoting and nothing of values.
#include "steps/01_ingest/csv_scan.h"

#include <algorithm>

namespace kingpost::steps::ingest {

CsvScan::CsvScan(CsvForm form) : form_(form) {
  const auto give = [this](std::string_view characters, Trait trait) {
    for (const char c : characters) traits_[static_cast<unsigned char>(c)] |= trait;
  };
  give(".eExXbB \t\v\f", kMarks);
  give("\n\r", kEndsField);
  give(std::string_view(&form_.delimiter, 1), kEndsField);
  give(std::string_view(&form_.quote, 1), kQuotes);
}

void CsvScan::want_lines(std::vector<std::int64_t> ordinals, std::set<std::int64_t> skipped) {
  wanted_ = std::move(ordinals);
  skipped_ = std::move(skipped);
}

void CsvScan::begin_record() {
  ++started_;
  if (skipped_.contains(number_)) {
    skipped_lines_.push_back(line_);
    return;
  }
  if (started_ == 1) return;
  ++ordinal_;
  if (found_.size() < wanted_.size() && wanted_[found_.size()] == ordinal_) found_.push_back(line_);
}

void CsvScan::end_field() {
  if ((seen_ & kMarks) != 0 && started_ > 1) {
    if (marked_.size() <= column_) marked_.resize(column_ + 1);
    marked_[column_] = true;
  }
  seen_ = 0;
  ++column_;
}

void CsvScan::end_line() {
  if (state_ == State::kRecordStart && form_.single_column) begin_record();
  end_field();
  column_ = 0;
  state_ = State::kRecordStart;
  ++line_;
  ++number_;
}

void CsvScan::take_quoted(char c) {
  seen_ |= c == '\n' || c == '\r' ? static_cast<unsigned char>(kMarks) : traits(c);
  if (c == '\n') ++line_;
  if (c == form_.quote) state_ = State::kQuoteInQuoted;
}

void CsvScan::take(char c) {
  if (after_cr_) {
    after_cr_ = false;
    if (c == '\n') {
      crlf_ = true;
      return;
    }
    cr_ = true;
  }
  if (state_ == State::kQuoted) return take_quoted(c);
  if (state_ == State::kQuoteInQuoted && c == form_.quote) {
    state_ = State::kQuoted;
    return;
  }
  if (c == '\n') {
    lf_ = true;
    return end_line();
  }
  if (c == '\r') {
    after_cr_ = true;
    return end_line();
  }
  if (state_ == State::kRecordStart) begin_record();
  if (c == form_.delimiter) {
    end_field();
    state_ = State::kFieldStart;
    return;
  }
  seen_ |= traits(c);
  if (c == form_.quote && (state_ == State::kRecordStart || state_ == State::kFieldStart)) {
    state_ = State::kQuoted;
  } else {
    state_ = State::kPlain;
  }
}

void CsvScan::add(std::string_view bytes) {
  for (std::size_t i = 0; i < bytes.size();) {
    if (state_ == State::kPlain || state_ == State::kFieldStart) i = pass_plain(bytes, i);
    if (i < bytes.size()) take(bytes[i++]);
  }
}

// Most bytes are in plain fields, or a delimiter between two of them.
std::size_t CsvScan::pass_plain(std::string_view bytes, std::size_t from) {
  constexpr unsigned char kInField = kEndsField;
  constexpr unsigned char kAtStart = kEndsField | kQuotes;
  unsigned char seen = seen_;
  unsigned char stops = state_ == State::kFieldStart ? kAtStart : kInField;
  for (; from < bytes.size(); ++from) {
    const unsigned char each = traits(bytes[from]);
    if ((each & stops) == 0) {
      seen |= each;
      stops = kInField;
      continue;
    }
    if (bytes[from] != form_.delimiter) break;
    seen_ = seen;
    end_field();
    seen = 0;
    stops = kAtStart;
  }
  seen_ = seen;
  state_ = stops == kAtStart ? State::kFieldStart : State::kPlain;
  return from;
}

void CsvScan::finish() {
  if (after_cr_) cr_ = true;
  after_cr_ = false;
  end_field();
  while (found_.size() < wanted_.size()) found_.push_back(-1);
}

std::vector<std::string> csv_header(std::string_view text, CsvForm form) {
  std::vector<std::string> fields(1);
  bool quoted = false;
  bool field_start = true;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quoted) {
      if (c != form.quote) {
        fields.back().push_back(c);
      } else if (i + 1 < text.size() && text[i + 1] == form.quote) {
        fields.back().push_back(c);
        ++i;
      } else {
        quoted = false;
      }
    } else if (c == '\n' || c == '\r') {
      break;
    } else if (c == form.delimiter) {
      fields.emplace_back();
      field_start = true;
      continue;
    } else if (c == form.quote && field_start) {
      quoted = true;
    } else {
      fields.back().push_back(c);
    }
    field_start = false;
  }
  return fields;
}

}  // namespace kingpost::steps::ingest
