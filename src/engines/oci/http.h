// SPDX-License-Identifier: Apache-2.0
// Requests to a registry by libcurl, which is opened when the first one is made: no other command
// pays for loading it.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"

namespace kingpost::oci {

struct HttpRequest {
  /// GET, HEAD, POST or PUT.
  std::string method;
  std::string url;
  /// "Name: value".
  std::vector<std::string> headers;
  std::string body;
  /// The file that is the body of a PUT; empty where `body` is.
  std::string file;
};

struct HttpAnswer {
  int status = 0;
  /// By names in lower case; of several the last.
  std::map<std::string, std::string> headers;
  std::string body;

  std::string header(const std::string& name) const;
};

/// One connection is kept for all requests. Redirects are not followed, certificates are checked.
class HttpClient {
 public:
  /// Fails with `containerize.curl_missing`.
  static Result<HttpClient> open();
  ~HttpClient();
  HttpClient(HttpClient&& other) noexcept;
  HttpClient& operator=(HttpClient&&) = delete;
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  /// Fails with `containerize.registry_unreachable` where there is no whole answer, or one with a
  /// body above 4 MiB, and as files do.
  Result<HttpAnswer> ask(const HttpRequest& request);

 private:
  struct State;
  explicit HttpClient(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace kingpost::oci
