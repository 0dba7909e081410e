// SPDX-License-Identifier: Apache-2.0
// While some threads run the graph on a batch, the calling thread decodes the next one, and another
// takes what came of the one before.
#include "steps/scoring.h"

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>

#include "base/parallel.h"

namespace kingpost::steps {
namespace {

// What a flight leaves is memory for a later one: fresh pages cost the kernel more than filling
// them costs us.
struct Room {
  records::Batch batch;
  std::vector<records::Tensor> outputs;
};

// One batch on its way, cut into a part for each thread.
class Flight {
 public:
  Flight(const onnx::Model& model, records::Batch batch, std::int64_t first, int threads,
         std::vector<records::Tensor> room)
      : model_(model), batch_(std::move(batch)), first_(first), outputs_(std::move(room)) {
    model_.make_room(batch_.rows, outputs_);
    const auto parts = std::clamp<std::int64_t>(threads, 1, std::max<std::int64_t>(1, batch_.rows));
    states_.resize(static_cast<std::size_t>(parts));
    const std::int64_t size = (batch_.rows + parts - 1) / parts;
    for (std::int64_t p = 0; p < parts; ++p) {
      const std::int64_t from = std::min(p * size, batch_.rows);
      const std::int64_t rows = std::min(size, batch_.rows - from);
      threads_.emplace_back([this, p, from, rows] {
        states_[static_cast<std::size_t>(p)] = model_.run_into(batch_, from, rows, outputs_);
      });
    }
  }
  ~Flight() { land(); }
  Flight(const Flight&) = delete;
  Flight& operator=(const Flight&) = delete;

  Status hand_over(const std::function<Status(const Scored&)>& take) {
    land();
    for (const Status& each : states_) TRY_STATUS(each);
    return take({first_, batch_, outputs_});
  }

  Room room() { return {std::move(batch_), std::move(outputs_)}; }

 private:
  void land() {
    for (std::thread& each : threads_) each.join();
    threads_.clear();
  }

  const onnx::Model& model_;
  records::Batch batch_;
  std::int64_t first_;
  std::vector<records::Tensor> outputs_;
  std::vector<std::thread> threads_;
  std::vector<Status> states_;
};

// Hands flights over in their order, on a thread of its own.
class Landing {
 public:
  explicit Landing(const std::function<Status(const Scored&)>& take)
      : take_(take), thread_([this] { run(); }) {}
  ~Landing() { stop(); }
  Landing(const Landing&) = delete;
  Landing& operator=(const Landing&) = delete;

  /// What an earlier flight left, once there is room for another. Ends with the first error.
  Result<Room> room() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return waiting_.size() < kMost || !status_; });
    if (!status_) return Error(status_.error());
    return std::exchange(room_, {});
  }

  void add(std::unique_ptr<Flight> flight) {
    const std::lock_guard lock(mutex_);
    waiting_.push_back(std::move(flight));
    changed_.notify_all();
  }

  Status finish() {
    stop();
    return std::move(status_);
  }

 private:
  /// Two in the air, one being handed over; another is being made meanwhile.
  static constexpr std::size_t kMost = 3;

  void stop() {
    {
      const std::lock_guard lock(mutex_);
      stopped_ = true;
    }
    changed_.notify_all();
    if (thread_.joinable()) thread_.join();
  }

  void run() {
    std::unique_lock lock(mutex_);
    while (true) {
      changed_.wait(lock, [this] { return stopped_ || !waiting_.empty(); });
      if (waiting_.empty() || !status_) return;
      Flight& flight = *waiting_.front();
      lock.unlock();
      Status status = flight.hand_over(take_);
      auto room = flight.room();
      lock.lock();
      status_ = std::move(status);
      room_ = std::move(room);
      waiting_.pop_front();
      changed_.notify_all();
    }
  }

  const std::function<Status(const Scored&)>& take_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::unique_ptr<Flight>> waiting_;
  Room room_;
  Status status_;
  bool stopped_ = false;
  std::thread thread_;
};

}  // namespace

Status score_rows(const RowSource& source, const onnx::Model& model, int threads,
                  const std::function<Status(const Scored&)>& take) {
  threads = threads_or_all(threads);
  Landing landing(take);
  std::int64_t first = 0;
  const auto launch = [&](records::Batch& batch) -> Status {
    TRY(auto room, landing.room());
    const std::int64_t rows = batch.rows;
    landing.add(
        std::make_unique<Flight>(model, std::move(batch), first, threads, std::move(room.outputs)));
    batch = std::move(room.batch);
    first += rows;
    return {};
  };
  TRY_STATUS(source(launch));
  return landing.finish();
}

Status score_rows(sql::Session& session, const std::string& query, const onnx::Model& model,
                  int threads, const std::function<Status(const Scored&)>& take) {
  const auto source = [&](const TakeBatch& batches) { return session.stream(query, batches); };
  return score_rows(source, model, threads, take);
}

}  // namespace kingpost::steps
