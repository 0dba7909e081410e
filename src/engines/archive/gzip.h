// SPDX-License-Identifier: Apache-2.0
// Compressing what is written piece by piece (RFC 1952).
#pragma once

#include <memory>
#include <string>
#include <string_view>

namespace kingpost::archive {

/// The same bytes in give the same bytes out: no name and no time stands in the header.
class Gzip {
 public:
  Gzip();
  ~Gzip();
  Gzip(const Gzip&) = delete;
  Gzip& operator=(const Gzip&) = delete;

  /// Appends what is ready of the compressed bytes.
  void add(std::string_view bytes, std::string& out);
  /// Appends the rest; nothing may be added afterwards.
  void finish(std::string& out);

 private:
  struct State;
  void deflate_all(std::string_view bytes, int flush, std::string& out);
  std::unique_ptr<State> state_;
};

}  // namespace kingpost::archive
