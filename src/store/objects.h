// SPDX-License-Identifier: Apache-2.0
// Immutable bytes by their sha256, in `objects/ab/cdef...`. An object is there whole or not at all.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
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
  /// `folder` is the store's own (".kingpost"); makes it and its sub-folders. A folder of objects
  /// outside it may serve several stores: each leaves its name there, for `other_stores`.
  static Result<Objects> open(const std::string& folder, const std::string& objects_folder);

  /// A fresh path for a file that will be sealed or removed; on the file system of the objects.
  std::string temp_path(std::string_view suffix);
  /// Moves a finished temporary file in: fsync, rename, fsync of the folder. It takes the place of
  /// an object with this digest, whose bytes may have been damaged. The temporary file is gone
  /// afterwards in any case. After a failed fsync every later seal is refused.
  /// `digest`: that of its bytes, where who wrote them knows it; else they are read once more. Any
  /// number of threads may seal at once.
  Result<Sealed> seal(const std::string& temporary, const std::string& digest = {});
  Result<Sealed> seal_text(std::string_view bytes);

  std::string path_of(const std::string& digest) const;
  /// Size in bytes, or -1 when the object is missing.
  std::int64_t size_of(const std::string& digest) const;
  /// The bytes of a small object, checked against the digest. Fails with `store.object_missing` or
  /// `store.object_damaged`.
  Result<std::string> read(const std::string& digest) const;
  /// Hashes the object. Fails as `read` does.
  Status verify(const std::string& digest) const;
  /// Moves a damaged object to `damaged_folder`, so that the next run makes it anew.
  Status set_aside(const std::string& digest) const;
  Status remove(const std::string& digest) const;
  /// Removes the temporary files of this process and of those that have ended.
  void clear_temporary() const;
  /// All digests present, in byte order.
  std::vector<std::string> list() const;

  const std::string& folder() const { return folder_; }
  const std::string& temp_folder() const { return temp_; }
  std::string damaged_folder() const { return objects_ + "/damaged"; }
  /// Where temporary files of a folder of objects live: inside it, because what lies beside it may
  /// belong to someone else.
  static std::string temp_folder_of(const std::string& objects_folder);
  /// Folders of the other stores that keep objects in the same folder.
  std::vector<std::string> other_stores() const;

 private:
  Result<Sealed> move_in(const std::string& temporary, const std::string& known);
  Status leave_name() const;

  std::string folder_;
  std::string objects_;
  std::string temp_;
  // What several threads that seal at once share.
  struct Shared {
    std::atomic<std::int64_t> counter = 0;
    std::atomic<bool> broken = false;
  };
  std::unique_ptr<Shared> shared_ = std::make_unique<Shared>();
};

}  // namespace kingpost::store
