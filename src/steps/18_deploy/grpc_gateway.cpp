// SPDX-License-Identifier: Apache-2.0
#include "steps/18_deploy/grpc_gateway.h"

#include <algorithm>

#include "steps/18_deploy/likeness.h"

namespace kingpost::steps::deploy {
namespace {

using grpc::Message;
using grpc::StatusCode;

// Of the stable version, as over HTTP.
constexpr std::chrono::seconds kAnswerTime{30};

std::size_t size_of(const Message& message) {
  return message.bytes.size() + sizeof(Message);
}

// Of what must not be more than `most`; false, and nothing, where it would be.
bool take(std::atomic<std::size_t>& held, std::size_t size, std::size_t most) {
  if (held.fetch_add(size) + size <= most) return true;
  held.fetch_sub(size);
  return false;
}

}  // namespace

std::string_view Held::add(const Message& message) {
  const std::size_t size = size_of(message);
  const GrpcLimits& limits = shared_.limits;
  if (!take(*of_connection_, size, limits.of_connection)) return kTooMuchOfOne;
  if (!take(shared_.held, size, limits.held)) {
    of_connection_->fetch_sub(size);
    return kTooMuch;
  }
  size_ += size;
  return {};
}

void Held::remove(const Message& message) {
  size_ -= size_of(message);
  give_back(size_of(message));
}

void Held::give_back(std::size_t size) {
  shared_.held.fetch_sub(size);
  of_connection_->fetch_sub(size);
}

Deadline::Deadline(Time timeout, Time trial) : trial_(trial) {
  // Nobody waits for a year.
  constexpr std::chrono::hours kMost{24 * 365};
  if (timeout.count() > 0) until_ = Clock::now() + std::min<Time>(timeout, kMost);
}

Deadline::Time Deadline::left() const {
  if (!until_) return Time(0);
  return std::max(Time(1), std::chrono::duration_cast<Time>(*until_ - Clock::now()));
}

Deadline::Time Deadline::of_try(bool is_new) const {
  const Time most = is_new ? trial_ : Time(kAnswerTime);
  if (!until_) return most;
  return std::min(most, std::max(Time(1), is_new ? left() / 2 : left()));
}

bool is_its_fault(StatusCode code) {
  return grpc::is_fault(code) && code != StatusCode::kUnimplemented;
}

Share share_of(const grpc::Head& head, const std::vector<Message>& messages) {
  Share out;
  if (const std::string_view key = head.find("x-kingpost-key"); !key.empty()) {
    out.add(key);
    return out;
  }
  out.add(head.path);
  for (const Message& each : messages) out.add(each.bytes);
  return out;
}

void copy_call(GrpcShared& shared, const std::shared_ptr<Backend>& candidate,
               const grpc::Head& head, Messages messages, StatusCode status,
               const std::vector<Message>& answer) {
  const auto begun = Deadline::Clock::now();
  grpc::Head own = head;
  own.timeout = Deadline::Time(0);
  const bool is_kept = bytes_of(answer) <= kMostCompared;
  shared.client->ask(
      candidate->grpc_port(), own, std::move(messages), shared.limits.trial,
      [&traffic = shared.traffic, candidate, begun, status, own, is_kept,
       answer =
           is_kept ? answer : std::vector<Message>()](const Result<grpc::ClientAnswer>& copied) {
        const bool is_error = !copied || is_its_fault(copied->ending.status);
        candidate->count(is_error, Deadline::Clock::now() - begun);
        if (!copied || copied->ending.status != status) {
          return traffic.end_copy(Likeness::kDifferent);
        }
        traffic.end_copy(is_kept ? likeness_of(own, answer, copied->messages) : Likeness::kUnknown);
      });
}

GrpcGateway::GrpcGateway(Traffic& traffic, int threads, const GrpcLimits& limits)
    : shared_{traffic, limits,
              std::make_unique<grpc::Client>(grpc::ClientOptions{.threads = threads})} {}

GrpcForward& GrpcGateway::forward(const std::shared_ptr<grpc::Call>& call) {
  if (call->state == nullptr) {
    call->state =
        is_unary(call->head()) ? forward_call(shared_, call) : forward_stream(shared_, call);
  }
  return *static_cast<GrpcForward*>(call->state.get());
}

bool GrpcGateway::is_unary(const grpc::Head& head) const {
  return head.path != kStreamPath;
}

void GrpcGateway::message(const std::shared_ptr<grpc::Call>& call, Message message) {
  forward(call).message(std::move(message));
}

void GrpcGateway::half_closed(const std::shared_ptr<grpc::Call>& call) {
  forward(call).half_closed();
}

void GrpcGateway::closed(const std::shared_ptr<grpc::Call>& call) {
  if (call->state != nullptr) forward(call).closed();
}

}  // namespace kingpost::steps::deploy
