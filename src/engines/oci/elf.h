// SPDX-License-Identifier: Apache-2.0
// What a program or shared library says it needs, read out of its own bytes and not by asking it to
// be loaded: x86-64, little-endian.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace kingpost::oci {

struct Elf {
  /// The loader that the program names; empty for libraries.
  std::string interpreter;
  std::vector<std::string> needed;
  /// Folders to look into first, with $ORIGIN as it is written. RPATH counts only without RUNPATH.
  std::vector<std::string> rpath;
  std::vector<std::string> runpath;
  /// Bytes from the start of the file that the loader maps; what follows are tables for linkers and
  /// debuggers.
  std::uint64_t mapped = 0;
};

/// Fails with `containerize.elf_malformed`, naming `path`, for what is no such file and for one
/// that points outside of itself. Nothing is read beyond `bytes`.
Result<Elf> read_elf(std::string_view bytes, const std::string& path);

/// The mapped part alone, which runs as the whole does: without symbol tables and sections.
/// Requires: `elf` is what read_elf said of these bytes.
std::string stripped(std::string_view bytes, const Elf& elf);

}  // namespace kingpost::oci
