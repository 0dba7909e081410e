// SPDX-License-Identifier: Apache-2.0
// The version as the command line prints it.
#include "base/version.h"

#include "cli/cli.h"

namespace kingpost::cli {

std::string version() {
  return std::string(kingpost_version());
}

}  // namespace kingpost::cli
