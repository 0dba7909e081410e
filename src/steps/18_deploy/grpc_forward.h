// SPDX-License-Identifier: Apache-2.0
// Calls of a deployment on their way to a version.
#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <vector>

#include "engines/http/grpc/client.h"
#include "engines/http/grpc/grpc.h"
#include "steps/18_deploy/traffic.h"

namespace kingpost::steps::deploy {

struct GrpcLimits {
  /// Bytes of all messages that are kept because they might be asked again, and of those that came
  /// by one connection.
  std::size_t held = std::size_t{2} << 30;
  std::size_t of_connection = std::size_t{256} << 20;
  /// See kPatience and kTrialTime.
  std::chrono::milliseconds patience = kPatience;
  std::chrono::milliseconds trial = kTrialTime;
};

/// What calls on their way share.
struct GrpcShared {
  Traffic& traffic;
  const GrpcLimits limits;
  std::unique_ptr<grpc::Client> client;
  /// Of all messages that are kept because they might be asked again.
  std::atomic<std::size_t> held{0};
};

/// What the messages of one call hold, until it is gone.
class Held {
 public:
  Held(GrpcShared& shared, const grpc::Call& call)
      : shared_(shared), of_connection_(call.of_connection) {}
  ~Held() { give_back(size_); }
  Held(const Held&) = delete;
  Held& operator=(const Held&) = delete;

  /// Why it must not be kept: empty where it may.
  std::string_view add(const grpc::Message& message);
  void remove(const grpc::Message& message);

 private:
  void give_back(std::size_t size);

  GrpcShared& shared_;
  const std::shared_ptr<std::atomic<std::size_t>> of_connection_;
  std::size_t size_ = 0;
};

/// How long a caller waits.
class Deadline {
 public:
  using Clock = std::chrono::steady_clock;
  using Time = std::chrono::microseconds;

  /// Zero: for ever. `trial` is what the new version may take.
  Deadline(Time timeout, Time trial);
  bool has_passed() const { return until_ && Clock::now() >= *until_; }
  /// What the version is told: zero where the caller has said nothing, else at least one.
  Time left() const;
  /// What one try may take: of the new version its own time, and half of what is left at most.
  Time of_try(bool is_new) const;

 private:
  const Time trial_;
  std::optional<Clock::time_point> until_;
};

/// One call; its functions are called by one thread at a time, as those of grpc::Handler.
class GrpcForward {
 public:
  virtual ~GrpcForward() = default;
  GrpcForward(const GrpcForward&) = delete;
  GrpcForward& operator=(const GrpcForward&) = delete;

  virtual void message(grpc::Message message) = 0;
  virtual void half_closed() = 0;
  virtual void closed() = 0;

 protected:
  GrpcForward() = default;
};

/// A call of one answer, and one of ModelStreamInfer. The call keeps it, so it does not keep the
/// call.
std::shared_ptr<GrpcForward> forward_call(GrpcShared& shared,
                                          const std::shared_ptr<grpc::Call>& call);
std::shared_ptr<GrpcForward> forward_stream(GrpcShared& shared,
                                            const std::shared_ptr<grpc::Call>& call);

/// Whether an answer is an error of the version that gave it; what no version offers is none.
bool is_its_fault(grpc::StatusCode code);

/// By the metadata x-kingpost-key, else by path and messages.
Share share_of(const grpc::Head& head, const std::vector<grpc::Message>& messages);
/// The text of an answer that there is none.
inline constexpr std::string_view kNobody = "no version of the model answers";
inline constexpr std::string_view kTooMuch = "the calls that wait here take too much memory";
inline constexpr std::string_view kTooMuchOfOne =
    "the calls of this connection that wait here take too much memory";
inline constexpr std::string_view kLate = "the deadline has passed";
inline constexpr std::string_view kVersionField = "x-kingpost-version";

using Messages = std::shared_ptr<const std::vector<grpc::Message>>;
/// Asks the new version the same, after the answer is known, so that nobody waits for it;
/// `candidate` is that of Traffic::begin_copy.
void copy_call(GrpcShared& shared, const std::shared_ptr<Backend>& candidate,
               const grpc::Head& head, Messages messages, grpc::StatusCode status,
               const std::vector<grpc::Message>& answer);

}  // namespace kingpost::steps::deploy
