// SPDX-License-Identifier: Apache-2.0
// The table of codes and the rendering of errors for people.
#include "base/error.h"

#include <algorithm>
#include <tuple>

namespace kingpost {

const std::vector<CodeRow>& code_rows() {
  static const std::vector<CodeRow> rows = {
      {Code::kInvalidInput, "invalid_input", 2, "the pipeline file or the command line is wrong"},
      {Code::kDataRejected, "data_rejected", 3, "the data failed a check that must not fail"},
      {Code::kNotFound, "not_found", 4, "a file, table or object does not exist"},
      {Code::kAlreadyExists, "already_exists", 5, "the thing to be made is there already"},
      {Code::kConflict, "conflict", 6, "another process holds the lock"},
      {Code::kPrecondition, "precondition", 7, "something has to be done first"},
      {Code::kUnavailable, "unavailable", 8, "a driver, service or device cannot be reached now"},
      {Code::kExhausted, "exhausted", 9, "disk or memory is used up"},
      {Code::kCorrupt, "corrupt", 10, "stored bytes do not match their digest"},
      {Code::kNotBuilt, "not_built", 11, "the step is not built yet"},
      {Code::kInternal, "internal", 70, "a fault in kingpost itself; please report it"},
      {Code::kCancelled, "cancelled", 130, "stopped by Ctrl-C or a signal"},
  };
  return rows;
}

namespace {

const CodeRow& row_of(Code code) {
  const auto& rows = code_rows();
  const auto found = std::find_if(rows.begin(), rows.end(),
                                  [code](const CodeRow& row) { return row.code == code; });
  return *found;
}

// Tabs stay tabs so that the caret lines up whatever the tab width is.
std::string caret_line(const Place& place) {
  std::string line;
  const auto before = static_cast<std::size_t>(std::max(place.column - 1, 0));
  for (std::size_t i = 0; i < before; ++i) {
    const char c = i < place.source_line.size() ? place.source_line[i] : ' ';
    const bool continuation = (static_cast<unsigned char>(c) & 0xC0U) == 0x80U;
    if (!continuation) line.push_back(c == '\t' ? '\t' : ' ');
  }
  line.push_back('^');
  for (int i = 1; i < place.width; ++i) line.push_back('~');
  return line;
}

}  // namespace

std::string_view code_word(Code code) {
  return row_of(code).word;
}
int exit_status(Code code) {
  return row_of(code).exit_status;
}

Error::Error(Code code, std::string id, std::string what) : detail_(std::make_unique<Detail>()) {
  detail_->code = code;
  detail_->id = std::move(id);
  detail_->what = std::move(what);
}

Error::Error(const Error& other) : detail_(std::make_unique<Detail>(*other.detail_)) {}

Error& Error::operator=(const Error& other) {
  if (this != &other) detail_ = std::make_unique<Detail>(*other.detail_);
  return *this;
}

Error&& Error::at(Place place) && {
  detail_->place = std::move(place);
  return std::move(*this);
}

Error&& Error::hint(std::string text) && {
  detail_->hint = std::move(text);
  return std::move(*this);
}

Error&& Error::detail(std::string text) && {
  detail_->details.push_back(std::move(text));
  return std::move(*this);
}

Error&& Error::within(std::string activity) && {
  detail_->activities.push_back(std::move(activity));
  return std::move(*this);
}

std::string render(const Error& error) {
  std::string out = format("error[{}]: {}\n", error.id(), error.what());
  const Place& place = error.place();
  if (!place.file.empty()) {
    if (place.line > 0) {
      out += format("  --> {}:{}:{}\n", place.file, place.line, place.column);
      const std::string number = format("{:>5}", place.line);
      out += format("{} | {}\n", number, place.source_line);
      out += format("{} | {}\n", std::string(number.size(), ' '), caret_line(place));
    } else {
      out += format("  --> {}\n", place.file);
    }
  }
  for (const std::string& line : error.details()) out += format("      {}\n", line);
  for (const std::string& line : error.activities()) out += format("  while {}\n", line);
  if (!error.hint().empty()) out += format("  hint: {}\n", error.hint());
  return out;
}

void Faults::sort() {
  const auto order = [](const Error& error) {
    const Place& place = error.place();
    return std::tie(place.file, place.line, place.column);
  };
  std::stable_sort(errors_.begin(), errors_.end(),
                   [&](const Error& a, const Error& b) { return order(a) < order(b); });
  const auto same = [&](const Error& a, const Error& b) {
    return order(a) == order(b) && a.id() == b.id() && a.what() == b.what();
  };
  errors_.erase(std::unique(errors_.begin(), errors_.end(), same), errors_.end());
}

}  // namespace kingpost
