// SPDX-License-Identifier: Apache-2.0
// A gRPC server over HTTP/2, with TLS or without (h2c with prior knowledge), one loop per thread.
// https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "engines/http/access_log.h"
#include "engines/http/listening.h"
#include "engines/http/tls_files.h"

namespace kingpost::grpc {

/// https://grpc.io/docs/guides/status-codes
enum class StatusCode : std::uint8_t {
  kOk = 0,
  kCancelled = 1,
  kUnknown = 2,
  kInvalidArgument = 3,
  kDeadlineExceeded = 4,
  kNotFound = 5,
  kAlreadyExists = 6,
  kPermissionDenied = 7,
  kResourceExhausted = 8,
  kFailedPrecondition = 9,
  kAborted = 10,
  kOutOfRange = 11,
  kUnimplemented = 12,
  kInternal = 13,
  kUnavailable = 14,
  kDataLoss = 15,
  kUnauthenticated = 16,
};

/// "OK", "NOT_FOUND" and so on.
std::string_view status_name(StatusCode code);

/// One for which HTTP has 500 and more: the fault is the server's.
bool is_fault(StatusCode code);

/// Names in lower case.
using Metadata = std::vector<std::pair<std::string, std::string>>;

/// What a call begins with.
struct Head {
  /// "/package.Service/Method".
  std::string path;
  /// grpc-encoding, of messages that are marked as compressed; empty: identity.
  std::string encoding;
  std::string accept_encoding;
  /// grpc-timeout; zero: none.
  std::chrono::microseconds timeout{0};
  /// All other fields in their order.
  Metadata metadata;

  /// Empty where there is no such field.
  std::string_view find(std::string_view name) const;
};

struct Message {
  std::string bytes;
  /// By the encoding that the head names.
  bool is_compressed = false;
};

/// One call. Everything may be called from any thread.
class Call {
 public:
  virtual ~Call() = default;
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;

  virtual const Head& head() const = 0;
  /// The client has ended it, or is gone: an answer would reach nobody. True for good.
  virtual bool is_cancelled() const = 0;
  /// What the answer begins with besides: before the first message and the status. Requires: a name
  /// and a value that HTTP/2 allows.
  virtual void add_metadata(std::string name, std::string value) = 0;
  /// In the order of the calls.
  virtual void send(Message message) = 0;
  /// Once; nothing may be sent afterwards. `text` may be any UTF-8.
  virtual void finish(StatusCode code, std::string_view text) = 0;

  /// Whatever the handler keeps with the call.
  std::shared_ptr<void> state;
  /// Shared by all calls of a connection, for the handler to count in: 0 at first.
  std::shared_ptr<std::atomic<std::size_t>> of_connection;

 protected:
  Call() = default;
};

/// On a loop's thread, which must not be held up.
class Handler {
 public:
  virtual ~Handler() = default;
  Handler(const Handler&) = delete;
  Handler& operator=(const Handler&) = delete;

  /// Of one request: its client has to send all of it within ServerOptions::slow. Of a call that is
  /// not, each message has that time.
  virtual bool is_unary(const Head&) const { return false; }
  /// Each message of a call, in order. A call that was finished gets none any more.
  virtual void message(const std::shared_ptr<Call>& call, Message message) = 0;
  /// The client sends no more messages; always once, unless the call was finished or cancelled.
  virtual void half_closed(const std::shared_ptr<Call>& call) = 0;
  /// The call is over, answered or not; always once and last, unless the server is stopped before.
  virtual void closed(const std::shared_ptr<Call>&) {}

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
  /// Of one message, as it comes.
  std::size_t message_bytes = std::size_t{64} << 20;
  /// Of the fields of one call, counted as RFC 9113, 6.5.2 does.
  std::size_t head_bytes = 16384;
  /// Calls of one connection at a time.
  std::uint32_t calls = 1000;
  /// What all half-sent messages of one connection may hold, and all answers it does not take.
  std::size_t connection_bytes = std::size_t{256} << 20;
  std::size_t connections = 20'000;
  /// A connection without a call.
  std::chrono::seconds idle{600};
  /// For a message, and for all of a unary call, from its first byte to its last: what takes longer
  /// ends with DEADLINE_EXCEEDED. So long a connection stays that does not begin, or that takes
  /// none of the answers that wait for it.
  std::chrono::milliseconds slow{30'000};
  http::TlsFiles tls;
  /// A line of JSON for each call, when not null; must outlive the server.
  http::AccessLog* access_log = nullptr;
};

/// Its `drain` says GOAWAY: the calls there are have their answers, and no new ones are taken.
class Server : public http::Listening {
 public:
  /// Listens when it returns. Fails with `http.cannot_listen` or `http.tls_unusable`. The handler
  /// must outlive it.
  static Result<std::unique_ptr<Server>> start(const ServerOptions& options, Handler& handler);
};

}  // namespace kingpost::grpc
