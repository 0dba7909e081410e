// SPDX-License-Identifier: Apache-2.0
// SHA-256 through OpenSSL.
#include "base/digest.h"

#include <openssl/evp.h>

#include <array>
#include <vector>

#include "base/files.h"

namespace kingpost {

struct Sha256::State {
  EVP_MD_CTX* context = EVP_MD_CTX_new();
};

Sha256::Sha256() : state_(std::make_unique<State>()) {
  EVP_DigestInit_ex(state_->context, EVP_sha256(), nullptr);
}

Sha256::~Sha256() {
  EVP_MD_CTX_free(state_->context);
}

void Sha256::add(const void* bytes, std::size_t size) {
  EVP_DigestUpdate(state_->context, bytes, size);
}

std::string Sha256::finish() {
  std::array<unsigned char, EVP_MAX_MD_SIZE> raw{};
  unsigned size = 0;
  EVP_DigestFinal_ex(state_->context, raw.data(), &size);
  constexpr std::string_view kHex = "0123456789abcdef";
  std::string out;
  for (unsigned i = 0; i < size; ++i) {
    out.push_back(kHex[raw[i] >> 4U]);
    out.push_back(kHex[raw[i] & 15U]);
  }
  return out;
}

std::string sha256_of(std::string_view text) {
  Sha256 hash;
  hash.add(text.data(), text.size());
  return hash.finish();
}

Result<std::string> sha256_of_file(const std::string& path) {
  Sha256 hash;
  TRY_STATUS(read_chunks(path, [&](std::string_view chunk) {
    hash.add(chunk.data(), chunk.size());
    return true;
  }));
  return hash.finish();
}

bool is_digest(std::string_view text) {
  return text.size() == 64 && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

}  // namespace kingpost
