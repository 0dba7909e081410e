// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace kingpost {

/// So many bytes of the system's randomness, as hexadecimal digits. Requires: at most 256.
std::string random_hex(std::size_t bytes);

/// Numbers by (seed, stream) alone (splitmix64; Steele, Lea and Flood 2014).
class Random {
 public:
  Random(std::int64_t seed, std::int64_t stream);
  std::uint64_t next();
  /// From 0 to below `bound`, which is below 2^32.
  std::uint32_t below(std::uint32_t bound) {
    return static_cast<std::uint32_t>(((next() >> 32U) * bound) >> 32U);
  }

 private:
  std::uint64_t state_;
};

}  // namespace kingpost
