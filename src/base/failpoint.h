// SPDX-License-Identifier: Apache-2.0
// Named instants at which a test can end the process as a power cut would.
#pragma once

#include <string_view>

namespace kingpost {

/// Kills the process with SIGKILL when KINGPOST_KILL_AT names this point (`point` or `point:3` for
/// its third passing); costs one look at the environment in the whole process otherwise.
void failpoint(std::string_view point);

}  // namespace kingpost
