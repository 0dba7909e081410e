// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/ssl/context.hpp>
#include <memory>
#include <string>

#include "base/result.h"
#include "engines/http/tls_files.h"

namespace kingpost::http {

struct Tls {
  explicit Tls(std::string protocol_name) : protocol(std::move(protocol_name)) {}

  boost::asio::ssl::context context{boost::asio::ssl::context::tls_server};
  /// What is spoken within, as ALPN (RFC 7301) names it.
  const std::string protocol;
};

/// TLS 1.2 and newer; null where no TLS is wanted. Fails with `http.tls_unusable`.
Result<std::unique_ptr<Tls>> tls_of(const TlsFiles& files, std::string protocol);

}  // namespace kingpost::http
