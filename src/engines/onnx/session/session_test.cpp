// SPDX-License-Identifier: Apache-2.0
#include "engines/onnx/session/session.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <thread>

#include "engines/onnx/graph.h"

namespace kingpost::onnx {
namespace {

using records::Datatype;
using records::InferResponse;
using records::InferTensor;
using testing::ElementsAre;
using testing::HasSubstr;

template <typename T>
std::span<const std::byte> bytes_of(const std::vector<T>& values) {
  return std::as_bytes(std::span(values));
}

template <typename T>
std::vector<T> values_of(const InferTensor& tensor) {
  std::vector<T> out(tensor.data.size() / sizeof(T));
  if (!out.empty()) std::memcpy(out.data(), tensor.data.data(), tensor.data.size());
  return out;
}

// total = amount + fee; label = place + "!"
std::unique_ptr<Session> pair_of_ports() {
  Graph graph("pair");
  const Value amount = graph.input("amount", TensorType::kDouble);
  const Value place = graph.input("place", TensorType::kString);
  graph.output("total", graph.node("Add", {amount, graph.constant(0.5)}, TensorType::kDouble));
  graph.output("label",
               graph.node("StringConcat", {place, graph.constant("!")}, TensorType::kString));
  auto session = Session::load(graph.bytes());
  EXPECT_TRUE(session) << render(session.error());
  return std::move(*session);
}

TEST(OnnxSession, TellsWhatTheModelTakesAndGives) {
  const auto session = pair_of_ports();
  ASSERT_EQ(session->inputs().size(), 2U);
  EXPECT_EQ(session->inputs()[0].name, "amount");
  EXPECT_EQ(session->inputs()[0].datatype, Datatype::kFp64);
  EXPECT_THAT(session->inputs()[0].shape, ElementsAre(-1, 1));
  EXPECT_EQ(session->inputs()[1].datatype, Datatype::kBytes);
  EXPECT_EQ(session->outputs()[1].name, "label");
}

TEST(OnnxSession, AnswersInTheOrderThatIsAskedFor) {
  const auto session = pair_of_ports();
  const std::vector<double> amounts = {1, std::numeric_limits<double>::quiet_NaN(), -0.5};
  const std::vector<std::string_view> places = {"EWR", "", "M\xC3\xBCnchen"};
  const std::vector<std::int64_t> shape = {3, 1};
  const std::vector<InferTensor> inputs = {
      {"amount", Datatype::kFp64, shape, bytes_of(amounts), {}},
      {"place", Datatype::kBytes, shape, {}, places}};
  InferResponse response;
  const std::vector<std::size_t> outputs = {1, 0};
  ASSERT_TRUE(session->run(inputs, outputs, response));
  ASSERT_EQ(response.outputs.size(), 2U);
  EXPECT_THAT(response.outputs[0].texts, ElementsAre("EWR!", "!", "M\xC3\xBCnchen!"));
  EXPECT_THAT(response.outputs[1].shape, ElementsAre(3, 1));
  const auto totals = values_of<double>(response.outputs[1]);
  EXPECT_EQ(totals[0], 1.5);
  EXPECT_TRUE(std::isnan(totals[1]));
  EXPECT_EQ(totals[2], 0);

  response.clear();
  const std::vector<std::size_t> only = {0};
  ASSERT_TRUE(session->run(inputs, only, response));
  ASSERT_EQ(response.outputs.size(), 1U);
  EXPECT_EQ(response.outputs[0].name, "total");
}

TEST(OnnxSession, NoRowsGiveNoRows) {
  const auto session = pair_of_ports();
  const std::vector<std::int64_t> shape = {0, 1};
  const std::vector<InferTensor> inputs = {{"amount", Datatype::kFp64, shape, {}, {}},
                                           {"place", Datatype::kBytes, shape, {}, {}}};
  InferResponse response;
  const std::vector<std::size_t> outputs = {0, 1};
  const Status done = session->run(inputs, outputs, response);
  ASSERT_TRUE(done) << render(done.error());
  EXPECT_THAT(response.outputs[0].shape, ElementsAre(0, 1));
  EXPECT_TRUE(response.outputs[1].texts.empty());
}

TEST(OnnxSession, AShapeThatTheModelCannotTakeIsAnErrorNotACrash) {
  const auto session = pair_of_ports();
  const std::vector<double> amounts = {1, 2, 3, 4, 5, 6};
  const std::vector<std::string_view> places(6, "x");
  const std::vector<std::int64_t> wide = {2, 3};
  const std::vector<InferTensor> inputs = {{"amount", Datatype::kFp64, wide, bytes_of(amounts), {}},
                                           {"place", Datatype::kBytes, wide, {}, places}};
  InferResponse response;
  const std::vector<std::size_t> outputs = {0};
  const Status done = session->run(inputs, outputs, response);
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().id(), "onnx.run_failed");
  EXPECT_THAT(done.error().what(), HasSubstr("ONNX Runtime"));
}

TEST(OnnxSession, WhatIsNoModelIsRefused) {
  for (const std::string_view bytes : {"", "not a model", "\x08\x0a"}) {
    const auto session = Session::load(bytes);
    ASSERT_FALSE(session);
    EXPECT_EQ(session.error().id(), "onnx.invalid_model");
  }
}

// How many of 500 questions were answered wrongly.
int wrong_answers(const Session& session, int asker) {
  InferResponse response;
  const std::vector<std::int64_t> shape = {1, 1};
  const std::vector<std::size_t> outputs = {0, 1};
  int wrong = 0;
  for (int i = 0; i < 500; ++i) {
    const std::vector<double> amount = {asker * 1000.0 + i};
    const std::string text = std::to_string(i) + " of " + std::to_string(asker);
    const std::vector<std::string_view> place = {text};
    const std::vector<InferTensor> inputs = {
        {"amount", Datatype::kFp64, shape, bytes_of(amount), {}},
        {"place", Datatype::kBytes, shape, {}, place}};
    response.clear();
    const bool right = session.run(inputs, outputs, response).has_value() &&
                       values_of<double>(response.outputs[0])[0] == amount[0] + 0.5 &&
                       response.outputs[1].texts[0] == text + "!";
    wrong += right ? 0 : 1;
  }
  return wrong;
}

TEST(OnnxSession, ManyThreadsAskAtOnceAndEachGetsItsOwn) {
  const auto session = pair_of_ports();
  std::vector<int> wrong(4, -1);
  std::vector<std::thread> threads;
  for (int asker = 0; asker < 4; ++asker) {
    threads.emplace_back(
        [&, asker] { wrong[static_cast<std::size_t>(asker)] = wrong_answers(*session, asker); });
  }
  for (std::thread& each : threads) each.join();
  EXPECT_THAT(wrong, testing::Each(0));
}

}  // namespace
}  // namespace kingpost::onnx
