// SPDX-License-Identifier: Apache-2.0
#include "engines/http/tls.h"

#include "base/text.h"

namespace kingpost::http {
namespace {

namespace ssl = boost::asio::ssl;
using Fault = boost::system::error_code;

Error unusable(const std::string& path, const Fault& fault) {
  return fail(Code::kInvalidInput, "http.tls_unusable", "{} cannot be used for TLS: {}",
              shown(path, 200), fault.message())
      .hint("PEM files are wanted: the certificate with those above it, and its own key");
}

// The protocol where the client offers it. A client that offers others only is refused; one that
// says nothing is not.
int choose(SSL*, const unsigned char** out, unsigned char* size, const unsigned char* offered,
           unsigned offered_size, void* argument) {
  const std::string& wanted = static_cast<Tls*>(argument)->protocol;
  for (unsigned at = 0; at < offered_size; at += offered[at] + 1U) {
    const std::string_view each(reinterpret_cast<const char*>(offered + at + 1), offered[at]);
    if (each != wanted) continue;
    *out = offered + at + 1;
    *size = offered[at];
    return SSL_TLSEXT_ERR_OK;
  }
  return SSL_TLSEXT_ERR_ALERT_FATAL;
}

}  // namespace

Result<std::unique_ptr<Tls>> tls_of(const TlsFiles& files, std::string protocol) {
  if (!files.is_used()) return std::unique_ptr<Tls>();
  auto out = std::make_unique<Tls>(std::move(protocol));
  ssl::context& context = out->context;
  Fault fault;
  if (context.use_certificate_chain_file(files.certificate, fault)) {
    return unusable(files.certificate, fault);
  }
  if (context.use_private_key_file(files.key, ssl::context::pem, fault)) {
    return unusable(files.key, fault);
  }
  if (!files.client_authorities.empty()) {
    if (context.load_verify_file(files.client_authorities, fault) ||
        context.set_verify_mode(ssl::verify_peer | ssl::verify_fail_if_no_peer_cert, fault)) {
      return unusable(files.client_authorities, fault);
    }
  }
  // Without it a client that shows a certificate cannot go on with an earlier session.
  constexpr std::string_view kOurs = "kingpost";
  ::SSL_CTX_set_session_id_context(context.native_handle(),
                                   reinterpret_cast<const unsigned char*>(kOurs.data()),
                                   static_cast<unsigned>(kOurs.size()));
  ::SSL_CTX_set_min_proto_version(context.native_handle(), TLS1_2_VERSION);
  ::SSL_CTX_set_alpn_select_cb(context.native_handle(), choose, out.get());
  return out;
}

}  // namespace kingpost::http
