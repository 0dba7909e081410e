// SPDX-License-Identifier: Apache-2.0
#include <deque>
#include <mutex>

#include "steps/18_deploy/grpc_forward.h"
#include "steps/18_deploy/likeness.h"
#include "steps/18_deploy/naming.h"

namespace kingpost::steps::deploy {
namespace {

using grpc::Message;
using grpc::StatusCode;
using Clock = Deadline::Clock;

// A call of ModelStreamInfer. Its version has one answer for each message, in order: so what was
// sent and has no answer is known, and can be sent elsewhere.
class Forward final : public GrpcForward, public std::enable_shared_from_this<Forward> {
 public:
  Forward(GrpcShared& shared, const std::shared_ptr<grpc::Call>& call)
      : shared_(shared),
        call_(call),
        head_(call->head()),
        deadline_(head_.timeout, shared.limits.trial),
        held_(shared, *call) {}

  void message(Message message) override {
    const std::lock_guard lock(mutex_);
    if (is_over_) return;
    if (const std::string_view why = held_.add(message); !why.empty()) {
      return finish(StatusCode::kResourceExhausted, why);
    }
    // Of a stream that lay idle the patience begins anew.
    if (unanswered_.empty()) until_ = Clock::now() + shared_.limits.patience;
    unanswered_.push_back({std::move(message), Clock::now()});
    if (!has_begun_) return begin();
    if (is_waiting_) return;
    const auto asked = asked_.lock();
    // A version that goes answers what it has: nothing, so it need not wait for this stream.
    const bool is_left = backend_->grpc_port() == 0 && unanswered_.size() == 1;
    if (asked == nullptr || !is_asking_ || is_left) {
      leave();
      return connect(backend_, is_new_);
    }
    asked->send(unanswered_.back().message);
    watch();
  }

  void half_closed() override {
    const std::lock_guard lock(mutex_);
    if (is_over_) return;
    is_half_closed_ = true;
    if (!has_begun_) return begin();
    if (is_waiting_) return;
    const auto asked = asked_.lock();
    if (is_asking_ && asked != nullptr) return asked->half_close();
    // Its version is gone, and owes nothing.
    finish(StatusCode::kOk, {});
  }

  void closed() override {
    const std::lock_guard lock(mutex_);
    // A caller that has waited as long as it said has waited for the version.
    if (is_asking_ && !unanswered_.empty() && deadline_.has_passed()) count(true);
    leave();
    end();
  }

 private:
  struct Asked {
    Message message;
    /// Of the version that it is asked of now.
    Clock::time_point since;
  };

  // What one try brings. Of an earlier one nothing is wanted any more.
  class Try final : public grpc::Receiver {
   public:
    Try(std::shared_ptr<Forward> forward, int number)
        : forward_(std::move(forward)), number_(number) {}
    void message(Message message) override { forward_->answered(number_, std::move(message)); }
    void ended(Result<grpc::Ending> ending) override { forward_->ended(number_, ending); }

   private:
    const std::shared_ptr<Forward> forward_;
    const int number_;
  };

  // All of what follows with the mutex held, but for what says otherwise.

  void begin() {
    has_begun_ = true;
    std::vector<Message> first;
    if (!unanswered_.empty()) first.push_back(unanswered_.front().message);
    Traffic::Choice choice = shared_.traffic.choose([&] { return named_by(head_, first); },
                                                    [&] { return share_of(head_, first); });
    named_ = std::move(choice.named);
    is_copied_ = choice.is_copied;
    until_ = Clock::now() + shared_.limits.patience;
    connect(choice.backend, choice.is_new);
  }

  void connect(const std::shared_ptr<Backend>& backend, bool is_new) {
    const int port = backend == nullptr ? 0 : backend->grpc_port();
    if (port == 0) {
      if (is_new) backend->count_unsent();
      return is_new ? fall_back() : again();
    }
    if (deadline_.has_passed()) return finish(StatusCode::kDeadlineExceeded, kLate);
    backend_ = backend;
    is_new_ = is_new;
    is_asking_ = true;
    grpc::Head head = head_;
    head.timeout = deadline_.left();
    const auto asked = shared_.client->begin(port, head, deadline_.left(),
                                             std::make_shared<Try>(shared_from_this(), ++try_));
    asked_ = asked;
    const auto now = Clock::now();
    for (Asked& each : unanswered_) {
      each.since = now;
      asked->send(each.message);
    }
    if (is_half_closed_) asked->half_close();
    watch();
  }

  // Not with the mutex held.
  void answered(int number, Message message) {
    const std::lock_guard lock(mutex_);
    if (number != try_ || is_over_ || unanswered_.empty()) return;
    count(false);
    until_ = Clock::now() + shared_.limits.patience;
    has_waited_ = false;
    Message asked = take_first();
    if (is_copied_) copy(std::move(asked), message);
    const auto call = call_.lock();
    if (call == nullptr) return;
    tell_version(*call);
    call->send(std::move(message));
  }

