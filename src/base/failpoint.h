// SPDX-License-Identifier: Apache-2.0
// Named instants at which a test can end the process as a power cut would.
#pragma once

#include <string_view>

namespace kingpost {

/// Kills the process with SIGKILL when KINGPOST_KILL_AT names this point (`point`, or `point:3` for
/// its third passing; `*:40` is the fortieth passing of any point) and says so on standard error.
/// KINGPOST_STOP_AT stops it with SIGSTOP instead. Costs one look at the environment in the whole
/// process otherwise.
void failpoint(std::string_view point);

}  // namespace kingpost
