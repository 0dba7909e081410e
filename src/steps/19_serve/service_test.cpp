// SPDX-License-Identifier: Apache-2.0
#include "steps/19_serve/service.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cmath>
#include <condition_variable>
#include <cstring>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>

#include "base/files.h"
#include "base/scratch.h"
#include "engines/onnx/graph.h"

namespace kingpost::steps::serve {
namespace {

using onnx::TensorType;
using onnx::Value;
using records::Datatype;
using records::InferRequest;
using records::InferResponse;
using records::InferTensor;
using testing::ElementsAre;
using testing::HasSubstr;

// total = amount + fee; label = place + "!"; row by row.
std::string adding_model(double fee) {
  onnx::Graph graph("adding");
  const Value amount = graph.input("amount", TensorType::kDouble);
  const Value place = graph.input("place", TensorType::kString);
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
    request.inputs = {{"amount", Datatype::kFp64, shape_, std::as_bytes(std::span(amounts_)), {}},
                      {"place", Datatype::kBytes, shape_, {}, places_}};
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

  InferRequest request;
  InferResponse response;
  Ending ending;

 private:
  std::vector<double> amounts_;
  std::string place_;
  std::vector<std::string_view> places_;
  std::vector<std::int64_t> shape_;
};

std::vector<double> counting(std::size_t rows, double from = 0) {
  std::vector<double> out(rows);
  for (std::size_t i = 0; i < rows; ++i) out[i] = from + static_cast<double>(i);
  return out;
}

class ServiceTest : public testing::Test {
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

TEST_F(ServiceTest, QuickRequestsAreAnsweredBeforeTheCallReturns) {
  start({});
  Ask ask({1, 2});
  service->infer(ask.request, ask.response, ask.ending);
  ASSERT_TRUE(ask.ending.has_come());
  EXPECT_TRUE(ask.is_right(0.5));
  EXPECT_EQ(ask.response.model, "adding");
  EXPECT_EQ(ask.response.version, "1");
  EXPECT_EQ(statistics().rows(), 2U);
  EXPECT_EQ(statistics().executions(), 1U);
  EXPECT_EQ(statistics().whole().total().count, 1U);
}

TEST_F(ServiceTest, LongRequestsAreCutIntoSlicesAndJoined) {
  start({});
  for (const std::size_t rows : {255U, 256U, 257U, 1000U, 5120U}) {
    Ask ask(counting(rows));
    const Status done = ask.ask(*service);
    ASSERT_TRUE(done) << render(done.error());
    EXPECT_TRUE(ask.is_right(0.5)) << rows;
  }
  Ask none({});
  ASSERT_TRUE(none.ask(*service));
  EXPECT_TRUE(none.is_right(0.5));
}

TEST_F(ServiceTest, WaitingRequestsAreAskedTogetherAndEachGetsItsOwn) {
  ServiceOptions options;
  options.threads = 1;
  options.batch_delay = std::chrono::milliseconds(20);
  start(options);
  std::vector<std::unique_ptr<Ask>> asks;
  for (int i = 0; i < 60; ++i) {
    asks.push_back(std::make_unique<Ask>(counting(1 + static_cast<std::size_t>(i) % 5, i * 100.0),
                                         "place " + std::to_string(i)));
    service->infer(asks.back()->request, asks.back()->response, asks.back()->ending);
  }
  for (const auto& each : asks) {
    ASSERT_TRUE(each->ending.wait());
    EXPECT_TRUE(each->is_right(0.5));
  }
  EXPECT_EQ(statistics().whole().total().count, 60U);
  EXPECT_EQ(statistics().rows(), 180U);
  EXPECT_LT(statistics().executions(), 20U);
  EXPECT_EQ(statistics().pending(), 0);
}

TEST_F(ServiceTest, RequestsWithoutRowsAreAskedTogetherToo) {
  ServiceOptions options;
  options.threads = 1;
  options.batch_delay = std::chrono::milliseconds(20);
  start(options);
  std::vector<std::unique_ptr<Ask>> asks;
  for (int i = 0; i < 4; ++i) {
    asks.push_back(std::make_unique<Ask>(std::vector<double>()));
    service->infer(asks.back()->request, asks.back()->response, asks.back()->ending);
  }
  for (const auto& each : asks) {
    ASSERT_TRUE(each->ending.wait());
    EXPECT_TRUE(each->is_right(0.5));
  }
}

TEST_F(ServiceTest, ManyAskersAtOnce) {
  ServiceOptions options;
  options.threads = 2;
  options.batch_delay = std::chrono::microseconds(200);
  start(options);
  std::vector<int> wrong(16, -1);
  std::vector<std::thread> threads;
  for (std::size_t asker = 0; asker < wrong.size(); ++asker) {
    threads.emplace_back([&, asker] {
      int count = 0;
      for (std::size_t i = 0; i < 100; ++i) {
        Ask ask(counting(1 + i % 7, static_cast<double>(asker * 1000 + i)), std::to_string(asker));
        count += ask.ask(*service).has_value() && ask.is_right(0.5) ? 0 : 1;
      }
      wrong[asker] = count;
    });
  }
  for (std::thread& each : threads) each.join();
  EXPECT_THAT(wrong, testing::Each(0));
}

TEST_F(ServiceTest, AFullQueueRefusesAndCounts) {
  ServiceOptions options;
  options.threads = 1;
  options.queue_rows = 10;
  options.batch_delay = std::chrono::seconds(30);
  start(options);
  Ask first(counting(6));
  Ask second(counting(6));
  service->infer(first.request, first.response, first.ending);
  const Status refused = second.ask(*service);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().id(), "serve.queue_full");
  EXPECT_EQ(refused.error().what(), "Exceeds maximum queue size");
  EXPECT_EQ(statistics().failures(Failure::kRejected), 1U);
  EXPECT_EQ(statistics().pending(), 1);
  service.reset();
  const Status stopped = first.ending.wait();
  ASSERT_FALSE(stopped);
  EXPECT_EQ(stopped.error().id(), "serve.stopping");
}

TEST_F(ServiceTest, ARequestThatIsLongerThanTheQueueIsTakenWhenNobodyWaits) {
  ServiceOptions options;
  options.queue_rows = 10;
  options.inline_limit = Nanos(0);
  start(options);
  Ask ask(counting(100));
  ASSERT_TRUE(ask.ask(*service));
  EXPECT_TRUE(ask.is_right(0.5));
}

TEST_F(ServiceTest, ARequestThatWaitedTooLongIsNotAnswered) {
  ServiceOptions options;
  options.threads = 1;
  options.batch_delay = std::chrono::milliseconds(50);
  start(options);
  Ask ask({1});
  ask.request.timeout = std::chrono::microseconds(1);
  const Status late = ask.ask(*service);
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().id(), "serve.timeout");
  EXPECT_EQ(late.error().code(), Code::kUnavailable);
}

TEST_F(ServiceTest, ACancelledRequestIsNotAsked) {
  ServiceOptions options;
  options.inline_limit = Nanos(0);
  options.timeout = std::chrono::hours(1);
  start(options);
  Ask ask({1});
  ask.ending.cancelled.store(true);
  EXPECT_EQ(ask.ask(*service).error().id(), "serve.cancelled");
  EXPECT_EQ(statistics().failures(Failure::kCanceled), 1U);
  EXPECT_EQ(statistics().executions(), 0U);
}

TEST_F(ServiceTest, TheServersOwnTimeoutHoldsForRequestsThatSayNone) {
  ServiceOptions options;
  options.inline_limit = Nanos(0);
  options.batch_delay = std::chrono::milliseconds(30);
  options.timeout = std::chrono::milliseconds(1);
  start(options);
  Ask none({1});
  EXPECT_EQ(none.ask(*service).error().id(), "serve.timeout");
  Ask own({1});
  own.request.timeout = std::chrono::seconds(60);
  EXPECT_TRUE(own.ask(*service));
  Ask longest({1});
  longest.request.timeout = std::chrono::microseconds::max();
  EXPECT_TRUE(longest.ask(*service));
}

TEST_F(ServiceTest, WrongRequestsAreRefusedInTritonsWords) {
  start({});
  const auto refusal = [&](Ask& ask) {
    const Status done = ask.ask(*service);
    return done ? std::string() : done.error().id() + ": " + done.error().what();
  };
  Ask unknown({1});
  unknown.request.model = "nope";
  EXPECT_EQ(refusal(unknown),
            "serve.model_unknown: Request for unknown model: 'nope' is not found");
  Ask version({1});
  version.request.version = "9";
  EXPECT_EQ(refusal(version),
            "serve.model_unknown: Request for unknown model: 'adding' version 9 is not found");
  Ask input({1});
  input.request.inputs[0].name = "zzz";
  EXPECT_EQ(refusal(input),
            "serve.input_unknown: unexpected inference input 'zzz' for model 'adding'");
  Ask type({1});
  type.request.inputs[0].datatype = Datatype::kInt64;
  EXPECT_EQ(refusal(type),
            "serve.input_type: inference input 'amount' data-type is 'INT64', but model 'adding' "
            "expects 'FP64'");
  Ask shape({1, 2});
  const std::vector<std::int64_t> wide = {1, 2};
  shape.request.inputs[0].shape = wide;
  EXPECT_EQ(refusal(shape),
            "serve.input_shape: unexpected shape for input 'amount' for model 'adding'. Expected "
            "[-1,1], got [1,2]");
  Ask missing({1});
  missing.request.inputs.pop_back();
  EXPECT_EQ(refusal(missing),
            "serve.input_missing: expected 2 inputs but got 1 inputs for model 'adding': 'place' "
            "is missing");
  Ask twice({1});
  twice.request.inputs[1] = twice.request.inputs[0];
  EXPECT_THAT(refusal(twice), HasSubstr("given twice"));
  Ask output({1});
  output.request.outputs = {{"zzz"}};
  EXPECT_EQ(refusal(output),
            "serve.output_unknown: unexpected inference output 'zzz' for model 'adding'");
  Ask rows({1, 2});
  const std::vector<std::int64_t> one = {1, 1};
  rows.request.inputs[1].shape = one;
  rows.request.inputs[1].texts = rows.request.inputs[1].texts.first(1);
  EXPECT_THAT(refusal(rows), HasSubstr("has 2 rows and input 'place' has 1"));
  EXPECT_EQ(statistics().failures(Failure::kOther), 7U);
}

TEST_F(ServiceTest, ErrorsAreCountedByModelsThatThereAreOnly) {
  start({});
  const Error error = fail(Code::kInvalidInput, "infer.json_malformed", "no JSON");
  service->refused("adding", error);
  for (int i = 0; i < 1000; ++i) service->refused("\xFF" + std::to_string(i), error);
  const std::vector<ErrorCounts::Row> rows = service->errors();
  ASSERT_EQ(rows.size(), 2U);
  EXPECT_EQ(rows[0].model, "");
  EXPECT_EQ(rows[0].count, 1000U);
  EXPECT_EQ(rows[1].model, "adding");
}

TEST_F(ServiceTest, OnlyTheOutputsThatAreAskedFor) {
  start({});
  Ask ask({1, 2});
  ask.request.outputs = {{"label"}};
  ASSERT_TRUE(ask.ask(*service));
  ASSERT_EQ(ask.response.outputs.size(), 1U);
  EXPECT_THAT(ask.response.outputs[0].texts, ElementsAre("EWR!", "EWR!"));
}

TEST_F(ServiceTest, ClassesInsteadOfValues) {
  start({});
  onnx::Graph graph("scores");
  const Value in = graph.input("scores", TensorType::kFloat, 3);
  graph.output("same", graph.node("Identity", {in}, TensorType::kFloat), 3);
  put("scores.onnx", graph.bytes());
  add({"scores", 1, path("scores.onnx")});
  ASSERT_TRUE(service->repository().load("scores"));
  const std::vector<float> values = {0.25F, 0.5F, 0.25F, 1, std::nanf(""), 2};
  const std::vector<std::int64_t> shape = {2, 3};
  InferRequest request;
  request.model = "scores";
  request.inputs = {{"scores", Datatype::kFp32, shape, std::as_bytes(std::span(values)), {}}};
  request.outputs = {{"same", false, 2}};
  InferResponse response;
  Ending ending;
  service->infer(request, response, ending);
  ASSERT_TRUE(ending.wait());
  EXPECT_THAT(response.outputs[0].shape, ElementsAre(2, 2));
  EXPECT_THAT(response.outputs[0].texts,
              ElementsAre("0.500000:1", "0.250000:0", "2.000000:2", "1.000000:0"));
}

TEST_F(ServiceTest, TextsHaveNoClasses) {
  start({});
  Ask ask({1});
  ask.request.outputs = {{"label", false, 1}};
  const Status done = ask.ask(*service);
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().id(), "serve.not_classes");
}

