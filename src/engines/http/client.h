// SPDX-License-Identifier: Apache-2.0
// Requests to servers of this machine over HTTP/1.1, by connections that are kept alive.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "base/result.h"
#include "engines/http/server.h"

namespace kingpost::http {

struct ClientRequest {
  std::string method = "GET";
  std::string target{};
  /// Without those of the connection: Host, Content-Length and their like are written anew.
  Headers headers{};
  std::string body{};
  std::chrono::milliseconds timeout{30'000};
};

struct ClientAnswer {
  int status = 0;
  Headers headers;
  std::string body;
};

class Client {
 public:
  using Done = std::function<void(Result<ClientAnswer>)>;

  /// `threads` 0: as many as the machine has cores.
  /// A connection that was not asked for so long is let go of when another port is asked.
  explicit Client(int threads, std::chrono::milliseconds idle = std::chrono::minutes(2));
  /// What was asked and has no answer yet is never done.
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  /// Asks 127.0.0.1; `done` is called by a thread of the client, which must not be held up. Fails
  /// with `http.unreachable` where the connection could not be made or was lost before a whole
  /// answer had come, and with `http.no_answer` beyond the timeout (both Code::kUnavailable).
  void ask(int port, std::shared_ptr<const ClientRequest> request, Done done);
  /// The same with another timeout than the request's own.
  void ask(int port, std::shared_ptr<const ClientRequest> request,
           std::chrono::milliseconds timeout, Done done);
  /// Calls it later by a thread of the client.
  void after(std::chrono::milliseconds delay, std::function<void()> what);
  /// Ends its threads: what has not ended never does. From then on it may be asked, in vain.
  void stop();
  /// Waits for the answer; not by a thread of the client.
  Result<ClientAnswer> ask_and_wait(int port, const ClientRequest& request);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace kingpost::http
