// SPDX-License-Identifier: Apache-2.0
// An HTTP/1.1 server (RFC 9112): one loop per thread, keep-alive, chunked bodies, Expect:
// 100-continue, limits on everything that a client sends.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "engines/http/access_log.h"
#include "engines/http/listening.h"
#include "engines/http/tls_files.h"

namespace kingpost::http {

using Headers = std::vector<std::pair<std::string, std::string>>;

/// One request and its answer.
class Exchange {
 public:
  virtual ~Exchange() = default;
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;

  virtual std::string_view method() const = 0;
  /// The target up to `?`, as it came.
  virtual std::string_view path() const = 0;
  /// With what stands behind `?`.
  virtual std::string_view target() const = 0;
  /// All of them in their order.
  virtual Headers headers() const = 0;
  virtual std::string_view body() const = 0;
  /// From now on this is the body, as what came is decompressed.
  virtual void replace_body(std::string body) = 0;
  /// Empty where there is no such header; names in any case.
  virtual std::string_view header(std::string_view name) const = 0;

  virtual void status(int code) = 0;
  /// Requires: name and value hold no control character.
  virtual void add_header(std::string_view name, std::string_view value) = 0;
  /// The body of the answer.
  virtual std::string& answer() = 0;
  /// Sends the answer; once, from any thread. Nothing of the exchange may be used afterwards.
  virtual void finish() = 0;

 protected:
  Exchange() = default;
};

class Handler {
 public:
  virtual ~Handler() = default;
  Handler(const Handler&) = delete;
  Handler& operator=(const Handler&) = delete;
  /// On a loop's thread, which must not be held up. `exchange` lives until it is finished.
  virtual void handle(std::shared_ptr<Exchange> exchange) = 0;

 protected:
  Handler() = default;
};

struct ServerOptions {
  std::string address = "127.0.0.1";
  /// 0: any that is free.
  int port = 0;
  /// 0: as many as the machine has cores.
  int threads = 0;
  /// See Loops.
  std::chrono::microseconds busy_poll{};
  std::uint64_t body_bytes = std::uint64_t{64} << 20;
  std::uint32_t head_bytes = 16384;
  std::size_t connections = 20'000;
  /// A connection without a request; longer than the 60 seconds of common proxies.
  std::chrono::seconds idle{75};
  /// From the first byte of a request to its last, and for a client to take its answer.
  std::chrono::seconds slow{30};
  TlsFiles tls;
  /// A line of JSON for each answer, when not null; must outlive the server.
  AccessLog* access_log = nullptr;
};

class Server : public Listening {
 public:
  /// Listens when it returns. Fails with `http.cannot_listen` or `http.tls_unusable`. The handler
  /// must outlive it.
  static Result<std::unique_ptr<Server>> start(const ServerOptions& options, Handler& handler);

  /// How many answers were begun, by status: 200, 404 and so on.
  virtual std::map<int, std::uint64_t> answers() const = 0;
};

}  // namespace kingpost::http
