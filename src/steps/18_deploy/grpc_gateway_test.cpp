// SPDX-License-Identifier: Apache-2.0
#include "steps/18_deploy/grpc_gateway.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <condition_variable>
#include <future>
#include <mutex>
#include <thread>

#include "base/files.h"
#include "base/scratch.h"
#include "base/text.h"

namespace kingpost::steps::deploy {
namespace {

using grpc::Message;
using grpc::StatusCode;
using std::chrono::milliseconds;

constexpr const char* kUnary = "/inference.GRPCInferenceService/ModelInfer";
constexpr const char* kStream = "/inference.GRPCInferenceService/ModelStreamInfer";

// A version: answers a message with its own name before it, or as it is told.
class Version final : public grpc::Handler {
 public:
  enum class Mood { kWell, kSilent, kBroken, kRefusing };

  Version(const std::string& folder, const std::string& name, int port = 0) : name_(name) {
    grpc::ServerOptions how;
    how.threads = 1;
    how.port = port;
    server_ = grpc::Server::start(how, *this).value();
    // Its process does no more than telling the port.
    const std::string program = format("{}/{}", folder, name);
    const std::string text =
        format("#!/bin/sh\necho grpc://127.0.0.1:{}\necho http://127.0.0.1:1\nexec sleep 1000\n",
               server_->port());
    EXPECT_TRUE(write_durably(program, text, 0700));
    log_ = LineLog::open(folder + "/log").value();
    backend = std::make_shared<Backend>(Source{"m", name, "m.onnx"}, program,
                                        std::vector<std::string>{}, *log_);
    for (int i = 0; i < 6000 && backend->grpc_port() == 0; ++i) {
      backend->poll(0);
      std::this_thread::sleep_for(milliseconds(10));
    }
    EXPECT_EQ(backend->grpc_port(), server_->port());
  }
  ~Version() override { end(); }

  void message(const std::shared_ptr<grpc::Call>& call, Message message) override {
    asked.fetch_add(1);
    const std::lock_guard lock(mutex_);
    head = call->head();
    changed_.notify_all();
    if (mood == Mood::kSilent) return;
    if (mood == Mood::kRefusing) return call->finish(StatusCode::kUnimplemented, name_);
    if (mood == Mood::kBroken) return call->finish(StatusCode::kInternal, "broken");
    call->send({name_ + message.bytes, message.is_compressed});
  }
  void half_closed(const std::shared_ptr<grpc::Call>& call) override {
    if (mood == Mood::kWell) call->finish(StatusCode::kOk, {});
  }
  void closed(const std::shared_ptr<grpc::Call>&) override {
    const std::lock_guard lock(mutex_);
    ++over_;
    changed_.notify_all();
  }
  void sees(int messages, int over) {
    std::unique_lock lock(mutex_);
    EXPECT_TRUE(changed_.wait_for(lock, std::chrono::seconds(60),
                                  [&] { return asked.load() >= messages && over_ >= over; }));
  }
  // As the gateway counts it.
  void fails(std::int64_t errors) {
    for (int i = 0; i < 6000 && backend->seen().errors < errors; ++i) {
      std::this_thread::sleep_for(milliseconds(10));
    }
    EXPECT_GE(backend->seen().errors, errors);
  }
  // As when its process is killed.
  void end() {
    if (server_ != nullptr) server_->stop();
    server_.reset();
  }

  std::shared_ptr<Backend> backend;
  std::atomic<Mood> mood{Mood::kWell};
  std::atomic<int> asked{0};
  grpc::Head head;

 private:
  const std::string name_;
  std::unique_ptr<LineLog> log_;
  std::mutex mutex_;
  std::condition_variable changed_;
  int over_ = 0;
  std::unique_ptr<grpc::Server> server_;
};

// What a caller of a stream has had.
class Heard final : public grpc::Receiver {
 public:
  void message(Message message) override {
    const std::lock_guard lock(mutex_);
    texts.push_back(message.bytes);
    changed_.notify_all();
  }
  void ended(Result<grpc::Ending> ending) override {
    const std::lock_guard lock(mutex_);
    end.emplace(std::move(ending));
    changed_.notify_all();
  }
  // Nothing while it is not over.
  std::optional<StatusCode> status() {
    const std::lock_guard lock(mutex_);
    return end ? std::optional(end->value().status) : std::nullopt;
  }
  bool waits(std::size_t messages, bool is_over = false) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds(60),
                             [&] { return texts.size() >= messages && (!is_over || end); });
  }

  std::vector<std::string> texts;
  std::optional<Result<grpc::Ending>> end;

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
};

class GrpcGatewayTest : public testing::Test {
 protected:
  explicit GrpcGatewayTest(const GrpcLimits& limits = {},
                           milliseconds slow = std::chrono::seconds(30))
      : gateway_(traffic_, 2, limits) {
    grpc::ServerOptions how;
    how.threads = 2;
    how.slow = slow;
    server_ = grpc::Server::start(how, gateway_).value();
    route(0);
  }
  ~GrpcGatewayTest() override {
    server_->stop();
    gateway_.stop();
  }

