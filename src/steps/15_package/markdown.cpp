// SPDX-License-Identifier: Apache-2.0
// CommonMark: a backslash takes the meaning from any ASCII punctuation.
#include "steps/15_package/markdown.h"

#include "base/text.h"

namespace kingpost::steps::package {

std::string plain(std::string_view text) {
  std::string out;
  for (const char c : shown(text, 200)) {
    if (std::string_view("\\`*_{}[]<>|#~&!").find(c) != std::string_view::npos) out += '\\';
    out += c;
  }
  return out;
}

std::string code(std::string_view text) {
  const std::string words = shown(text, 200);
  // Neither a backtick nor a table's bar can stand in code.
  if (words.find_first_of("`|") != std::string::npos || words.empty()) return plain(words);
  return format("`{}`", words);
}

std::string number_words(const Json& value) {
  if (!value.is_number()) return "-";
  if (value.is_integer()) return grouped(value.integer());
  return format("{:.6g}", value.number());
}

std::string interval_words(const Json& value) {
  std::string middle = number_words(value["value"]);
  if (!value["low"].is_number() || !value["high"].is_number()) return middle;
  return format("{} ({} to {})", middle, number_words(value["low"]), number_words(value["high"]));
}

std::string MarkdownTable::text() const {
  if (rows_.empty()) return {};
  std::string out = format("| {} |\n|", join(heads_, " | "));
  for (std::size_t i = 0; i < heads_.size(); ++i) out += " --- |";
  out += "\n";
  for (const auto& row : rows_) out += format("| {} |\n", join(row, " | "));
  return out + "\n";
}

}  // namespace kingpost::steps::package
