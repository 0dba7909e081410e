// SPDX-License-Identifier: Apache-2.0
// Which files a program needs to be loaded: its loader, its libraries, and theirs, as the loader
// itself would find them on this machine.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/result.h"

namespace kingpost::oci {

struct Closure {
  /// The loader's path as programs name it; empty when only libraries were asked for.
  std::string interpreter;
  /// Name by which a library is asked for, and where its file lies, links followed.
  std::map<std::string, std::string> libraries;
};

/// Folders in which the loader looks for libraries that no program places: those of the file
/// /etc/ld.so.conf and what it includes, then the system's own. In that order, without repetition.
std::vector<std::string> library_folders(const std::string& configuration = "/etc/ld.so.conf");

/// The first of those folders that holds a library of that name for this machine; "" for none.
std::string find_in_folders(const std::vector<std::string>& folders, const std::string& name);

/// LD_LIBRARY_PATH is not looked at: the image would then depend on who builds it. Fails with
/// `containerize.library_missing`, naming who asks for it, and with `containerize.elf_malformed`.
Result<Closure> closure_of(const std::vector<std::string>& files,
                           const std::vector<std::string>& folders);

}  // namespace kingpost::oci
