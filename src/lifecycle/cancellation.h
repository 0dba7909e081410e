// SPDX-License-Identifier: Apache-2.0
// Ctrl-C and SIGTERM, taken by one thread that tells the running statement to end.
#pragma once

#include <memory>

#include "engines/sql/session.h"

namespace kingpost::lifecycle {

class Cancellation {
 public:
  /// Blocks SIGINT and SIGTERM in this thread and those it starts later, and begins to wait for
  /// them. A second signal ends the process at once with status 130; the store allows that.
  static void install();
  static bool requested();
  /// The session whose statement a signal ends; nullptr when there is none.
  static void watch(sql::Session* session);
};

}  // namespace kingpost::lifecycle
