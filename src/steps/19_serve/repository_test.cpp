// SPDX-License-Identifier: Apache-2.0
#include "steps/19_serve/repository.h"

#include <gtest/gtest.h>

#include "engines/onnx/graph.h"
#include "support/service_case.h"

namespace kingpost::steps::serve {
namespace {

using onnx::TensorType;
using onnx::Value;

using RepositoryTest = ServiceCase;

TEST_F(RepositoryTest, TheNewestVersionAnswersAndOthersWhenTheyAreNamed) {
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

TEST_F(RepositoryTest, AModelIsUnloadedAndLoadedAgain) {
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

TEST_F(RepositoryTest, WhatAnsweredGoesOnWhenANewerFileIsNoModel) {
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

TEST_F(RepositoryTest, ReadyOnlyWithAllThatIsWanted) {
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

TEST_F(RepositoryTest, NamesThatNoPathCouldHaveAreRefused) {
  start({});
  for (const char* name : {"", "a/b", "a:b", "a\nb"}) {
    EXPECT_EQ(service->repository().add({name, 1, "x"}).error().id(), "serve.name_malformed");
  }
  EXPECT_EQ(service->repository().add({"adding", 0, "x"}).error().id(), "serve.name_malformed");
  EXPECT_EQ(service->repository().add({"adding", 1, "x"}).error().id(), "serve.model_twice");
  ASSERT_TRUE(service->repository().add({"gone", 1, path("gone.onnx")}));
  EXPECT_EQ(service->repository().load("gone").error().id(), "serve.model_missing");
}

TEST_F(RepositoryTest, AModelThatAddsItsRowsUpIsNeverAskedInSlices) {
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

}  // namespace
}  // namespace kingpost::steps::serve
