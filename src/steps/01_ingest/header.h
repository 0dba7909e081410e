// SPDX-License-Identifier: Apache-2.0
// What the names of columns must be, and what gives away a file that is not the text it should be.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace kingpost::steps::ingest {

/// Why something cannot be taken: the last part of the id, the message and what to do.
struct Objection {
  std::string id;
  std::string what;
  std::string hint;
};

/// The first name that is empty, given twice (SQL does not tell capitals apart) or reserved.
std::optional<Objection> objection_to_names(const std::vector<std::string>& names,
                                            const std::string& file);

/// An archive, Parquet, UTF-16 or other bytes where the text of a file should begin. `head` is its
/// start, converted where an encoding was declared.
std::optional<Objection> objection_to_text(std::string_view head, const std::string& file);

/// How the columns of two files differ, for a hint.
std::string difference(const std::vector<std::string>& a, const std::vector<std::string>& b);

}  // namespace kingpost::steps::ingest
