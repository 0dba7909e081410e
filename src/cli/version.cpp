// SPDX-License-Identifier: Apache-2.0
// The version, given by the build to this file alone.
#include "cli/cli.h"

namespace kingpost::cli {

std::string version() {
  return KINGPOST_VERSION;
}

}  // namespace kingpost::cli
