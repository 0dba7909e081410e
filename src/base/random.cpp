// SPDX-License-Identifier: Apache-2.0
#include "base/random.h"

#include <sys/random.h>

#include <new>

#include "base/format.h"

namespace kingpost {

std::string random_hex(std::size_t bytes) {
  std::string raw(bytes, '\0');
  // Up to 256 bytes come whole or not at all, and always once the system has started.
  if (::getrandom(raw.data(), raw.size(), 0) != std::ssize(raw)) throw std::bad_alloc();
  std::string out;
  for (const char each : raw) out += format("{:02x}", static_cast<unsigned char>(each));
  return out;
}

}  // namespace kingpost
