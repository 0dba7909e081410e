// SPDX-License-Identifier: Apache-2.0
// Ed25519 signatures (RFC 8032): the same key and message always give the same 64 bytes. Keys are
// PEM texts, PKCS #8 and SubjectPublicKeyInfo, as OpenSSL and others write them.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace kingpost {

struct KeyPair {
  std::string private_pem;
  std::string public_pem;
};

KeyPair make_key_pair();
/// Of a private key. This and `sign` fail with `key.not_private` where the text is none of
/// Ed25519.
Result<std::string> public_pem_of(std::string_view private_pem);
Result<std::string> sign(std::string_view private_pem, std::string_view message);
/// The sha256 of the key's SubjectPublicKeyInfo. Fails with `key.not_public`.
Result<std::string> fingerprint_of(std::string_view public_pem);
/// Whether it is the key's signature of the message. Fails with `key.not_public`.
Result<bool> is_signature(std::string_view public_pem, std::string_view message,
                          std::string_view signature);

}  // namespace kingpost
