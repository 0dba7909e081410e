// SPDX-License-Identifier: Apache-2.0
// The version, given by the build to this file alone.
#include "base/version.h"

namespace kingpost {

std::string_view kingpost_version() {
  return KINGPOST_VERSION;
}

}  // namespace kingpost
