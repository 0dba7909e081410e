// SPDX-License-Identifier: Apache-2.0
// The fields of CSV records.
#include "steps/csv_records.h"

#include <algorithm>

#include "base/text.h"

namespace kingpost::steps {

CsvRecords::CsvRecords(std::string_view text, const RecordForm& form) : text_(text), form_(form) {
  for (const char c : {form.delimiter, '\n', '\r'}) stops_[static_cast<unsigned char>(c)] = true;
}

bool CsvRecords::next() {
  unquoted_.clear();
  fields.clear();
  problem.clear();
  if (at_ == text_.size()) return false;
  first_ = at_;
  line += lines_;
  lines_ = 0;
  while (field()) {
  }
  return true;
}

std::string_view CsvRecords::record() const {
  std::size_t end = at_;
  while (end > first_ && (text_[end - 1] == '\n' || text_[end - 1] == '\r')) --end;
  return text_.substr(first_, end - first_);
}

// False behind the last field of the record.
bool CsvRecords::field() {
  if (at_ < text_.size() && text_[at_] == form_.quote) {
    quoted();
  } else {
    const std::size_t from = at_;
    skip();
    fields.push_back(text_.substr(from, at_ - from));
  }
  if (at_ == text_.size()) return false;
  const char c = text_[at_++];
  if (c == form_.delimiter) return true;
  ++lines_;
  if (c == '\r' && at_ < text_.size() && text_[at_] == '\n') ++at_;
  return false;
}

void CsvRecords::skip() {
  while (at_ < text_.size() && !stops_[static_cast<unsigned char>(text_[at_])]) ++at_;
}

void CsvRecords::quoted() {
  const std::size_t from = ++at_;
  bool doubled = false;
  while (true) {
    at_ = std::min(text_.find(form_.quote, at_), text_.size());
    if (at_ + 1 >= text_.size() || text_[at_ + 1] != form_.quote) break;
    doubled = true;
    at_ += 2;
  }
  std::string_view inner = text_.substr(from, at_ - from);
  lines_ += count_lines(inner, form_.end);
  if (doubled) {
    const std::string one(1, form_.quote);
    inner = unquoted_.emplace_back(replace_all(std::string(inner), one + one, one));
  }
  fields.push_back(inner);
  if (at_ < text_.size()) ++at_;
  const std::size_t behind = at_;
  skip();
  if (at_ > behind) problem = "has text behind a closing quote";
}

std::int64_t count_lines(std::string_view text, char end) {
  return std::count(text.begin(), text.end(), end);
}

}  // namespace kingpost::steps
