// SPDX-License-Identifier: Apache-2.0
#include "cli/serve/tls_options.h"

#include <CLI/CLI.hpp>

namespace kingpost::cli {

void add_tls_options(CLI::App& app, http::TlsFiles& into) {
  auto* certificate =
      app.add_option("--tls-certificate", into.certificate, "PEM file: TLS for HTTP and gRPC");
  auto* key = app.add_option("--tls-key", into.key, "PEM file of its key");
  certificate->needs(key);
  key->needs(certificate);
  app.add_option("--tls-client-authorities", into.client_authorities,
                 "PEM file: clients must show a certificate of these")
      ->needs(certificate);
}

}  // namespace kingpost::cli
