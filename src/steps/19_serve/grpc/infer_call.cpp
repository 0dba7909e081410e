// SPDX-License-Identifier: Apache-2.0
#include "steps/19_serve/grpc/infer_call.h"

#include <algorithm>
#include <vector>

#include "engines/archive/coding.h"
#include "protocols/open_inference/grpc_infer.h"

namespace kingpost::steps::serve {
namespace {

using grpc::StatusCode;

// One request on its way; lives until it is answered.
class GrpcInferCall final : public Completion {
 public:
  static void begin(Service& service, SharedCall call, std::shared_ptr<AnswerStream> stream,
                    std::string_view message) {
    auto& free = free_calls();
    std::unique_ptr<GrpcInferCall> out;
    if (free.empty()) {
      out.reset(new GrpcInferCall);
    } else {
      out = std::move(free.back());
      free.pop_back();
    }
    out->service_ = &service;
    out->call_ = std::move(call);
    out->stream_ = std::move(stream);
    out->place_ = out->stream_ == nullptr ? 0 : out->stream_->begin();
    out->request_.clear();
    out->response_.clear();
    // It belongs to itself until it is done.
    out.release()->ask(message);
  }

  bool is_cancelled() const override { return call_->is_cancelled(); }

  void done(Status status) override {
    std::unique_ptr<GrpcInferCall> self(this);
    if (status) {
      answer();
    } else {
      refuse_it(status.error());
    }
    call_.reset();
    stream_.reset();
    constexpr std::size_t kMost = 8;
    if (free_calls().size() < kMost) free_calls().push_back(std::move(self));
  }

 private:
  GrpcInferCall() = default;

  // Memory that is warm is used again by the thread that ended a request.
  static std::vector<std::unique_ptr<GrpcInferCall>>& free_calls() {
    thread_local std::vector<std::unique_ptr<GrpcInferCall>> calls;
    return calls;
  }

  void ask(std::string_view message) {
    Status read = reader_.read(message, request_);
    if (!read) return done(std::move(read));
    // The client's deadline holds for the whole call; of two the earlier counts.
    const auto deadline = call_->head().timeout;
    const bool is_earlier = request_.timeout.count() == 0 || deadline < request_.timeout;
    if (deadline.count() > 0 && is_earlier) request_.timeout = deadline;
    service_->infer(request_, response_, *this);
  }

  void answer() {
    if (stream_ != nullptr) {
      return stream_->end(place_, open_inference::grpc_stream_response(request_, response_));
    }
    send(*call_, open_inference::grpc_infer_response(request_, response_));
    finish(*service_, *call_, StatusCode::kOk, {});
  }

  void refuse_it(const Error& error) {
    service_->refused(request_.model, error);
    if (stream_ == nullptr) return refuse(*service_, *call_, error);
    // Triton's clients may ask for the status itself, which ends the stream.
    if (call_->head().find("triton_grpc_error") == "true") refuse(*service_, *call_, error);
    stream_->end(place_, open_inference::grpc_stream_error(request_.id, error.what()));
  }

  Service* service_ = nullptr;
  SharedCall call_;
  std::shared_ptr<AnswerStream> stream_;
  std::uint64_t place_ = 0;
  open_inference::GrpcInferReader reader_;
  records::InferRequest request_;
  records::InferResponse response_;
};

}  // namespace

StatusCode grpc_status(const Error& error) {
  switch (error.code()) {
    case Code::kInvalidInput:
    case Code::kDataRejected:
      return StatusCode::kInvalidArgument;
    case Code::kAlreadyExists:
      return StatusCode::kAlreadyExists;
    case Code::kCancelled:
      return StatusCode::kCancelled;
    case Code::kNotFound:
      return StatusCode::kNotFound;
    case Code::kConflict:
    case Code::kPrecondition:
      return StatusCode::kFailedPrecondition;
    case Code::kUnavailable:
      return StatusCode::kUnavailable;
    case Code::kExhausted:
      return StatusCode::kResourceExhausted;
    case Code::kNotBuilt:
      return StatusCode::kUnimplemented;
    case Code::kCorrupt:
    case Code::kInternal:
      break;
  }
  return StatusCode::kInternal;
}

void finish(Service& service, grpc::Call& call, StatusCode code, std::string_view text) {
  service.count_grpc(static_cast<std::size_t>(code));
  call.finish(code, text);
}

void refuse(Service& service, grpc::Call& call, const Error& error) {
  StatusCode code = grpc_status(error);
  // It is the client's own deadline that has passed.
  if (error.id() == "serve.timeout" && call.head().timeout.count() > 0) {
    code = StatusCode::kDeadlineExceeded;
  }
  finish(service, call, code, error.what());
}

void send(grpc::Call& call, std::string bytes) {
  constexpr std::size_t kWorthIt = 512;
  const auto coding = archive::coding_of(call.head().encoding).value_or(archive::Coding::kIdentity);
  const bool is_compressed = coding != archive::Coding::kIdentity && bytes.size() >= kWorthIt;
  call.send({is_compressed ? archive::compress(bytes, coding) : std::move(bytes), is_compressed});
}

std::uint64_t AnswerStream::begin() {
  const std::lock_guard lock(mutex_);
  slots_.emplace_back();
  return first_ + slots_.size() - 1;
}

void AnswerStream::end(std::uint64_t place, std::string message) {
  const std::lock_guard lock(mutex_);
  slots_[place - first_] = {true, std::move(message)};
  send_ready();
}

void AnswerStream::half_closed() {
  const std::lock_guard lock(mutex_);
  is_half_closed_ = true;
  send_ready();
}

void AnswerStream::send_ready() {
  const SharedCall call = call_.lock();
  if (call == nullptr) return;
  while (!slots_.empty() && slots_.front().is_ready) {
    send(*call, std::move(slots_.front().message));
    slots_.pop_front();
    ++first_;
  }
  if (slots_.empty() && is_half_closed_) finish(service_, *call, StatusCode::kOk, {});
}

void infer(Service& service, SharedCall call, std::shared_ptr<AnswerStream> stream,
           std::string_view message) {
  GrpcInferCall::begin(service, std::move(call), std::move(stream), message);
}

}  // namespace kingpost::steps::serve
