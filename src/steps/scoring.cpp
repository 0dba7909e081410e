// SPDX-License-Identifier: Apache-2.0
// While some threads run the graph on a batch, the calling thread decodes the next one.
#include "steps/scoring.h"

#include <algorithm>
#include <optional>
#include <thread>

namespace kingpost::steps {
namespace {

// One batch on its way, cut into a part for each thread.
class Flight {
 public:
  Flight(const onnx::Model& model, records::Batch batch, std::int64_t first, int threads)
      : model_(model), batch_(std::move(batch)), first_(first) {
    const auto parts = std::clamp<std::int64_t>(threads, 1, std::max<std::int64_t>(1, batch_.rows));
    answers_.resize(static_cast<std::size_t>(parts));
    const std::int64_t size = (batch_.rows + parts - 1) / parts;
    for (std::int64_t p = 0; p < parts; ++p) {
      const std::int64_t from = std::min(p * size, batch_.rows);
      const std::int64_t rows = std::min(size, batch_.rows - from);
      threads_.emplace_back([this, p, from, rows] {
        answers_[static_cast<std::size_t>(p)].emplace(model_.run(batch_, from, rows));
      });
    }
  }
  ~Flight() { land(); }
  Flight(const Flight&) = delete;
  Flight& operator=(const Flight&) = delete;

  Status hand_over(const std::function<Status(const Scored&)>& take) {
    land();
    TRY(const auto outputs, joined());
    return take({first_, batch_, outputs});
  }

 private:
  void land() {
    for (std::thread& each : threads_) each.join();
    threads_.clear();
  }

  // The parts' tensors one below the other.
  Result<std::vector<records::Tensor>> joined() {
    std::vector<records::Tensor> out;
    for (auto& answer : answers_) {
      if (!*answer) return std::move(answer->error());
      auto& tensors = answer->value();
      if (out.empty()) {
        out = std::move(tensors);
        continue;
      }
      for (std::size_t t = 0; t < out.size(); ++t) {
        out[t].shape[0] += tensors[t].shape[0];
        std::visit(
            [&](auto& to) {
              auto& from = std::get<std::decay_t<decltype(to)>>(tensors[t].data);
              to.insert(to.end(), std::make_move_iterator(from.begin()),
                        std::make_move_iterator(from.end()));
            },
            out[t].data);
      }
    }
    return out;
  }

  const onnx::Model& model_;
  records::Batch batch_;
  std::int64_t first_;
  std::vector<std::thread> threads_;
  std::vector<std::optional<Result<std::vector<records::Tensor>>>> answers_;
};

}  // namespace

Status score_rows(sql::Session& session, const std::string& query, const onnx::Model& model,
                  int threads, const std::function<Status(const Scored&)>& take) {
  if (threads <= 0) threads = static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));
  std::unique_ptr<Flight> flight;
  std::int64_t first = 0;
  const auto launch = [&](records::Batch& batch) -> Status {
    const auto before = std::move(flight);
    if (before != nullptr) TRY_STATUS(before->hand_over(take));
    const std::int64_t rows = batch.rows;
    flight = std::make_unique<Flight>(model, std::move(batch), first, threads);
    first += rows;
    return {};
  };
  TRY_STATUS(session.stream(query, launch));
  return flight == nullptr ? Status() : flight->hand_over(take);
}

}  // namespace kingpost::steps
