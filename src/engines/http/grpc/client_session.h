// SPDX-License-Identifier: Apache-2.0
// One connection of a gRPC client without its socket: the other end of a Session.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "engines/http/grpc/client.h"

namespace kingpost::grpc {

/// What a session has to tell, from within `receive` and `take_output`.
class ClientEvents {
 public:
  virtual ~ClientEvents() = default;
  ClientEvents(const ClientEvents&) = delete;
  ClientEvents& operator=(const ClientEvents&) = delete;

  virtual void message(std::int32_t stream, Message message) = 0;
  /// Nothing where it was lost without a status.
  virtual void ended(std::int32_t stream, std::optional<Ending> ending) = 0;

 protected:
  ClientEvents() = default;
};

class ClientSession {
 public:
  /// The events must outlive it.
  ClientSession(const ClientOptions& options, ClientEvents& events);
  ~ClientSession();
  ClientSession(const ClientSession&) = delete;
  ClientSession& operator=(const ClientSession&) = delete;

  /// The server takes another call at once.
  bool has_room() const;
  /// The stream of a new call; negative where the connection takes none any more.
  std::int32_t begin(const Head& head);
  /// A stream that is gone is left alone, here and below.
  void send(std::int32_t stream, const Message& message);
  void half_close(std::int32_t stream);
  /// Nothing is told of it any more.
  void cancel(std::int32_t stream);

  /// False where the server does not speak HTTP/2: send what there is to send, then close.
  bool receive(std::string_view bytes);
  /// Appends what is to be sent, about `most` bytes.
  void take_output(std::string& out, std::size_t most);
  /// Nothing is left to be read or written.
  bool is_done() const;
  std::size_t streams() const;

 private:
  friend struct ClientCallbacks;
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace kingpost::grpc
