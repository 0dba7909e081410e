// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>

namespace kingpost {

/// So many bytes of the system's randomness, as hexadecimal digits. Requires: at most 256.
std::string random_hex(std::size_t bytes);

}  // namespace kingpost
