// SPDX-License-Identifier: Apache-2.0
#include "steps/18_deploy/grpc_gateway.h"

#include <future>

#include "support/grpc_gateway_case.h"

namespace kingpost::steps::deploy {
namespace {

// A ModelInferRequest of the model m.
std::string naming(char version) {
  return std::string("\x0a\x01m\x12\x01") + version;
}

TEST_F(GrpcGatewayTest, a_version_that_is_named_answers_itself) {
  for (const int percent : {0, 100}) {
    route(percent, 100);
    for (const char version : {'1', '2'}) {
      const std::string wanted = version + naming(version);
      EXPECT_EQ(ask(head_of(kUnary, "a"), naming(version)).messages.at(0).bytes, wanted);
      const auto heard = std::make_shared<Heard>();
      const auto call = stream(heard, "a");
      call->send({naming(version), false});
      call->half_close();
      ASSERT_TRUE(heard->waits(1, true));
      EXPECT_EQ(heard->texts, std::vector<std::string>{wanted});
    }
    EXPECT_EQ(ask(head_of(kUnary, "a"), naming('9')).messages.at(0).bytes, "1" + naming('9'));
  }
  // The other one would have said something else.
  EXPECT_EQ(traffic_.shadow_counts().sent, 0);
}

TEST_F(GrpcGatewayTest, no_other_answers_for_a_version_that_is_named) {
  route(100);
  candidate_.mood = Version::Mood::kBroken;
  EXPECT_EQ(ask(head_of(kUnary), naming('2')).ending.text, "broken");
  const auto heard = std::make_shared<Heard>();
  const auto call = stream(heard);
  call->send({naming('2'), false});
  ASSERT_TRUE(heard->waits(0, true));
  EXPECT_EQ(heard->end->value().text, "broken");
  EXPECT_EQ(candidate_.backend->seen().errors, 2);
  candidate_.end();
  grpc::Head head = head_of(kUnary);
  head.timeout = milliseconds(300);
  EXPECT_EQ(ask(head, naming('2')).ending.status, StatusCode::kDeadlineExceeded);
  EXPECT_EQ(stable_.asked.load(), 0);
}

TEST_F(GrpcGatewayTest, a_call_goes_on_as_it_came) {
  grpc::Head head = head_of(kUnary);
  head.encoding = "gzip";
  head.accept_encoding = "gzip,deflate";
  head.timeout = std::chrono::seconds(90);
  head.metadata.emplace_back("x-api-key", "secret");
  const auto answer = ask(head, "y");
  EXPECT_EQ(answer.ending.status, StatusCode::kOk);
  EXPECT_EQ(answer.messages.at(0).bytes, "1y");
  const grpc::Head& seen = stable_.head;
  EXPECT_EQ(seen.path, kUnary);
  EXPECT_EQ(seen.encoding, "gzip");
  EXPECT_EQ(seen.accept_encoding, "gzip,deflate");
  EXPECT_EQ(seen.find("x-api-key"), "secret");
  EXPECT_LE(seen.timeout, std::chrono::seconds(30));
  EXPECT_EQ(stable_.backend->seen().requests, 1);
}

TEST_F(GrpcGatewayTest, keys_stay_with_their_version) {
  route(30);
  int new_ones = 0;
  for (int i = 0; i < 200; ++i) {
    const std::string key = format("customer {}", i);
    const std::string first = version_of(key);
    EXPECT_EQ(version_of(key), first);
    // The same key as over HTTP.
    Share share;
    share.add(key);
    EXPECT_EQ(first == "2", share.is_within(30));
    new_ones += first == "2" ? 1 : 0;
  }
  EXPECT_GT(new_ones, 30);
  EXPECT_LT(new_ones, 95);
}

TEST_F(GrpcGatewayTest, what_the_new_version_fails_the_stable_one_answers) {
  route(100);
  candidate_.mood = Version::Mood::kBroken;
  EXPECT_EQ(version_of("a"), "1");
  EXPECT_EQ(candidate_.backend->seen().errors, 1);
  candidate_.mood = Version::Mood::kSilent;
  grpc::Head head = head_of(kUnary);
  // It has half of what the caller leaves.
  head.timeout = std::chrono::seconds(1);
  EXPECT_EQ(ask(head).messages.at(0).bytes, "1x");
  EXPECT_EQ(candidate_.backend->seen().errors, 2);
  candidate_.sees(2, 2);
  candidate_.end();
  EXPECT_EQ(version_of("a"), "1");
  EXPECT_EQ(candidate_.backend->seen().errors, 3);
  EXPECT_EQ(stable_.backend->seen().errors, 0);
}

TEST_F(GrpcGatewayTest, what_no_version_has_is_the_fault_of_none) {
  route(100, 100);
  candidate_.mood = Version::Mood::kRefusing;
  for (const char* path : {"/unknown", kUnary}) {
    EXPECT_EQ(ask(head_of(path)).ending.text, "2");
  }
  const auto heard = std::make_shared<Heard>();
  const auto call = stream(heard);
  call->send({"a", false});
  ASSERT_TRUE(heard->waits(0, true));
  EXPECT_EQ(heard->end->value().text, "2");
  // The three of them, and a copy.
  test::within_a_minute([&] { return candidate_.backend->seen().requests >= 4; });
  EXPECT_EQ(candidate_.backend->seen().requests, 4);
  EXPECT_EQ(candidate_.backend->seen().errors, 0);
}

TEST_F(GrpcGatewayTest, only_what_asks_a_model_is_copied) {
  route(0, 100);
  EXPECT_EQ(ask(head_of("/inference.GRPCInferenceService/RepositoryModelUnload")).ending.status,
            StatusCode::kOk);
  EXPECT_EQ(version_of("a"), "1");
  EXPECT_EQ(traffic_.shadow_counts().sent, 1);
}

TEST_F(GrpcGatewayTest, a_share_is_asked_for_where_there_is_one) {
  traffic_.set_route({stable_.backend, nullptr, 0, 0});
  const auto choice = traffic_.choose(
      []() -> Named {
        ADD_FAILURE() << "nobody shares";
        return {};
      },
      []() -> Share {
        ADD_FAILURE() << "nobody shares";
        return {};
      });
  EXPECT_EQ(choice.backend, stable_.backend);
}

TEST_F(GrpcGatewayTest, an_error_of_the_stable_version_is_its_answer) {
  stable_.mood = Version::Mood::kBroken;
  const auto answer = ask(head_of(kUnary));
  EXPECT_EQ(answer.ending.status, StatusCode::kInternal);
  EXPECT_EQ(answer.ending.text, "broken");
  EXPECT_EQ(stable_.backend->seen().errors, 1);
}

TEST_F(GrpcGatewayTest, a_lost_version_is_asked_again_until_the_deadline) {
  stable_.end();
  grpc::Head head = head_of(kUnary);
  head.timeout = milliseconds(300);
  EXPECT_EQ(ask(head).ending.status, StatusCode::kDeadlineExceeded);
  const auto tries = stable_.backend->seen().errors;
  const auto back = std::async(std::launch::async, [&] {
    stable_.fails(tries + 2);
    traffic_.set_route({candidate_.backend, nullptr, 0, 0});
  });
  EXPECT_EQ(version_of("a"), "2");
  back.wait();
}

TEST_F(GrpcGatewayTest, a_cancelled_call_is_cancelled_at_its_version) {
  stable_.mood = Version::Mood::kSilent;
  for (const char* path : {kUnary, kStream}) {
    const auto call = client_.begin(server_->port(), head_of(path), {}, std::make_shared<Heard>());
    call->send({"x", false});
    call->half_close();
    stable_.sees(path == kUnary ? 1 : 2, 0);
    call->cancel();
    stable_.sees(0, path == kUnary ? 1 : 2);
  }
  EXPECT_EQ(stable_.backend->seen().errors, 0);
}

TEST_F(GrpcGatewayTest, copies_go_to_the_new_version) {
  route(0, 100);
  EXPECT_EQ(version_of("a"), "1");
  const auto heard = std::make_shared<Heard>();
  const auto call = stream(heard);
  call->send({"b", false});
  ASSERT_TRUE(heard->waits(1));
  call->half_close();
  ASSERT_TRUE(heard->waits(1, true));
  candidate_.sees(2, 2);
  test::within_a_minute([&] { return traffic_.shadow_counts().different >= 2; });
  EXPECT_EQ(traffic_.shadow_counts().sent, 2);
  EXPECT_EQ(traffic_.shadow_counts().different, 2);
}

TEST_F(GrpcGatewayTest, a_large_message_of_a_stream_is_not_copied) {
  route(0, 100);
  const auto heard = std::make_shared<Heard>();
  const auto call = stream(heard);
  call->send({std::string(5'000'000, 'x'), false});
  call->half_close();
  ASSERT_TRUE(heard->waits(1, true));
  EXPECT_EQ(traffic_.shadow_counts().sent, 0);
  EXPECT_EQ(traffic_.shadow_counts().dropped, 1);
}

TEST_F(GrpcGatewayTest, a_stream_keeps_to_its_version) {
  route(100);
  const auto heard = std::make_shared<Heard>();
  const auto call = stream(heard, "a");
  call->send({"a", false});
  ASSERT_TRUE(heard->waits(1));
  route(0);
  call->send({"b", false});
  call->send({"c", false});
  call->half_close();
  ASSERT_TRUE(heard->waits(3, true));
  EXPECT_EQ(heard->texts, (std::vector<std::string>{"2a", "2b", "2c"}));
  EXPECT_EQ(heard->end->value().status, StatusCode::kOk);
}

TEST_F(GrpcGatewayTest, a_stream_goes_on_where_its_version_is_lost) {
  route(100);
  const auto heard = std::make_shared<Heard>();
  const auto call = stream(heard);
  call->send({"a", false});
  ASSERT_TRUE(heard->waits(1));
  candidate_.mood = Version::Mood::kSilent;
  call->send({"b", false});
  call->send({"c", false});
  candidate_.sees(3, 0);
  candidate_.end();
  ASSERT_TRUE(heard->waits(3));
  call->send({"d", false});
  call->half_close();
  ASSERT_TRUE(heard->waits(4, true));
  EXPECT_EQ(heard->texts, (std::vector<std::string>{"2a", "1b", "1c", "1d"}));
  EXPECT_EQ(heard->end->value().status, StatusCode::kOk);
  EXPECT_EQ(candidate_.backend->seen().errors, 1);
}

TEST_F(GrpcGatewayTest, a_stream_leaves_a_version_that_goes) {
  const auto heard = std::make_shared<Heard>();
  const auto call = stream(heard);
  call->send({"a", false});
  ASSERT_TRUE(heard->waits(1));
  traffic_.set_route({candidate_.backend, nullptr, 0, 0});
  stable_.backend->stop(0);
  call->send({"b", false});
  ASSERT_TRUE(heard->waits(2));
  stable_.sees(1, 1);
  call->half_close();
  ASSERT_TRUE(heard->waits(2, true));
  EXPECT_EQ(heard->texts, (std::vector<std::string>{"1a", "2b"}));
}

TEST_F(GrpcGatewayTest, a_deadline_of_an_idle_stream_is_nobodys_fault) {
  route(100);
  grpc::Head head = head_of(kStream);
  head.timeout = std::chrono::seconds(1);
  const auto heard = std::make_shared<Heard>();
  const auto call = client_.begin(server_->port(), head, {}, heard);
  call->send({"a", false});
  ASSERT_TRUE(heard->waits(1));
  ASSERT_TRUE(heard->waits(1, true));
  EXPECT_EQ(heard->end->value().status, StatusCode::kDeadlineExceeded);
  EXPECT_EQ(candidate_.backend->seen().errors, 0);
}

TEST_F(GrpcGatewayTest, it_stops_amid_calls) {
  stable_.end();
  for (int i = 0; i < 200; ++i) {
    const auto call =
        client_.begin(server_->port(), head_of(kUnary), {}, std::make_shared<Heard>());
    call->send({"x", false});
    call->half_close();
  }
  stable_.fails(1000);
  server_->stop();
  gateway_.stop();
}

TEST_F(GrpcGatewayTest, a_stream_without_messages_has_an_end) {
  const auto heard = std::make_shared<Heard>();
  stream(heard)->half_close();
  ASSERT_TRUE(heard->waits(0, true));
  EXPECT_EQ(heard->end->value().status, StatusCode::kOk);
}

}  // namespace
}  // namespace kingpost::steps::deploy
