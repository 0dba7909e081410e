// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace kingpost::http {

/// PEM files of a server that speaks TLS; without a certificate it does not.
struct TlsFiles {
  /// The server's certificate, then those that lead from it to a known authority.
  std::string certificate;
  std::string key;
  /// Clients must show a certificate of these authorities; empty: they need none.
  std::string client_authorities;

  bool is_used() const { return !certificate.empty(); }
  bool operator==(const TlsFiles&) const = default;
};

}  // namespace kingpost::http