TEST_F(ServiceTest, TheNewestVersionAnswersAndOthersWhenTheyAreNamed) {
  start({});
  put("newer.onnx", adding_model(10));
  add({"adding", 3, path("newer.onnx")});
  EXPECT_TRUE(service->ready());
  ASSERT_TRUE(service->repository().load("adding"));
  Ask newest({1});
  ASSERT_TRUE(newest.ask(*service));
  EXPECT_EQ(newest.response.version, "3");
  EXPECT_TRUE(newest.is_right(10));
  Ask first({1});
  first.request.version = "1";
  ASSERT_TRUE(first.ask(*service));
  EXPECT_TRUE(first.is_right(0.5));
}

TEST_F(ServiceTest, AModelIsUnloadedAndLoadedAgain) {
  start({});
  ASSERT_TRUE(service->repository().unload("adding"));
  Ask gone({1});
  const Status unanswered = gone.ask(*service);
  ASSERT_FALSE(unanswered);
  EXPECT_EQ(unanswered.error().what(),
            "Request for unknown model: 'adding' has no available versions");
  EXPECT_EQ(service->repository().index(false).at(0).state, ModelState::kUnavailable);
  EXPECT_TRUE(service->repository().index(true).empty());
  put("adding.onnx", adding_model(7));
  ASSERT_TRUE(service->repository().load("adding"));
  Ask again({1});
  ASSERT_TRUE(again.ask(*service));
  EXPECT_TRUE(again.is_right(7));
  EXPECT_EQ(service->repository().load("nope").error().id(), "serve.model_unknown");
}

