// SPDX-License-Identifier: Apache-2.0
// Tar archives (POSIX.1-2001) in which nothing depends on when, where and by whom they are written:
// owner 0, time 0, and the bytes in the order in which they are given.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace kingpost::oci {

class Tar {
 public:
  using Sink = std::function<Status(std::string_view)>;
  explicit Tar(Sink sink) : sink_(std::move(sink)) {}

  /// Names are relative, without "..", and end without a slash. Fails with
  /// `containerize.name_unfit` or as the sink does.
  Status folder(const std::string& name, int mode);
  Status bytes(const std::string& name, int mode, std::string_view content);
  /// Fails with `containerize.file_changed` when the file gets longer or shorter meanwhile.
  Status file(const std::string& name, int mode, const std::string& path);
  /// The end of the archive; nothing may follow.
  Status finish();

 private:
  Status head(const std::string& name, char type, int mode, std::uint64_t size);
  Status pad(std::uint64_t size);

  Sink sink_;
};

}  // namespace kingpost::oci
