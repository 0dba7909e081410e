// SPDX-License-Identifier: Apache-2.0
#include "steps/19_serve/service.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <memory>
#include <thread>

#include "engines/onnx/graph.h"
#include "support/service_case.h"

namespace kingpost::steps::serve {
namespace {

using onnx::TensorType;
using onnx::Value;
using records::Datatype;
using records::InferRequest;
using records::InferResponse;
using testing::ElementsAre;
using testing::HasSubstr;

using ServiceTest = ServiceCase;

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

}  // namespace
}  // namespace kingpost::steps::serve
