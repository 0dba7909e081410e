// SPDX-License-Identifier: Apache-2.0
// How long the gateway of gRPC waits, and how much.
#include <algorithm>
#include <thread>

#include "support/grpc_gateway_case.h"

namespace kingpost::steps::deploy {
namespace {

// Nobody is waited for long.
constexpr milliseconds kSoon{200};
class HastyGrpcGateway : public GrpcGatewayTest {
 protected:
  HastyGrpcGateway() : GrpcGatewayTest({.patience = kSoon, .trial = kSoon}) {}
};

TEST_F(HastyGrpcGateway, one_that_nobody_answers_is_unavailable_in_the_end) {
  traffic_.set_route({});
  const auto begun = std::chrono::steady_clock::now();
  const auto answer = ask(head_of(kUnary));
  EXPECT_EQ(answer.ending.status, StatusCode::kUnavailable);
  EXPECT_GE(std::chrono::steady_clock::now() - begun, kSoon);
}

TEST_F(HastyGrpcGateway, a_hung_or_broken_version_ends_no_stream) {
  route(100);
  for (const auto mood : {Version::Mood::kSilent, Version::Mood::kBroken}) {
    candidate_.mood = mood;
    const auto heard = std::make_shared<Heard>();
    const auto call = stream(heard);
    call->send({"a", false});
    call->half_close();
    ASSERT_TRUE(heard->waits(1, true));
    EXPECT_EQ(heard->texts, std::vector<std::string>{"1a"});
    EXPECT_EQ(heard->end->value().status, StatusCode::kOk);
  }
  EXPECT_EQ(candidate_.backend->seen().errors, 2);
}

TEST_F(HastyGrpcGateway, a_version_that_is_named_has_its_time) {
  route(100);
  candidate_.mood = Version::Mood::kSlow;
  // A ModelInferRequest of version 2 of the model m.
  const std::string naming = "\x0a\x01m\x12\x01" + std::string("2");
  EXPECT_EQ(ask(head_of(kUnary), naming).messages.at(0).bytes, "2" + naming);
  const auto heard = std::make_shared<Heard>();
  const auto call = stream(heard);
  call->send({naming, false});
  call->half_close();
  ASSERT_TRUE(heard->waits(1, true));
  EXPECT_EQ(heard->texts, std::vector<std::string>{"2" + naming});
  EXPECT_EQ(candidate_.backend->seen().errors, 0);
}

class PatientGrpcGateway : public GrpcGatewayTest {
 protected:
  PatientGrpcGateway() : GrpcGatewayTest({.patience = kPatient, .trial = kSoon}) {}
  static constexpr milliseconds kPatient{1000};
};

TEST_F(PatientGrpcGateway, a_stream_that_lay_idle_is_as_patient_as_another) {
  const auto heard = std::make_shared<Heard>();
  const auto call = stream(heard);
  call->send({"a", false});
  ASSERT_TRUE(heard->waits(1));
  // Longer than the patience for the first message would have been.
  std::this_thread::sleep_for(kPatient + milliseconds(50));
  stable_.end();
  // It is there when the message is asked again.
  traffic_.set_route({candidate_.backend, nullptr, 0, 0});
  call->send({"b", false});
  ASSERT_TRUE(heard->waits(2));
  EXPECT_EQ(heard->texts, (std::vector<std::string>{"1a", "2b"}));
  call->half_close();
  ASSERT_TRUE(heard->waits(2, true));
  EXPECT_EQ(heard->end->value().status, StatusCode::kOk);
}

// What waits may hold 200,000 bytes, half of them by one connection, and a call must be whole soon.
class NarrowGrpcGateway : public GrpcGatewayTest {
 protected:
  NarrowGrpcGateway()
      : GrpcGatewayTest({.held = 200'000, .of_connection = 100'000}, std::chrono::seconds(3)) {}

  // Of a connection of its own.
  std::shared_ptr<Heard> begin(const char* path, std::size_t bytes, int messages = 1) {
    auto heard = std::make_shared<Heard>();
    calls_.push_back(hostile_.begin(server_->port(), head_of(path), {}, heard));
    for (int i = 0; i < messages; ++i) calls_.back()->send({std::string(bytes, 'x'), false});
    return heard;
  }

  grpc::Client hostile_{{.threads = 1}};
  std::vector<std::shared_ptr<grpc::ClientCall>> calls_;
};

TEST_F(NarrowGrpcGateway, one_connection_cannot_keep_another_from_being_answered) {
  std::vector<std::shared_ptr<Heard>> heard;
  for (int i = 0; i < 10; ++i) heard.push_back(begin(kUnary, 30'000));
  const auto ended = [&](StatusCode code) {
    return std::count_if(heard.begin(), heard.end(),
                         [&](const auto& each) { return each->status() == code; });
  };
  const auto wait_for = [&](StatusCode code, int calls) {
    test::within_a_minute([&] { return ended(code) >= calls; });
    EXPECT_EQ(ended(code), calls);
  };
  wait_for(StatusCode::kResourceExhausted, 7);
  EXPECT_EQ(ask(head_of(kUnary), std::string(50'000, 'x')).ending.status, StatusCode::kOk);
  // The other three are never half-closed.
  wait_for(StatusCode::kDeadlineExceeded, 3);
  // What they held is free again.
  const auto whole = begin(kUnary, 90'000);
  calls_.back()->half_close();
  ASSERT_TRUE(whole->waits(1, true));
  EXPECT_EQ(whole->status(), StatusCode::kOk);
}

TEST_F(NarrowGrpcGateway, a_stream_gives_back_what_it_held_when_it_is_refused) {
  stable_.mood = Version::Mood::kSilent;
  const auto heard = begin(kStream, 30'000, 4);
  ASSERT_TRUE(heard->waits(0, true));
  EXPECT_EQ(heard->status(), StatusCode::kResourceExhausted);
  EXPECT_EQ(heard->end->value().text, kTooMuchOfOne);
  stable_.mood = Version::Mood::kWell;
  const auto whole = begin(kStream, 90'000);
  ASSERT_TRUE(whole->waits(1));
  calls_.back()->half_close();
  ASSERT_TRUE(whole->waits(1, true));
}

}  // namespace
}  // namespace kingpost::steps::deploy
