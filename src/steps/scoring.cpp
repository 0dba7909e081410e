// SPDX-License-Identifier: Apache-2.0
// While some threads run the graph on a batch, the calling thread decodes the next one.
#include "steps/scoring.h"

#include <algorithm>
#include <memory>
#include <thread>

#include "base/parallel.h"

namespace kingpost::steps {
namespace {

// One batch on its way, cut into a part for each thread.
class Flight {
 public:
  /// `room` is what an earlier flight left.
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

  std::vector<records::Tensor> room() { return std::move(outputs_); }

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

}  // namespace

Status score_rows(const RowSource& source, const onnx::Model& model, int threads,
                  const std::function<Status(const Scored&)>& take) {
  threads = threads_or_all(threads);
  std::unique_ptr<Flight> flight;
  std::int64_t first = 0;
  const auto launch = [&](records::Batch& batch) -> Status {
    const auto before = std::move(flight);
    Status handed = before == nullptr ? Status() : before->hand_over(take);
    if (!handed) return handed;
    auto room = before == nullptr ? std::vector<records::Tensor>() : before->room();
    const std::int64_t rows = batch.rows;
    flight = std::make_unique<Flight>(model, std::move(batch), first, threads, std::move(room));
    first += rows;
    return {};
  };
  TRY_STATUS(source(launch));
  return flight == nullptr ? Status() : flight->hand_over(take);
}

Status score_rows(sql::Session& session, const std::string& query, const onnx::Model& model,
                  int threads, const std::function<Status(const Scored&)>& take) {
  const auto source = [&](const TakeBatch& batches) { return session.stream(query, batches); };
  return score_rows(source, model, threads, take);
}

}  // namespace kingpost::steps
