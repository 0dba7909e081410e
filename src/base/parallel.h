// SPDX-License-Identifier: Apache-2.0
// A loop whose turns may run at once.
#pragma once

#include <cstddef>
#include <functional>

namespace kingpost {

/// `threads`, or as many as the machine has where it is not positive; at least 1.
int threads_or_all(int threads);

/// Calls `work` with each number from 0 to before `count`, once, in any order, on up to `threads`
/// threads (0: as many as the machine has), and returns when all are done. `work` must not throw.
void parallel(std::size_t count, int threads, const std::function<void(std::size_t)>& work);

}  // namespace kingpost
