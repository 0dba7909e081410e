// SPDX-License-Identifier: Apache-2.0
// Files of keys that are trusted.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"

namespace kingpost {

/// Public keys as PEM, in the order of their files. Fails with `key.not_public`, or as files do.
Result<std::vector<std::string>> read_public_keys(const std::vector<std::string>& paths);

}  // namespace kingpost