TEST_F(ServiceTest, WhatAnsweredGoesOnWhenANewerFileIsNoModel) {
  start({});
  put("adding.onnx", "no model any more");
  const Status failed = service->repository().load("adding");
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().id(), "onnx.invalid_model");
  Ask ask({1});
  ASSERT_TRUE(ask.ask(*service));
  EXPECT_TRUE(ask.is_right(0.5));
  EXPECT_TRUE(service->ready());
}

TEST_F(ServiceTest, ReadyOnlyWithAllThatIsWanted) {
  start({});
  EXPECT_TRUE(service->ready());
  put("broken.onnx", "");
  add({"broken", 1, path("broken.onnx")});
  ASSERT_FALSE(service->repository().load("broken"));
  EXPECT_FALSE(service->ready());
  ASSERT_TRUE(service->repository().unload("broken"));
  EXPECT_TRUE(service->ready());
  service->stop_soon();
  EXPECT_FALSE(service->ready());
  Ask ask({1});
  EXPECT_TRUE(ask.ask(*service));
}

TEST_F(ServiceTest, NamesThatNoPathCouldHaveAreRefused) {
  start({});
  for (const char* name : {"", "a/b", "a:b", "a\nb"}) {
    EXPECT_EQ(service->repository().add({name, 1, "x"}).error().id(), "serve.name_malformed");
  }
  EXPECT_EQ(service->repository().add({"adding", 0, "x"}).error().id(), "serve.name_malformed");
  EXPECT_EQ(service->repository().add({"adding", 1, "x"}).error().id(), "serve.model_twice");
  ASSERT_TRUE(service->repository().add({"gone", 1, path("gone.onnx")}));
  EXPECT_EQ(service->repository().load("gone").error().id(), "serve.model_missing");
}

