// SPDX-License-Identifier: Apache-2.0
#include "steps/19_serve/access.h"

#include <optional>
#include <sstream>

#include "base/digest.h"
#include "base/files.h"
#include "base/text.h"

namespace kingpost::steps::serve {
namespace {

constexpr std::uint8_t bit(Scope scope) {
  return static_cast<std::uint8_t>(1U << static_cast<unsigned>(scope));
}

std::optional<Scope> scope_of(std::string_view word) {
  if (word == "infer") return Scope::kInfer;
  if (word == "metrics") return Scope::kMetrics;
  if (word == "admin") return Scope::kAdmin;
  return std::nullopt;
}

// Of the code that lets a denial be told from a malformed request, none is nearer.
Error denied(std::string_view id, std::string_view what) {
  return fail(Code::kPrecondition, id, "{}", what);
}

}  // namespace

Result<Access> Access::read(const std::string& path) {
  TRY(const std::string text, read_file(path));
  Access out;
  out.is_open_ = false;
  int number = 0;
  for (const std::string& line : split(text, '\n')) {
    ++number;
    const std::string_view plain = trim(line);
    if (plain.empty() || plain[0] == '#') continue;
    std::istringstream words{std::string(plain)};
    std::string digest;
    std::string scopes;
    Key key;
    words >> digest >> scopes >> key.name;
    bool fine = is_digest(digest) && !scopes.empty();
    for (const std::string& word : split(scopes, ',')) {
      const auto scope = scope_of(word);
      fine = fine && scope;
      if (scope) key.scopes = static_cast<std::uint8_t>(key.scopes | bit(*scope));
    }
    if (!fine) {
      return fail(Code::kInvalidInput, "serve.keys_malformed",
                  "line {} of {} is no \"SHA256 SCOPES NAME\"", number, shown(path, 200))
          .hint(
              "the sha256 of the key in hexadecimal digits, then infer, metrics, admin by "
              "commas: printf %s \"$KEY\" | sha256sum");
    }
    out.keys_[digest] = std::move(key);
  }
  if (out.keys_.empty()) {
    return fail(Code::kInvalidInput, "serve.keys_malformed", "{} has no key", shown(path, 200))
        .hint("nobody could ask; leave --api-keys out where everybody may");
  }
  return out;
}

void Access::add_metrics_key(const std::string& digest) {
  is_open_ = false;
  keys_.emplace(digest, Key{bit(Scope::kMetrics), "metrics"});
}

Status Access::allow(std::string_view key, Scope scope) const {
  if (is_open_) return {};
  if (key.empty()) {
    return denied("serve.key_missing",
                  "an API key is needed: Authorization: Bearer KEY, or X-API-Key: KEY");
  }
  const auto found = keys_.find(sha256_of(key));
  if (found == keys_.end()) return denied("serve.key_unknown", "the API key is not known");
  const std::uint8_t enough = bit(scope) | bit(Scope::kAdmin);
  if ((found->second.scopes & enough) != 0) return {};
  return denied("serve.key_scope", "the API key does not allow this");
}

std::string_view bearer_of(std::string_view header) {
  constexpr std::string_view kWord = "bearer ";
  if (lower(header.substr(0, kWord.size())) != kWord) return {};
  return trim(header.substr(kWord.size()));
}

int refusal_status(const Error& error) {
  if (error.id() == "serve.key_missing" || error.id() == "serve.key_unknown") return 401;
  return error.id() == "serve.key_scope" ? 403 : 0;
}

}  // namespace kingpost::steps::serve
