// SPDX-License-Identifier: Apache-2.0
#include <mutex>

#include "steps/18_deploy/grpc_forward.h"
#include "steps/18_deploy/likeness.h"
#include "steps/18_deploy/naming.h"

namespace kingpost::steps::deploy {
namespace {

using grpc::Message;
using grpc::StatusCode;
using Clock = Deadline::Clock;

// A call of one answer.
class Forward final : public GrpcForward, public std::enable_shared_from_this<Forward> {
 public:
  Forward(GrpcShared& shared, const std::shared_ptr<grpc::Call>& call)
      : shared_(shared),
        call_(call),
        head_(call->head()),
        deadline_(head_.timeout, shared.limits.trial),
        kept_(std::make_shared<Kept>(shared, *call)) {}

  void message(Message message) override {
    // What the server had for it before it was finished may come still.
    if (is_refused_) return;
    if (const std::string_view why = kept_->held.add(message); !why.empty()) {
      is_refused_ = true;
      // Its client may take its time to hear of it.
      kept_.reset();
      return finish(StatusCode::kResourceExhausted, why);
    }
    kept_->messages.push_back(std::move(message));
  }

  void half_closed() override {
    if (is_refused_) return;
    Traffic::Choice choice =
        shared_.traffic.choose([&] { return named_by(head_, kept_->messages); },
                               [&] { return share_of(head_, kept_->messages); });
    named_ = std::move(choice.named);
    is_copied_ = choice.is_copied && asks_model(head_);
    until_ = Clock::now() + shared_.limits.patience;
    ask(choice.backend, choice.is_new);
  }

  // An answer would reach nobody.
  void closed() override {
    const std::lock_guard lock(mutex_);
    is_over_ = true;
    if (const auto asked = asked_.lock()) asked->cancel();
    // A caller that has waited as long as it said has waited for the version.
    if (std::exchange(is_asking_, false) && deadline_.has_passed()) {
      asking_->count(true, Clock::now() - begun_);
    }
  }

 private:
  struct Kept {
    Kept(GrpcShared& shared, const grpc::Call& call) : held(shared, call) {}
    Held held;
    std::vector<Message> messages;
  };

  Messages messages() const { return {kept_, &kept_->messages}; }

  void ask(const std::shared_ptr<Backend>& backend, bool is_new) {
    const int port = backend == nullptr ? 0 : backend->grpc_port();
    if (port == 0) {
      if (is_new) backend->count_unsent();
      return is_new && !is_bound() ? ask_other() : again();
    }
    if (deadline_.has_passed()) return finish(StatusCode::kDeadlineExceeded, kLate);
    // Only what another version can answer must leave it time.
    const auto time = deadline_.of_try(is_new && !is_bound());
    grpc::Head head = head_;
    if (head.timeout.count() > 0) head.timeout = time;
    const std::lock_guard lock(mutex_);
    if (is_over_) return;
    asking_ = backend;
    is_asking_ = true;
    begun_ = Clock::now();
    asked_ = shared_.client->ask(
        port, head, messages(), time,
        [self = shared_from_this(), backend, is_new](Result<grpc::ClientAnswer> answer) {
          self->answered(*backend, is_new, std::move(answer));
        });
  }

  void answered(Backend& backend, bool is_new, Result<grpc::ClientAnswer> answer) {
    const bool is_error = !answer || is_its_fault(answer->ending.status);
    {
      const std::lock_guard lock(mutex_);
      if (!std::exchange(is_asking_, false)) return;
      backend.count(is_error, Clock::now() - begun_);
    }
    if (is_new && is_error && !is_bound()) return ask_other();
    if (!answer) return again();
    if (const auto candidate = is_copied_ ? shared_.traffic.begin_copy() : nullptr) {
      copy_call(shared_, candidate, head_, messages(), answer->ending.status, answer->messages);
    }
    const auto call = call_.lock();
    if (call == nullptr) return;
    for (auto& [name, value] : answer->ending.metadata) {
      call->add_metadata(std::move(name), std::move(value));
    }
    call->add_metadata(std::string(kVersionField), backend.source().version);
    for (Message& each : answer->messages) call->send(std::move(each));
    call->finish(answer->ending.status, answer->ending.text);
  }

  // No other version can answer.
  bool is_bound() const { return !named_.version.empty(); }

  // The stable version, or the one that is named, whichever that is by now.
  void ask_other() { ask(shared_.traffic.serving(named_), false); }

  // After the only version that may did not answer.
  void again() {
    if (deadline_.has_passed()) return finish(StatusCode::kDeadlineExceeded, kLate);
    if (Clock::now() > until_) return finish(StatusCode::kUnavailable, kNobody);
    {
      const std::lock_guard lock(mutex_);
      if (is_over_) return;
    }
    // At once the first time: it may have been replaced just now.
    const auto pause = std::exchange(has_waited_, true) ? kPause : std::chrono::milliseconds(0);
    shared_.client->after(pause, [self = shared_from_this()] { self->ask_other(); });
  }

  void finish(StatusCode code, std::string_view text) {
    if (const auto call = call_.lock()) call->finish(code, text);
  }

  GrpcShared& shared_;
  const std::weak_ptr<grpc::Call> call_;
  const grpc::Head head_;
  const Deadline deadline_;
  Clock::time_point until_;
  std::shared_ptr<Kept> kept_;
  Named named_;
  bool is_refused_ = false;
  bool is_copied_ = false;
  bool has_waited_ = false;

  /// Of what follows: the caller may go while an answer comes.
  std::mutex mutex_;
  bool is_over_ = false;
  bool is_asking_ = false;
  std::shared_ptr<Backend> asking_;
  Clock::time_point begun_;
  std::weak_ptr<grpc::ClientCall> asked_;
};

}  // namespace

std::shared_ptr<GrpcForward> forward_call(GrpcShared& shared,
                                          const std::shared_ptr<grpc::Call>& call) {
  return std::make_shared<Forward>(shared, call);
}

}  // namespace kingpost::steps::deploy
