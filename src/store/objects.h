// SPDX-License-Identifier: Apache-2.0
// Immutable bytes by their sha256, in `objects/ab/cdef...`. An object is there whole or not at all.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace kingpost::store {

struct Sealed {
  std::string digest;
  std::int64_t bytes = 0;
};

class Objects {
 public:
  /// `folder` is the store's own (".kingpost"); makes it and its sub-folders.
  static Result<Objects> open(const std::string& folder, const std::string& objects_folder);

  /// A fresh path for a file that will be sealed or removed; on the file system of the objects.
  std::string temp_path(std::string_view suffix);
  /// Moves a finished temporary file in: fsync, rename, fsync of the folder. Sealing equal bytes
  /// twice keeps the first. After a failed fsync every later seal is refused.
  Result<Sealed> seal(const std::string& temporary);
  Result<Sealed> seal_text(std::string_view bytes);

  std::string path_of(const std::string& digest) const;
  /// Size in bytes, or -1 when the object is missing.
  std::int64_t size_of(const std::string& digest) const;
  /// The bytes of a small object, checked against the digest. Fails with `store.object_missing` or
  /// `store.object_damaged`.
  Result<std::string> read(const std::string& digest) const;
  /// Hashes the object. Fails as `read` does.
  Status verify(const std::string& digest) const;
  /// Moves a damaged object to `damaged/`, so that the next run makes it anew.
  Status set_aside(const std::string& digest) const;
  Status remove(const std::string& digest) const;
  /// Removes temporary files of ended processes. Requires: the lock is held.
  void clear_temporary();
  /// All digests present, in byte order.
  std::vector<std::string> list() const;

  const std::string& folder() const { return folder_; }
  const std::string& temp_folder() const { return temp_; }

 private:
  std::string folder_;
  std::string objects_;
  std::string temp_;
  std::int64_t counter_ = 0;
  bool broken_ = false;
};

}  // namespace kingpost::store
