// SPDX-License-Identifier: Apache-2.0
// Whole bodies compressed and decompressed, as HTTP's content codings have them (RFC 9110, 8.4.1).
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace kingpost::archive {

/// `deflate` is the zlib format (RFC 1950), whatever its name says.
enum class Coding { kIdentity, kGzip, kDeflate };

/// "gzip" (or "x-gzip"), "deflate", "identity" or ""; nothing for any other word.
std::optional<Coding> coding_of(std::string_view word);
std::string_view coding_word(Coding coding);

/// Of what a client says it accepts (RFC 9110, 12.5.3): gzip before deflate, else identity.
Coding accepted_coding(std::string_view accept_encoding);

/// Several gzip members are taken one after the other. Fails with `archive.coding_malformed` where
/// the bytes are no such body, are cut off or have something behind them, and with
/// `archive.body_too_large` (Code::kExhausted) beyond `most` bytes; never more is held.
Result<std::string> decompress(std::string_view bytes, Coding coding, std::size_t most);

/// What the body begins with: `most` bytes, or fewer where it has no more, or has a fault, or is
/// larger packed than plain; no more than twice as many packed bytes are looked at.
std::string decompress_beginning(std::string_view bytes, Coding coding, std::size_t most);

/// The same bytes in give the same bytes out. Quick rather than small.
std::string compress(std::string_view bytes, Coding coding);

}  // namespace kingpost::archive