  void route(int percent, int shadow = 0) {
    traffic_.set_route({stable_.backend, candidate_.backend, percent, shadow});
  }
  static grpc::Head head_of(const char* path, const std::string& key = {}) {
    grpc::Head out;
    out.path = path;
    if (!key.empty()) out.metadata.emplace_back("x-kingpost-key", key);
    return out;
  }
  grpc::ClientAnswer ask(const grpc::Head& head, const std::string& text = "x") {
    std::promise<Result<grpc::ClientAnswer>> answer;
    const auto messages = std::make_shared<std::vector<Message>>();
    messages->push_back({text, false});
    client_.ask(server_->port(), head, messages, std::chrono::seconds(60),
                [&](Result<grpc::ClientAnswer> each) { answer.set_value(std::move(each)); });
    return answer.get_future().get().value();
  }
  // Of an answer that is fine.
  std::string version_of(const std::string& key) {
    const auto answer = ask(head_of(kUnary, key), "x");
    EXPECT_EQ(answer.ending.status, StatusCode::kOk) << answer.ending.text;
    std::string version;
    for (const auto& [name, value] : answer.ending.metadata) {
      if (name == kVersionField) version = value;
    }
    EXPECT_EQ(answer.messages.at(0).bytes, version + "x");
    return version;
  }
  std::shared_ptr<grpc::ClientCall> stream(const std::shared_ptr<Heard>& heard,
                                           const std::string& key = {}) {
    return client_.begin(server_->port(), head_of(kStream, key), {}, heard);
  }

  const Result<Scratch> scratch_ = Scratch::make("grpc_gateway");
  Version stable_{scratch_->path(), "1"};
  Version candidate_{scratch_->path(), "2"};
  Traffic traffic_;
  GrpcGateway gateway_;
  std::unique_ptr<grpc::Server> server_;
  grpc::Client client_{{.threads = 1}};
};

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
  head.timeout = std::chrono::seconds(2);
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
  for (int i = 0; i < 6000 && candidate_.backend->seen().requests < 4; ++i) {
    std::this_thread::sleep_for(milliseconds(10));
  }
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

TEST_F(GrpcGatewayTest, one_that_nobody_answers_is_unavailable_after_ten_seconds) {
  traffic_.set_route({});
  const auto begun = std::chrono::steady_clock::now();
  const auto answer = ask(head_of(kUnary));
  EXPECT_EQ(answer.ending.status, StatusCode::kUnavailable);
  EXPECT_GE(std::chrono::steady_clock::now() - begun, kPatience);
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
  for (int i = 0; i < 6000 && traffic_.shadow_counts().different < 2; ++i) {
    std::this_thread::sleep_for(milliseconds(10));
  }
  EXPECT_EQ(traffic_.shadow_counts().sent, 2);
  EXPECT_EQ(traffic_.shadow_counts().different, 2);
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

TEST_F(GrpcGatewayTest, a_hung_or_broken_version_ends_no_stream) {
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

TEST_F(GrpcGatewayTest, a_stream_that_lay_idle_is_as_patient_as_another) {
  const auto heard = std::make_shared<Heard>();
  const auto call = stream(heard);
  call->send({"a", false});
  ASSERT_TRUE(heard->waits(1));
  std::this_thread::sleep_for(kPatience + milliseconds(100));
  stable_.end();
  call->send({"b", false});
  stable_.fails(2);
  traffic_.set_route({candidate_.backend, nullptr, 0, 0});
  ASSERT_TRUE(heard->waits(2));
  EXPECT_EQ(heard->texts, (std::vector<std::string>{"1a", "2b"}));
  call->half_close();
  ASSERT_TRUE(heard->waits(2, true));
  EXPECT_EQ(heard->end->value().status, StatusCode::kOk);
}

TEST_F(GrpcGatewayTest, a_deadline_of_an_idle_stream_is_nobodys_fault) {
  route(100);
  grpc::Head head = head_of(kStream);
  head.timeout = std::chrono::seconds(2);
  const auto heard = std::make_shared<Heard>();
  const auto call = client_.begin(server_->port(), head, {}, heard);
  call->send({"a", false});
  ASSERT_TRUE(heard->waits(1));
  ASSERT_TRUE(heard->waits(1, true));
  EXPECT_EQ(heard->end->value().status, StatusCode::kDeadlineExceeded);
  EXPECT_EQ(candidate_.backend->seen().errors, 0);
}

// What waits may hold 200,000 bytes, half of them by one connection, and a call must be whole soon.
class NarrowGrpcGateway : public GrpcGatewayTest {
 protected:
  NarrowGrpcGateway()
      : GrpcGatewayTest({.held = 200'000, .of_connection = 100'000}, milliseconds(1500)) {}

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
    for (int i = 0; i < 6000 && ended(code) < calls; ++i) {
      std::this_thread::sleep_for(milliseconds(10));
    }
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
