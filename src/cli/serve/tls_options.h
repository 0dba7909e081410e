// SPDX-License-Identifier: Apache-2.0
// The options of TLS, of whatever listens.
#pragma once

#include "engines/http/tls_files.h"

namespace CLI {  // NOLINT(readability-identifier-naming): theirs
class App;
}

namespace kingpost::cli {

/// What they say goes to `into`, which must outlive the parsing.
void add_tls_options(CLI::App& app, http::TlsFiles& into);

}  // namespace kingpost::cli
