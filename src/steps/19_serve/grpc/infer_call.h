// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <string>

#include "engines/http/grpc/grpc.h"
#include "steps/19_serve/service.h"

namespace kingpost::steps::serve {

using SharedCall = std::shared_ptr<grpc::Call>;

grpc::StatusCode grpc_status(const Error& error);
/// Ends a call, and counts it.
void finish(Service& service, grpc::Call& call, grpc::StatusCode code, std::string_view text);
void refuse(Service& service, grpc::Call& call, const Error& error);
/// Compressed as the call's own messages are, where that is worth it.
void send(grpc::Call& call, std::string bytes);

/// The answers of one ModelStreamInfer call, sent in the order of their requests.
class AnswerStream {
 public:
  /// The call keeps the stream, so the stream must not keep the call.
  AnswerStream(Service& service, const SharedCall& call) : service_(service), call_(call) {}

  /// The place of the next request.
  std::uint64_t begin();
  /// The answer to it, as a message.
  void end(std::uint64_t place, std::string message);
  /// No more requests: the call ends behind the last answer.
  void half_closed();

 private:
  void send_ready();

  Service& service_;
  const std::weak_ptr<grpc::Call> call_;
  std::mutex mutex_;
  struct Slot {
    bool is_ready = false;
    std::string message;
  };
  std::deque<Slot> slots_;
  std::uint64_t first_ = 0;
  bool is_half_closed_ = false;
};

/// Answers one ModelInferRequest; `stream` is null for the unary method.
void infer(Service& service, SharedCall call, std::shared_ptr<AnswerStream> stream,
           std::string_view message);

}  // namespace kingpost::steps::serve
