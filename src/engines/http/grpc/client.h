// SPDX-License-Identifier: Apache-2.0
// Calls of gRPC to servers of this machine: HTTP/2 without TLS (h2c with prior knowledge), by
// connections that are kept and that many calls share.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "engines/http/grpc/grpc.h"

namespace kingpost::grpc {

/// How a call has ended at its server.
struct Ending {
  StatusCode status = StatusCode::kOk;
  std::string text{};
  /// All fields of the head and the trailers but those of gRPC itself.
  Metadata metadata{};
};

/// What a call brings; by a thread of the client, which must not be held up.
class Receiver {
 public:
  virtual ~Receiver() = default;
  Receiver(const Receiver&) = delete;
  Receiver& operator=(const Receiver&) = delete;

  virtual void message(Message message) = 0;
  /// Once, and nothing comes behind it. Fails with `http.unreachable` where the connection could
  /// not be made or was lost before the call had its status, and with `http.no_answer` beyond the
  /// timeout (both Code::kUnavailable).
  virtual void ended(Result<Ending> ending) = 0;

 protected:
  Receiver() = default;
};

/// A call that was begun; from any thread, but not once the client is gone. One that has ended is
/// left alone. The client keeps it until then, and it keeps its receiver, which must not keep it.
class ClientCall {
 public:
  virtual ~ClientCall() = default;
  ClientCall(const ClientCall&) = delete;
  ClientCall& operator=(const ClientCall&) = delete;

  virtual void send(Message message) = 0;
  virtual void half_close() = 0;
  /// Its receiver is told nothing any more, but for what is being told by another thread.
  virtual void cancel() = 0;

 protected:
  ClientCall() = default;
};

/// Of a whole call.
struct ClientAnswer {
  Ending ending;
  std::vector<Message> messages;
};

struct ClientOptions {
  /// 0: as many as the machine has cores.
  int threads = 0;
  /// Of one message of an answer.
  std::size_t message_bytes = std::size_t{1} << 30;
  /// What all half-read messages of one connection may hold.
  std::size_t connection_bytes = std::size_t{2} << 30;
  /// Of the fields of one answer; those beyond are not taken.
  std::size_t head_bytes = 65536;
};

class Client {
 public:
  using Done = std::function<void(Result<ClientAnswer>)>;
  using Timeout = std::chrono::microseconds;

  explicit Client(const ClientOptions& options);
  /// What was begun and has not ended never does.
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  /// At 127.0.0.1. Of the head, fields of the connection and of HTTP/2 are left out. `timeout` is
  /// of this side, zero: none; what the server is told stands in the head.
  std::shared_ptr<ClientCall> begin(int port, const Head& head, Timeout timeout,
                                    std::shared_ptr<Receiver> receiver);
  /// The same, with all messages at once, and done when all is there; `done` as a receiver's end.
  std::shared_ptr<ClientCall> ask(int port, const Head& head,
                                  std::shared_ptr<const std::vector<Message>> messages,
                                  Timeout timeout, Done done);
  /// Calls it later by a thread of the client.
  void after(std::chrono::milliseconds delay, std::function<void()> what);
  /// Ends its threads: what has not ended never does. From then on it may be asked, in vain.
  void stop();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace kingpost::grpc
