// SPDX-License-Identifier: Apache-2.0
// How much of the machine this process may use.
#pragma once

#include <cstddef>
#include <string_view>

namespace kingpost {

/// Cores that may be kept busy all the time: those of the machine that this process may run on, or
/// fewer where its control group has a quota (cgroup v2, cpu.max), rounded down. 0: not one whole.
std::size_t whole_cores();

/// Of the text of a cpu.max, "50000 100000" or "max 100000"; `otherwise` where there is no quota.
std::size_t cores_of_quota(std::string_view text, std::size_t otherwise);

}  // namespace kingpost
