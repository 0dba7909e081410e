// SPDX-License-Identifier: Apache-2.0
// The scanner knows RFC 4180's quoting and nothing of values.
#include "steps/01_ingest/csv_scan.h"

#include <algorithm>

namespace kingpost::steps::ingest {

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

void CsvScan::end_line() {
  if (state_ == State::kRecordStart && form_.single_column) begin_record();
  state_ = State::kRecordStart;
  ++line_;
  ++number_;
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
  if (state_ == State::kQuoted) {
    if (c == '\n') ++line_;
    if (c == form_.quote) state_ = State::kQuoteInQuoted;
    return;
  }
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
    state_ = State::kFieldStart;
  } else if (c == form_.quote && (state_ == State::kRecordStart || state_ == State::kFieldStart)) {
    state_ = State::kQuoted;
  } else {
    state_ = State::kPlain;
  }
}

void CsvScan::add(std::string_view bytes) {
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const char c = bytes[i];
    // Most bytes are inside a plain field and change nothing.
    if (state_ == State::kPlain && c != '\n' && c != '\r' && c != form_.delimiter) continue;
    take(c);
  }
}

void CsvScan::finish() {
  if (after_cr_) cr_ = true;
  after_cr_ = false;
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
