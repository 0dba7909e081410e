// SPDX-License-Identifier: Apache-2.0
// What one layer of an image holds, and the layer written: equal contents give equal bytes.
#pragma once

#include <map>
#include <string>

#include "base/result.h"
#include "engines/oci/image.h"

namespace kingpost::steps::containerize {

/// Files and folders by their names in the image, without the slash in front. The folders above a
/// file come by themselves.
class Contents {
 public:
  void folder(const std::string& name, int mode = 0755);
  void bytes(const std::string& name, std::string content, int mode = 0644);
  /// The bytes of a file as they are when the layer is written.
  void file(const std::string& name, const std::string& path, int mode = 0644);
  /// A program or library, without what only linkers and debuggers read.
  void program(const std::string& name, const std::string& path);

  struct Entry {
    enum class Kind { kFolder, kBytes, kFile, kProgram } kind = Kind::kFolder;
    int mode = 0755;
    std::string content;
    std::string path;
  };
  const std::map<std::string, Entry>& entries() const { return entries_; }

  /// A digest of names, modes and bytes. Fails as files do.
  Result<std::string> digest() const;

 private:
  void put(const std::string& name, Entry entry);
  std::map<std::string, Entry> entries_;
};

/// Writes the layer among the blobs of the layout in `folder`. Fails as files do, and with
/// `containerize.elf_malformed` or `containerize.name_unfit`.
Result<oci::Layer> write_layer(const std::string& title, const Contents& contents,
                               const std::string& folder);

}  // namespace kingpost::steps::containerize
