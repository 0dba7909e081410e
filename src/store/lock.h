// SPDX-License-Identifier: Apache-2.0
// One writer per store on one machine: an open-file-description lock, which the kernel releases
// when the process ends, however it ends.
#pragma once

#include <optional>
#include <string>

#include "base/result.h"

namespace kingpost::store {

class Lock {
 public:
  /// Fails at once with `store.locked` naming the holder's process, command and start.
  static Result<Lock> acquire(const std::string& folder, const std::string& command);
  /// The text about the holder while some process holds the lock, else nothing.
  static std::optional<std::string> holder(const std::string& folder);

  Lock(Lock&& other) noexcept;
  Lock& operator=(Lock&& other) noexcept;
  Lock(const Lock&) = delete;
  Lock& operator=(const Lock&) = delete;
  ~Lock();

 private:
  explicit Lock(int file) : file_(file) {}
  int file_ = -1;
};

}  // namespace kingpost::store
