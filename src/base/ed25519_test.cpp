// SPDX-License-Identifier: Apache-2.0
#include "base/ed25519.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace kingpost {
namespace {

// RFC 8032, 7.1, TEST 2.
constexpr std::string_view kPrivate =
    "-----BEGIN PRIVATE KEY-----\n"
    "MC4CAQAwBQYDK2VwBCIEIEzNCJso/5banbbDRuwRTg9bijGfNaumJNqM9u1PuKb7\n"
    "-----END PRIVATE KEY-----\n";

std::string hex(std::string_view bytes) {
  std::string out;
  for (const char c : bytes) out += format("{:02x}", static_cast<unsigned char>(c));
  return out;
}

TEST(Ed25519, ASignatureOfTheSpecification) {
  const auto signature = sign(kPrivate, "\x72");
  ASSERT_TRUE(signature) << signature.error().what();
  EXPECT_EQ(hex(*signature),
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
            "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00");
}

TEST(Ed25519, WhatIsSignedIsVerifiedAndNothingElse) {
  const KeyPair pair = make_key_pair();
  const KeyPair other = make_key_pair();
  EXPECT_EQ(public_pem_of(pair.private_pem).value(), pair.public_pem);
  const std::string signature = sign(pair.private_pem, "message").value();
  EXPECT_EQ(sign(pair.private_pem, "message").value(), signature);
  EXPECT_TRUE(is_signature(pair.public_pem, "message", signature).value());
  EXPECT_FALSE(is_signature(pair.public_pem, "massage", signature).value());
  EXPECT_FALSE(is_signature(other.public_pem, "message", signature).value());
  for (std::size_t i = 0; i < signature.size(); ++i) {
    std::string changed = signature;
    changed[i] = static_cast<char>(changed[i] ^ 1);
    EXPECT_FALSE(is_signature(pair.public_pem, "message", changed).value()) << i;
  }
  EXPECT_FALSE(is_signature(pair.public_pem, "message", signature + "x").value());
  EXPECT_FALSE(is_signature(pair.public_pem, "message", "").value());
  EXPECT_NE(fingerprint_of(pair.public_pem).value(), fingerprint_of(other.public_pem).value());
}

TEST(Ed25519, WhatIsNoKey) {
  const KeyPair pair = make_key_pair();
  const std::string large(100'000, 'a');
  const std::vector<std::string_view> texts = {
      "", "key", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", large};
  for (const std::string_view text : texts) {
    EXPECT_EQ(sign(text, "m").error().id(), "key.not_private");
    EXPECT_EQ(public_pem_of(text).error().id(), "key.not_private");
    EXPECT_EQ(fingerprint_of(text).error().id(), "key.not_public");
    EXPECT_EQ(is_signature(text, "m", std::string(64, 'x')).error().id(), "key.not_public");
  }
  EXPECT_EQ(sign(pair.public_pem, "m").error().id(), "key.not_private");
  EXPECT_EQ(fingerprint_of(pair.private_pem).error().id(), "key.not_public");
}

}  // namespace
}  // namespace kingpost
