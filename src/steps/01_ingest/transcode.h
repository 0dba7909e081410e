// SPDX-License-Identifier: Apache-2.0
// Bytes of a source as the engine likes them: UTF-8 without BOM, lines that all end alike.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/utf8.h"

namespace kingpost::steps::ingest {

/// A prefix may break off in the middle of a character; a whole text may not.
enum class Whole { kPrefix, kText };

/// From "utf-8", "latin-1", "windows-1252" or "utf-16" (with BOM, else little endian). UTF-8 is
/// passed on as it is, less its BOM. Fails with `ingest.wrong_encoding`.
Result<std::string> to_utf8(std::string_view bytes, std::string_view encoding, Whole whole);

/// CRLF and lone CR become LF, also within quotes.
std::string with_plain_line_ends(std::string_view text);

}  // namespace kingpost::steps::ingest
