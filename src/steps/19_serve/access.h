// SPDX-License-Identifier: Apache-2.0
// Who may ask for what: API keys, of which only the digests are known here.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "base/result.h"

namespace kingpost::steps::serve {

/// What a request wants. Health is everybody's.
enum class Scope : std::uint8_t { kInfer, kMetrics, kAdmin };

class Access {
 public:
  /// Everybody may do everything.
  Access() = default;

  /// A file with a line for each key: the sha256 of the key, its scopes (infer, metrics, admin; by
  /// commas), a name. Lines that are empty or begin with # are left out. A key of the scope admin
  /// may do everything. Fails with `serve.keys_malformed`, naming the line, or as read_file.
  static Result<Access> read(const std::string& path);

  /// One key more, by the sha256 of it, for the metrics alone.
  void add_metrics_key(const std::string& digest);

  bool is_open() const { return is_open_; }
  /// `key`: as it was sent, empty where none was. Fails with `serve.key_missing`,
  /// `serve.key_unknown` or `serve.key_scope`.
  Status allow(std::string_view key, Scope scope) const;

 private:
  struct Key {
    std::uint8_t scopes = 0;
    std::string name;
  };
  bool is_open_ = true;
  /// By digest: a look at them takes no longer for a key that is nearly right.
  std::map<std::string, Key, std::less<>> keys_;
};

/// The key in a header of the form "Bearer KEY", whatever the case of its first word.
std::string_view bearer_of(std::string_view header);

/// Of an error of `allow` (401 or 403); 0 for any other.
int refusal_status(const Error& error);

}  // namespace kingpost::steps::serve
