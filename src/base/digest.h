// SPDX-License-Identifier: Apache-2.0
// SHA-256 (FIPS 180-4), the only digest of the store. Printed as 64 lower-case hex digits.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"

namespace kingpost {

class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(const Sha256&) = delete;
  Sha256& operator=(const Sha256&) = delete;

  void add(const void* bytes, std::size_t size);
  /// The digest of all that was added; call once.
  std::string finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

std::string sha256_of(std::string_view text);
/// Reads the whole file. Fails with `file.unreadable`.
Result<std::string> sha256_of_file(const std::string& path);
/// True for 64 lower-case hex digits.
bool is_digest(std::string_view text);

}  // namespace kingpost
