// SPDX-License-Identifier: Apache-2.0
// The command line of kingpost-serve.
#pragma once

namespace kingpost::cli {

/// Serves until SIGTERM or SIGINT; answers the exit status.
int serve_main(int count, char** words);

}  // namespace kingpost::cli