  // Not with the mutex held.
  void ended(int number, const Result<grpc::Ending>& ending) {
    const std::lock_guard lock(mutex_);
    if (number != try_ || is_over_) return;
    is_asking_ = false;
    const bool is_error = !ending || is_its_fault(ending->status);
    const bool owes_nothing = unanswered_.empty() && !is_half_closed_;
    // An idle stream has lost nothing; its next message is asked elsewhere.
    if (!ending && owes_nothing) {
      if (deadline_.has_passed()) finish(StatusCode::kDeadlineExceeded, kLate);
      return;
    }
    if (is_error || !unanswered_.empty()) count(is_error);
    if (is_new_ && is_error && (!is_bound() || !ending)) return fall_back();
    if (ending) return finish(ending->status, ending->text);
    if (unanswered_.empty() && is_half_closed_) return finish(StatusCode::kOk, {});
    again();
  }

  // No other version can answer.
  bool is_bound() const { return !named_.version.empty(); }

  // Only what another version can answer must leave it time.
  Deadline::Time time_of_answer() const { return deadline_.of_try(is_new_ && !is_bound()); }

  // The stable version, or the one that is named, whichever that is by now.
  void ask_other() { connect(shared_.traffic.serving(named_), false); }

  // After the new version.
  void fall_back() { is_bound() ? again() : ask_other(); }

  // After the only version that may did not answer.
  void again() {
    is_asking_ = false;
    if (deadline_.has_passed()) return finish(StatusCode::kDeadlineExceeded, kLate);
    if (Clock::now() > until_) return finish(StatusCode::kUnavailable, kNobody);
    is_waiting_ = true;
    const auto pause = std::exchange(has_waited_, true) ? kPause : std::chrono::milliseconds(0);
    shared_.client->after(pause, [self = shared_from_this()] {
      const std::lock_guard lock(self->mutex_);
      self->is_waiting_ = false;
      if (!self->is_over_) self->ask_other();
    });
  }

  // Looks whether the first message that waits has waited for too long.
  void watch() {
    if (is_watched_ || unanswered_.empty()) return;
    is_watched_ = true;
    const auto waited = Clock::now() - unanswered_.front().since;
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(time_of_answer() - waited);
    shared_.client->after(std::max(left, kPause), [self = shared_from_this()] {
      const std::lock_guard lock(self->mutex_);
      self->is_watched_ = false;
      if (!self->is_over_ && self->is_asking_) self->look();
    });
  }

  void look() {
    if (unanswered_.empty()) return;
    if (Clock::now() - unanswered_.front().since < time_of_answer()) return watch();
    count(true);
    leave();
    if (is_new_) return fall_back();
    finish(StatusCode::kUnavailable, kNobody);
  }

  void count(bool is_error) {
    const auto since = unanswered_.empty() ? Clock::now() : unanswered_.front().since;
    backend_->count(is_error, Clock::now() - since);
  }

  Message take_first() {
    Message out = std::move(unanswered_.front().message);
    unanswered_.pop_front();
    held_.remove(out);
    return out;
  }

  // No longer among what waits here, so it must not be large.
  void copy(Message asked, const Message& answer) {
    if (asked.bytes.size() > kMostCompared) return shared_.traffic.drop_copy();
    const auto candidate = shared_.traffic.begin_copy();
    if (candidate == nullptr) return;
    auto copied = std::make_shared<std::vector<Message>>();
    copied->push_back(std::move(asked));
    copy_call(shared_, candidate, head_, std::move(copied), StatusCode::kOk, {answer});
  }

  void end() {
    is_over_ = true;
    while (!unanswered_.empty()) take_first();
  }

  void leave() {
    ++try_;
    is_asking_ = false;
    if (const auto asked = asked_.lock()) asked->cancel();
    asked_.reset();
  }

  void tell_version(grpc::Call& call) {
    if (std::exchange(has_told_, true)) return;
    call.add_metadata(std::string(kVersionField), backend_->source().version);
  }

  void finish(StatusCode code, std::string_view text) {
    leave();
    end();
    const auto call = call_.lock();
    if (call == nullptr) return;
    if (backend_ != nullptr) tell_version(*call);
    call->finish(code, text);
  }

  GrpcShared& shared_;
  const std::weak_ptr<grpc::Call> call_;
  const grpc::Head head_;
  const Deadline deadline_;

  std::mutex mutex_;
  Held held_;
  /// What the version has and has not answered, in order.
  std::deque<Asked> unanswered_;
  std::shared_ptr<Backend> backend_;
  /// By its first message.
  Named named_;
  std::weak_ptr<grpc::ClientCall> asked_;
  Clock::time_point until_;
  int try_ = 0;
  bool is_new_ = false;
  bool is_copied_ = false;
  bool has_begun_ = false;
  bool has_told_ = false;
  bool is_half_closed_ = false;
  /// A version has the stream.
  bool is_asking_ = false;
  /// It will be asked again soon.
  bool is_waiting_ = false;
  bool has_waited_ = false;
  bool is_watched_ = false;
  bool is_over_ = false;
};

}  // namespace

std::shared_ptr<GrpcForward> forward_stream(GrpcShared& shared,
                                            const std::shared_ptr<grpc::Call>& call) {
  return std::make_shared<Forward>(shared, call);
}

}  // namespace kingpost::steps::deploy
