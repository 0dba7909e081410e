// SPDX-License-Identifier: Apache-2.0
#include "base/random.h"

#include <sys/random.h>

#include <new>

#include "base/format.h"

namespace kingpost {
namespace {

constexpr std::uint64_t kStep = 0x9e3779b97f4a7c15;

std::uint64_t mixed(std::uint64_t z) {
  z = (z ^ (z >> 30U)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27U)) * 0x94d049bb133111eb;
  return z ^ (z >> 31U);
}

}  // namespace

std::string random_hex(std::size_t bytes) {
  std::string raw(bytes, '\0');
  // Up to 256 bytes come whole or not at all, and always once the system has started.
  if (::getrandom(raw.data(), raw.size(), 0) != std::ssize(raw)) throw std::bad_alloc();
  std::string out;
  for (const char each : raw) out += format("{:02x}", static_cast<unsigned char>(each));
  return out;
}

Random::Random(std::int64_t seed, std::int64_t stream)
    : state_(mixed(static_cast<std::uint64_t>(seed) + kStep) ^
             mixed(static_cast<std::uint64_t>(stream) * kStep + 1)) {}

std::uint64_t Random::next() {
  state_ += kStep;
  return mixed(state_);
}

}  // namespace kingpost
