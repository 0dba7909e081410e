// SPDX-License-Identifier: Apache-2.0
// Names of columns and first bytes of files.
#include "steps/01_ingest/header.h"

#include <algorithm>

#include "base/format.h"
#include "base/text.h"
#include "steps/01_ingest/transcode.h"

namespace kingpost::steps::ingest {
namespace {

// Names that the steps give to columns of their own while they work.
bool is_reserved(const std::string& name) {
  return lower(name) == "file_row_number" || starts_with(lower(name), "_kp_");
}

struct Signature {
  std::string_view bytes;
  std::string_view what;
  std::string_view hint;
};
constexpr Signature kSignatures[] = {
    {"PK\x03\x04", "a zip archive", "unpack it first; gzip and zstd are read as they are"},
    {"PAR1", "a Parquet file", "say so: format: parquet"},
    {"\xFF\xFE", "UTF-16 text", "say so: encoding: utf-16"},
    {"\xFE\xFF", "UTF-16 text", "say so: encoding: utf-16"},
    {"SQLite format 3", "a SQLite database", "export the table to a file first"},
    {"BZh", "a bzip2 file", "unpack it first; gzip and zstd are read as they are"},
    {"\xFD"
     "7zXZ",
     "an xz file", "unpack it first; gzip and zstd are read as they are"},
};

bool contains(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

}  // namespace

std::optional<Objection> objection_to_names(const std::vector<std::string>& names,
                                            const std::string& file) {
  std::vector<std::string> seen;
  for (std::size_t i = 0; i < names.size(); ++i) {
    const std::string& name = names[i];
    if (trim(name).empty()) {
      return Objection{"header_unnamed", format("column {} of \"{}\" has no name", i + 1, file),
                       "every column needs a name; a CSV file names them in its first line"};
    }
    if (is_reserved(name)) {
      return Objection{
          "column_reserved",
          format("column \"{}\" of \"{}\" has a name that kingpost uses itself", shown(name), file),
          "rename it in the file"};
    }
    const auto same = std::find(seen.begin(), seen.end(), lower(name));
    if (same != seen.end()) {
      const std::string& other = names[static_cast<std::size_t>(same - seen.begin())];
      const std::string what =
          other == name ? format("\"{}\" names column \"{}\" twice", file, shown(name))
                        : format("\"{}\" names \"{}\" and \"{}\", which SQL does not tell apart",
                                 file, shown(other), shown(name));
      return Objection{"header_duplicate", what, "rename one of the two in the file"};
    }
    seen.push_back(lower(name));
  }
  return std::nullopt;
}

std::optional<Objection> objection_to_text(std::string_view head, const std::string& file) {
  for (const Signature& each : kSignatures) {
    if (!starts_with(head, each.bytes)) continue;
    return Objection{"source_unreadable", format("\"{}\" is {}", file, each.what),
                     std::string(each.hint)};
  }
  const std::string_view first = head.substr(0, head.find_first_of("\r\n"));
  if (is_utf8(first)) return std::nullopt;
  return Objection{"wrong_encoding", format("the first line of \"{}\" is not valid UTF-8", file),
                   "declare its encoding, e.g. encoding: latin-1"};
}

std::string difference(const std::vector<std::string>& a, const std::vector<std::string>& b) {
  std::vector<std::string> only;
  for (const std::string& name : b) {
    if (!contains(a, name)) only.push_back("+" + shown(name));
  }
  for (const std::string& name : a) {
    if (!contains(b, name)) only.push_back("-" + shown(name));
  }
  return only.empty() ? "the same columns stand in another order: make the files alike"
                      : format("differences: {}", listed(only));
}

}  // namespace kingpost::steps::ingest
