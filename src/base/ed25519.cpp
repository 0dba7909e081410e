// SPDX-License-Identifier: Apache-2.0
#include "base/ed25519.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <memory>
#include <new>

#include "base/digest.h"

namespace kingpost {
namespace {

constexpr std::size_t kSignature = 64;

struct Free {
  void operator()(BIO* bio) const { ::BIO_free(bio); }
  void operator()(EVP_PKEY* key) const { ::EVP_PKEY_free(key); }
  void operator()(EVP_MD_CTX* context) const { ::EVP_MD_CTX_free(context); }
};
using Bio = std::unique_ptr<BIO, Free>;
using Key = std::unique_ptr<EVP_PKEY, Free>;
using Context = std::unique_ptr<EVP_MD_CTX, Free>;

const unsigned char* bytes_of(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

// No key in a file is asked a password for.
int no_password(char*, int, int, void*) {
  return -1;
}

Bio reader_of(std::string_view pem) {
  constexpr std::size_t kLargest = 1U << 16U;
  if (pem.size() > kLargest) return nullptr;
  return Bio(::BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
}

bool is_ed25519(const Key& key) {
  return key != nullptr && ::EVP_PKEY_get_id(key.get()) == EVP_PKEY_ED25519;
}

Result<Key> private_key_of(std::string_view pem) {
  const Bio bio = reader_of(pem);
  Key key(bio == nullptr ? nullptr
                         : ::PEM_read_bio_PrivateKey(bio.get(), nullptr, no_password, nullptr));
  if (is_ed25519(key)) return key;
  return fail(Code::kInvalidInput, "key.not_private",
              "it is no private key of Ed25519 as PEM without a password")
      .hint("`kingpost keys new NAME` makes one");
}

Result<Key> public_key_of(std::string_view pem) {
  const Bio bio = reader_of(pem);
  Key key(bio == nullptr ? nullptr
                         : ::PEM_read_bio_PUBKEY(bio.get(), nullptr, no_password, nullptr));
  if (is_ed25519(key)) return key;
  return fail(Code::kInvalidInput, "key.not_public", "it is no public key of Ed25519 as PEM")
      .hint("`kingpost keys new NAME` writes it to NAME.pub");
}

std::string text_of(const Bio& bio) {
  char* data = nullptr;
  const long size = ::BIO_get_mem_data(bio.get(), &data);
  return {data, static_cast<std::size_t>(size)};
}

std::string public_text(const Key& key) {
  const Bio bio(::BIO_new(::BIO_s_mem()));
  if (bio == nullptr || ::PEM_write_bio_PUBKEY(bio.get(), key.get()) != 1) {
    throw std::bad_alloc();
  }
  return text_of(bio);
}

}  // namespace

KeyPair make_key_pair() {
  const Key key(::EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"));
  const Bio bio(::BIO_new(::BIO_s_mem()));
  const bool fine = key != nullptr && bio != nullptr &&
                    ::PEM_write_bio_PKCS8PrivateKey(bio.get(), key.get(), nullptr, nullptr, 0,
                                                    nullptr, nullptr) == 1;
  // It fails for want of memory or of the system's randomness, which no program can go on without.
  if (!fine) throw std::bad_alloc();
  return {text_of(bio), public_text(key)};
}

Result<std::string> public_pem_of(std::string_view private_pem) {
  TRY(const Key key, private_key_of(private_pem));
  return public_text(key);
}

Result<std::string> sign(std::string_view private_pem, std::string_view message) {
  TRY(const Key key, private_key_of(private_pem));
  const Context context(::EVP_MD_CTX_new());
  std::string out(kSignature, '\0');
  std::size_t size = out.size();
  const bool fine =
      context != nullptr &&
      ::EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, key.get()) == 1 &&
      ::EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(out.data()), &size,
                       bytes_of(message), message.size()) == 1;
  if (!fine) throw std::bad_alloc();
  return out;
}

Result<std::string> fingerprint_of(std::string_view public_pem) {
  TRY(const Key key, public_key_of(public_pem));
  unsigned char* der = nullptr;
  const int size = ::i2d_PUBKEY(key.get(), &der);
  if (size <= 0) throw std::bad_alloc();
  const std::string bytes(reinterpret_cast<const char*>(der), static_cast<std::size_t>(size));
  ::OPENSSL_free(der);
  return sha256_of(bytes);
}

Result<bool> is_signature(std::string_view public_pem, std::string_view message,
                          std::string_view signature) {
  TRY(const Key key, public_key_of(public_pem));
  if (signature.size() != kSignature) return false;
  const Context context(::EVP_MD_CTX_new());
  const bool ready = context != nullptr && ::EVP_DigestVerifyInit(context.get(), nullptr, nullptr,
                                                                  nullptr, key.get()) == 1;
  if (!ready) throw std::bad_alloc();
  return ::EVP_DigestVerify(context.get(), bytes_of(signature), signature.size(), bytes_of(message),
                            message.size()) == 1;
}

}  // namespace kingpost
