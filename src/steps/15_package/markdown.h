// SPDX-License-Identifier: Apache-2.0
// Markdown whose foreign texts (names, categories, messages) stay texts.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"

namespace kingpost::steps::package {

/// A foreign text in running words or a table's cell.
std::string plain(std::string_view text);
/// The same as code: `carrier`.
std::string code(std::string_view text);
/// A number for people, six digits; `-` for null.
std::string number_words(const Json& value);
/// `0.682 (0.674 to 0.691)` of {"value", "low", "high"}.
std::string interval_words(const Json& value);

/// A table; no rows give no text. Cells are Markdown already.
class MarkdownTable {
 public:
  explicit MarkdownTable(std::vector<std::string> heads) : heads_(std::move(heads)) {}
  void row(std::vector<std::string> cells) { rows_.push_back(std::move(cells)); }
  std::string text() const;

 private:
  std::vector<std::string> heads_;
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace kingpost::steps::package
