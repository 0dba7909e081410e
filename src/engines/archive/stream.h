// SPDX-License-Identifier: Apache-2.0
// The bytes of a file, decompressed on the way when it is gzip, zstd or plain.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace kingpost::archive {

/// Calls `take` for pieces of the decompressed bytes in order until it answers false or the file
/// ends. Fails with `ingest.compressed_damaged` when the compressed stream breaks off, is damaged
/// or is followed by other bytes.
Status read_decompressed(const std::string& path,
                         const std::function<bool(std::string_view)>& take);

/// At most `most` bytes from the start.
Result<std::string> read_prefix(const std::string& path, std::size_t most);

/// True when the file begins as gzip or zstd does.
Result<bool> is_compressed(const std::string& path);

}  // namespace kingpost::archive
