// SPDX-License-Identifier: Apache-2.0
// Small text helpers used by every layer.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace kingpost {

std::vector<std::string> split(std::string_view text, char separator);
std::string join(const std::vector<std::string>& parts, std::string_view separator);
std::string_view trim(std::string_view text);
std::string lower(std::string_view text);
bool starts_with(std::string_view text, std::string_view prefix);
/// Replaces every occurrence of `from` (not empty).
std::string replace_all(std::string text, std::string_view from, std::string_view to);

/// The candidate with the smallest edit distance to `word`, when it is near enough to be a
/// misspelling (a third of the length, at least 1, at most 3), or nothing.
std::optional<std::string> nearest(std::string_view word,
                                   const std::vector<std::string>& candidates);
/// `did you mean "x"?` when there is a near candidate, else `fallback`.
std::string did_you_mean(std::string_view word, const std::vector<std::string>& candidates,
                         std::string fallback = {});

/// 1234567 -> "1,234,567".
std::string grouped(std::int64_t number);
/// (1, "dropped rows") -> "1 dropped row"; (2000, "tables") -> "2,000 tables". Words take a plain
/// s.
std::string counted(std::int64_t number, std::string_view what);
/// A size that the SQL engine takes as a limit: a whole number and a unit, "4GB", "512 MiB".
bool is_amount(std::string_view text);
/// Bytes for people: "1.2 MiB".
std::string human_bytes(std::int64_t bytes);
/// `"a", "b" and 3 more` out of a list.
std::string listed(const std::vector<std::string>& words, std::size_t most = 8);
/// Printable form of a foreign value: control characters escaped, cut at `most` bytes at a
/// character boundary, so that no value can forge a line of a report.
std::string shown(std::string_view value, std::size_t most = 60);

/// Exact parsers: the whole text must be consumed.
std::optional<std::int64_t> parse_integer(std::string_view text);
std::optional<double> parse_number(std::string_view text);

}  // namespace kingpost
