// SPDX-License-Identifier: Apache-2.0
// One connection of a gRPC server without its socket: bytes in, events and bytes out. HTTP/2
// (RFC 9113) is nghttp2's; messages, statuses and limits are here.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "engines/http/grpc/grpc.h"

namespace kingpost::grpc {

/// How a call went.
struct Outcome {
  /// Cancelled where it has no status.
  StatusCode status = StatusCode::kCancelled;
  /// Of messages, with their prefixes, as they came and as they were handed on to be sent.
  std::uint64_t in = 0;
  std::uint64_t out = 0;
};

/// What a session has to tell, from within `receive`.
class Events {
 public:
  virtual ~Events() = default;
  Events(const Events&) = delete;
  Events& operator=(const Events&) = delete;

  /// True for a unary call.
  virtual bool begun(std::int32_t stream, Head head) = 0;
  virtual void message(std::int32_t stream, Message message) = 0;
  virtual void half_closed(std::int32_t stream) = 0;
  /// Answered or not, the stream is gone; nothing may be sent to it.
  virtual void closed(std::int32_t stream, const Outcome& outcome) = 0;

 protected:
  Events() = default;
};

class Session {
 public:
  /// The events must outlive it.
  Session(const ServerOptions& options, Events& events);
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  /// False where the client does not speak HTTP/2: send what there is to send, then close.
  bool receive(std::string_view bytes);
  /// Appends what is to be sent, about `most` bytes.
  void take_output(std::string& out, std::size_t most);

  /// A stream that is gone is left alone, here and below. What comes after the first message or
  /// the status is left out.
  void add_metadata(std::int32_t stream, std::string name, std::string value);
  void send(std::int32_t stream, const Message& message);
  void finish(std::int32_t stream, StatusCode code, std::string_view text);

  /// Ends the calls that their client has left unfinished for longer than is allowed, as far as it
  /// can tell: to be called every now and then.
  void expire(std::chrono::steady_clock::time_point now);

  /// No new calls; those there are go on.
  void shut_down();
  /// Nothing is left to be read or written.
  bool is_done() const;
  std::size_t streams() const;
  /// Of a stream that is not gone, so far.
  Outcome outcome(std::int32_t stream) const;
  /// Of messages that wait for the client to take them.
  std::size_t output_bytes() const;
  /// Of messages, so far.
  std::uint64_t sent_bytes() const;
  /// The first frame has come.
  bool has_begun() const;

 private:
  friend struct Callbacks;
  struct State;
  std::unique_ptr<State> state_;
};

/// "1H", "20S", "5m" and so on as microseconds, at least one; nothing where it is no timeout.
std::optional<std::chrono::microseconds> timeout_of(std::string_view text);

/// The shortest text that is not shorter than the time: "20S", "1500m".
std::string timeout_text(std::chrono::microseconds timeout);

/// The percent-encoding of grpc-message, and back: what is no encoding is left as it is.
std::string encoded_text(std::string_view text);
std::string decoded_text(std::string_view text);

}  // namespace kingpost::grpc
