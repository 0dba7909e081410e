// SPDX-License-Identifier: Apache-2.0
// A service with a small model, and questions to it.
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <condition_variable>
#include <cstring>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/files.h"
#include "base/scratch.h"
#include "engines/onnx/graph.h"
#include "steps/19_serve/service.h"

namespace kingpost::steps::serve {

// total = amount + fee; label = place + "!"; row by row.
inline std::string adding_model(double fee) {
  using onnx::TensorType;
  onnx::Graph graph("adding");
  const onnx::Value amount = graph.input("amount", TensorType::kDouble);
  const onnx::Value place = graph.input("place", TensorType::kString);
  graph.output("total", graph.node("Add", {amount, graph.constant(fee)}, TensorType::kDouble));
  graph.output("label",
               graph.node("StringConcat", {place, graph.constant("!")}, TensorType::kString));
  return graph.bytes();
}

class Ending final : public Completion {
 public:
  bool is_cancelled() const override { return cancelled.load(); }
  void done(Status status) override {
    const std::lock_guard lock(mutex_);
    status_ = std::move(status);
    came_.notify_all();
  }
  Status wait() {
    std::unique_lock lock(mutex_);
    came_.wait(lock, [this] { return status_.has_value(); });
    return *std::move(status_);
  }
  std::atomic<bool> cancelled{false};
  bool has_come() {
    const std::lock_guard lock(mutex_);
    return status_.has_value();
  }

 private:
  std::mutex mutex_;
  std::condition_variable came_;
  std::optional<Status> status_;
};

// One question to the adding model, of one row per amount.
class Ask {
 public:
  explicit Ask(std::vector<double> amounts, std::string place = "EWR")
      : amounts_(std::move(amounts)), place_(std::move(place)) {
    shape_ = {std::ssize(amounts_), 1};
    places_.assign(amounts_.size(), place_);
    request.model = "adding";
    request.inputs = {
        {"amount", records::Datatype::kFp64, shape_, std::as_bytes(std::span(amounts_)), {}},
        {"place", records::Datatype::kBytes, shape_, {}, places_}};
  }

  Status ask(Service& service) {
    service.infer(request, response, ending);
    return ending.wait();
  }
  std::vector<double> totals() const {
    std::vector<double> out(response.outputs.at(0).data.size() / sizeof(double));
    if (!out.empty()) {
      std::memcpy(out.data(), response.outputs[0].data.data(), response.outputs[0].data.size());
    }
    return out;
  }
  // Every total is its amount and the fee, every label its place.
  bool is_right(double fee) const {
    const std::vector<double> found = totals();
    if (found.size() != amounts_.size()) return false;
    for (std::size_t i = 0; i < found.size(); ++i) {
      if (found[i] != amounts_[i] + fee) return false;
      if (response.outputs[1].texts[i] != place_ + "!") return false;
    }
    return response.outputs[0].shape[0] == std::ssize(amounts_);
  }

  records::InferRequest request;
  records::InferResponse response;
  Ending ending;

 private:
  std::vector<double> amounts_;
  std::string place_;
  std::vector<std::string_view> places_;
  std::vector<std::int64_t> shape_;
};

inline std::vector<double> counting(std::size_t rows, double from = 0) {
  std::vector<double> out(rows);
  for (std::size_t i = 0; i < rows; ++i) out[i] = from + static_cast<double>(i);
  return out;
}

class ServiceCase : public testing::Test {
 protected:
  void start(const ServiceOptions& options) {
    put("adding.onnx", adding_model(0.5));
    service = std::make_unique<Service>(options);
    add({"adding", 1, path("adding.onnx")});
    const Status loaded = service->repository().load_all();
    ASSERT_TRUE(loaded) << render(loaded.error());
  }
  void add(const ModelSource& source) {
    const Status added = service->repository().add(source);
    ASSERT_TRUE(added) << render(added.error());
  }
  void put(const std::string& name, const std::string& bytes) {
    ASSERT_TRUE(write_file(path(name), bytes));
  }
  std::string path(const std::string& name) const { return folder->path() + "/" + name; }
  const Statistics& statistics(std::string_view version = "") const {
    return (*service->repository().find("adding", version))->statistics();
  }

  Result<Scratch> folder = Scratch::make("serve_test");
  std::unique_ptr<Service> service;
};

}  // namespace kingpost::steps::serve
