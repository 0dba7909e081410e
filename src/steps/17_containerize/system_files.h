// SPDX-License-Identifier: Apache-2.0
// What kingpost-serve needs of this machine beside itself: its loader and libraries, and the files
// that those open by name.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "base/result.h"
#include "steps/17_containerize/contents.h"

namespace kingpost::steps::containerize {

/// The programs of an image, where they lie on this machine.
struct Programs {
  std::string serve;
  std::string runtime;
};

/// Those beside the running program. Fails with `containerize.program_missing`.
Result<Programs> programs_here();

struct SystemFiles {
  Contents contents;
  /// Where the copied files lie here.
  std::set<std::string> sources;
  std::vector<std::string> warnings;
};

/// `user` is the number of the user that the container runs as. Fails with
/// `containerize.library_missing` or `containerize.elf_malformed`.
Result<SystemFiles> system_files(const Programs& programs, std::int64_t user);

}  // namespace kingpost::steps::containerize
