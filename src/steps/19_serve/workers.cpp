// SPDX-License-Identifier: Apache-2.0
#include "steps/19_serve/workers.h"

#include <algorithm>
#include <utility>

namespace kingpost::steps::serve {
namespace {

// What is longer than any server runs would not fit into a clock.
constexpr std::chrono::hours kLongestTimeout{24 * 365};

// A request without rows takes a place too.
std::int64_t places(const Asked& asked) {
  return std::max<std::int64_t>(asked.question.rows, 1);
}

Error unavailable(std::string_view id, std::string_view what) {
  return fail(Code::kUnavailable, id, "{}", what);
}

}  // namespace

Workers::Workers(const WorkerOptions& options) : options_(options) {
  for (int i = 0; i < options.threads; ++i) threads_.emplace_back([this] { work(); });
}

Workers::~Workers() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  came_.notify_all();
  for (std::thread& each : threads_) each.join();
  for (Waiting& each : queue_) {
    each.asked.model->statistics().pending(-1);
    each.completion->done(unavailable("serve.stopping", "the server is stopping"));
  }
}

void Workers::add(Asked asked, Completion& completion) {
  Statistics& statistics = asked.model->statistics();
  Waiting waiting{std::move(asked), &completion, std::nullopt};
  const auto own = waiting.asked.request->timeout;
  const auto timeout = std::min<std::chrono::microseconds>(own.count() > 0 ? own : options_.timeout,
                                                           kLongestTimeout);
  if (timeout.count() > 0) waiting.deadline = waiting.asked.arrived + timeout;
  {
    const std::lock_guard lock(mutex_);
    std::int64_t& rows = rows_[waiting.asked.model.get()];
    const std::int64_t more = places(waiting.asked);
    const bool is_full = rows > 0 && more > options_.queue_rows - rows;
    if (!is_full) {
      rows += more;
      statistics.pending(1);
      queue_.push_back(std::move(waiting));
      waiting_.store(queue_.size(), std::memory_order_relaxed);
      came_.notify_one();
      return;
    }
  }
  statistics.failed(Clock::now() - waiting.asked.arrived, Failure::kRejected);
  completion.done(unavailable("serve.queue_full", "Exceeds maximum queue size"));
}

Workers::Waiting Workers::pop(std::size_t at) {
  const auto place = queue_.begin() + static_cast<std::ptrdiff_t>(at);
  Waiting out = std::move(*place);
  queue_.erase(place);
  const auto rows = rows_.find(out.asked.model.get());
  rows->second -= places(out.asked);
  if (rows->second == 0) rows_.erase(rows);
  waiting_.store(queue_.size(), std::memory_order_relaxed);
  return out;
}

bool Workers::worth_waiting() const {
  const Asked& first = queue_.front().asked;
  return !stopping_ && first.model->by_rows() &&
         rows_.find(first.model.get())->second < options_.batch_rows;
}

void Workers::take_joining(std::vector<Waiting>& batch) {
  std::int64_t rows = batch.front().asked.question.rows;
  for (std::size_t at = 0; at < queue_.size() && rows < options_.batch_rows;) {
    const Asked& next = queue_[at].asked;
    const bool fits = next.question.rows <= options_.batch_rows - rows;
    if (!fits || !may_join(batch.front().asked, next)) {
      ++at;
      continue;
    }
    rows += next.question.rows;
    batch.push_back(pop(at));
  }
}

std::vector<Workers::Waiting> Workers::take() {
  std::unique_lock lock(mutex_);
  std::vector<Waiting> batch;
  for (;;) {
    came_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
    if (stopping_) return batch;
    const auto until = queue_.front().asked.arrived + options_.batch_delay;
    if (!worth_waiting() || Clock::now() >= until) break;
    // Another worker may take all of it meanwhile.
    came_.wait_until(lock, until);
  }
  batch.push_back(pop(0));
  take_joining(batch);
  return batch;
}

template <typename Is>
void Workers::drop(std::vector<Waiting>& batch, Failure why, const Error& error, const Is& is) {
  const auto dropped = std::stable_partition(batch.begin(), batch.end(),
                                             [&](const Waiting& each) { return !is(each); });
  for (auto each = dropped; each != batch.end(); ++each) {
    each->asked.model->statistics().failed(Clock::now() - each->asked.arrived, why);
    each->completion->done(error);
  }
  batch.erase(dropped, batch.end());
}

void Workers::answer(std::vector<Waiting>& batch) {
  const auto now = Clock::now();
  for (Waiting& each : batch) each.asked.model->statistics().pending(-1);
  const Error cancelled =
      fail(Code::kCancelled, "serve.cancelled", "the client has cancelled the request");
  drop(batch, Failure::kCanceled, cancelled,
       [](const Waiting& each) { return each.completion->is_cancelled(); });
  drop(batch, Failure::kRejected, unavailable("serve.timeout", "Request timeout expired"),
       [&](const Waiting& each) { return each.deadline && now >= *each.deadline; });
  std::vector<Asked> asked;
  for (Waiting& each : batch) asked.push_back(std::move(each.asked));
  std::vector<Status> outcomes(asked.size());
  answer_all(asked, outcomes);
  for (std::size_t i = 0; i < batch.size(); ++i) {
    batch[i].completion->done(std::move(outcomes[i]));
  }
}

void Workers::work() {
  for (;;) {
    std::vector<Waiting> batch = take();
    if (batch.empty()) return;
    answer(batch);
  }
}

}  // namespace kingpost::steps::serve