TEST_F(ServiceTest, AModelThatAddsItsRowsUpIsNeverAskedInSlices) {
  start({});
  onnx::Graph graph("sum");
  const Value in = graph.input("amount", TensorType::kDouble);
  const Value ones = graph.node("Transpose", {in}, TensorType::kDouble);
  graph.output("sum", graph.node("MatMul", {ones, in}, TensorType::kDouble));
  put("sum.onnx", graph.bytes());
  add({"sum", 1, path("sum.onnx")});
  ASSERT_TRUE(service->repository().load("sum"));
  EXPECT_FALSE((*service->repository().find("sum", ""))->by_rows());
}

TEST(Statistics, BatchesBySize) {
  Statistics statistics;
  for (const std::int64_t rows : {1, 1, 128, 129, 256, 257, 1000000}) statistics.executed(rows, {});
  std::vector<std::int64_t> sizes;
  for (const BatchCount& each : statistics.batches()) sizes.push_back(each.rows);
  EXPECT_THAT(sizes, ElementsAre(1, 128, 256, 512, 1048576));
  EXPECT_EQ(statistics.batches()[0].infer.count, 2U);
  EXPECT_EQ(statistics.rows(), 1000772U);
}

TEST(Statistics, DurationsFallIntoTheBucketThatHoldsThem) {
  Histogram histogram;
  for (const std::int64_t ns : {std::int64_t{1}, std::int64_t{25'000}, std::int64_t{25'001},
                                std::int64_t{60} * 1'000'000'000}) {
    histogram.add(Nanos(ns));
  }
  const std::vector<std::uint64_t> buckets = histogram.buckets();
  EXPECT_EQ(buckets[0], 2U);
  EXPECT_EQ(buckets[1], 1U);
  EXPECT_EQ(buckets.back(), 1U);
  EXPECT_EQ(histogram.total().count, 4U);
}

}  // namespace
}  // namespace kingpost::steps::serve
