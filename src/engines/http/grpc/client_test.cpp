// SPDX-License-Identifier: Apache-2.0
#include "engines/http/grpc/client.h"

#include <gtest/gtest.h>

#include <atomic>
#include <condition_variable>
#include <future>
#include <mutex>
#include <optional>
#include <vector>

#include "engines/http/grpc/frames.h"
#include "engines/http/server.h"

namespace kingpost::grpc {
namespace {

using std::chrono::milliseconds;

// Sends back each message as it comes; calls of "/silent" are never answered.
class Echo final : public Handler {
 public:
  void message(const std::shared_ptr<Call>& call, Message message) override {
    if (call->head().path == "/silent") return;
    if (call->state == nullptr) {
      call->state = std::make_shared<bool>(true);
      call->add_metadata("x-path", call->head().path);
      call->add_metadata("x-given", std::string(call->head().find("x-given")));
      call->add_metadata("x-encoding", call->head().encoding);
      call->add_metadata("x-accepted", call->head().accept_encoding);
      call->add_metadata("x-timeout", std::to_string(call->head().timeout.count()));
    }
    call->send(std::move(message));
  }
  void half_closed(const std::shared_ptr<Call>& call) override {
    if (call->head().path == "/silent") return;
    if (call->head().path == "/refused") {
      return call->finish(StatusCode::kNotFound, "nothing at 100 %: \u00fc");
    }
    call->finish(StatusCode::kOk, {});
  }
  void closed(const std::shared_ptr<Call>&) override {
    const std::lock_guard lock(mutex_);
    ++closed_;
    changed_.notify_all();
  }
  bool sees_closed(int calls) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds(60), [&] { return closed_ >= calls; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  int closed_ = 0;
};

// Waits for what comes.
class Waiting final : public Receiver {
 public:
  void message(Message message) override {
    const std::lock_guard lock(mutex_);
    messages_.push_back(std::move(message.bytes));
    changed_.notify_all();
  }
  void ended(Result<Ending> ending) override {
    const std::lock_guard lock(mutex_);
    ending_.emplace(std::move(ending));
    changed_.notify_all();
  }
  std::vector<std::string> messages(std::size_t count) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return messages_.size() >= count || ending_; });
    return messages_;
  }
  Result<Ending> ending() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return ending_.has_value(); });
    return *ending_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::string> messages_;
  std::optional<Result<Ending>> ending_;
};

Head head_of(std::string path) {
  Head out;
  out.path = std::move(path);
  return out;
}

std::string field_of(const ClientAnswer& answer, std::string_view name) {
  for (const auto& [key, value] : answer.ending.metadata) {
    if (key == name) return value;
  }
  return "none";
}

class GrpcClient : public testing::Test {
 protected:
  ~GrpcClient() override { server_->stop(); }

  static ServerOptions two_threads() {
    ServerOptions out;
    out.threads = 2;
    return out;
  }
  void restart(ServerOptions options) {
    options.port = server_->port();
    server_->stop();
    server_.reset();
    server_ = Server::start(options, echo_).value();
  }

  Result<ClientAnswer> ask(int port, const Head& head, std::vector<Message> messages = {},
                           Client::Timeout timeout = {}) {
    std::promise<Result<ClientAnswer>> answer;
    client_.ask(port, head, std::make_shared<const std::vector<Message>>(std::move(messages)),
                timeout, [&](Result<ClientAnswer> each) { answer.set_value(std::move(each)); });
    return answer.get_future().get();
  }
  std::string fault_of(int port, const std::string& path, Client::Timeout timeout = {}) {
    const auto answer = ask(port, head_of(path), {}, timeout);
    return answer ? "none" : std::string(answer.error().id());
  }

  Echo echo_;
  std::unique_ptr<Server> server_ = Server::start(two_threads(), echo_).value();
  Client client_{{.threads = 2}};
};

TEST_F(GrpcClient, what_is_sent_comes_back) {
  Head head = {"/s/m", "gzip", "gzip,deflate", milliseconds(90'000), {}};
  head.metadata = {{":authority", "somewhere"}, {"te", "trailers"}, {"x-given", "1"}};
  const std::string large(3'000'000, 'x');
  const auto answer = ask(server_->port(), head, {{large, false}, {"", false}, {"packed", true}});
  ASSERT_TRUE(answer) << answer.error().what();
  EXPECT_EQ(answer->ending.status, StatusCode::kOk);
  ASSERT_EQ(answer->messages.size(), 3U);
  EXPECT_EQ(answer->messages[0].bytes, large);
  EXPECT_TRUE(answer->messages[1].bytes.empty() && !answer->messages[1].is_compressed);
  EXPECT_TRUE(answer->messages[2].bytes == "packed" && answer->messages[2].is_compressed);
  EXPECT_EQ(field_of(*answer, "x-path"), "/s/m");
  EXPECT_EQ(field_of(*answer, "x-given"), "1");
  EXPECT_EQ(field_of(*answer, "x-encoding"), "gzip");
  EXPECT_EQ(field_of(*answer, "x-accepted"), "gzip,deflate");
  EXPECT_EQ(field_of(*answer, "x-timeout"), "90000000");
  const auto refused = ask(server_->port(), head_of("/refused"));
  ASSERT_TRUE(refused) << refused.error().what();
  EXPECT_EQ(refused->ending.status, StatusCode::kNotFound);
  EXPECT_EQ(refused->ending.text, "nothing at 100 %: \u00fc");
}

TEST_F(GrpcClient, many_calls_share_connections) {
  std::vector<std::shared_ptr<Waiting>> all;
  for (int i = 0; i < 500; ++i) {
    all.push_back(std::make_shared<Waiting>());
    const auto call = client_.begin(server_->port(), head_of("/s/m"), {}, all.back());
    call->send({std::to_string(i), false});
    call->half_close();
  }
  for (int i = 0; i < 500; ++i) {
    ASSERT_TRUE(all[static_cast<std::size_t>(i)]->ending());
    EXPECT_EQ(all[static_cast<std::size_t>(i)]->messages(1),
              std::vector<std::string>{std::to_string(i)});
  }
  EXPECT_LE(server_->connections(), 2U);
}

TEST_F(GrpcClient, calls_beyond_what_a_connection_takes_have_another) {
  ServerOptions few = two_threads();
  few.calls = 3;
  restart(few);
  std::vector<std::shared_ptr<Waiting>> all;
  std::vector<std::shared_ptr<ClientCall>> calls;
  for (int i = 0; i < 20; ++i) {
    // One after the other, so that the server has said how many it takes.
    all.push_back(std::make_shared<Waiting>());
    calls.push_back(client_.begin(server_->port(), head_of("/s/m"), {}, all.back()));
    calls.back()->send({"a", false});
    ASSERT_EQ(all.back()->messages(1).size(), 1U);
  }
  EXPECT_GE(server_->connections(), 7U);
}

TEST_F(GrpcClient, a_stream_has_answers_before_it_ends) {
  const auto waiting = std::make_shared<Waiting>();
  const auto call = client_.begin(server_->port(), head_of("/s/m"), {}, waiting);
  for (int i = 1; i <= 20; ++i) {
    call->send({std::to_string(i), false});
    EXPECT_EQ(waiting->messages(static_cast<std::size_t>(i)).back(), std::to_string(i));
  }
  call->half_close();
  EXPECT_EQ(waiting->ending().value().status, StatusCode::kOk);
}

TEST_F(GrpcClient, nobody_there_and_nobody_answers) {
  const int port = server_->port();
  EXPECT_EQ(fault_of(port, "/silent", milliseconds(100)), "http.no_answer");
  // The server is told.
  EXPECT_TRUE(echo_.sees_closed(1));
  const auto waiting = std::make_shared<Waiting>();
  client_.begin(port, head_of("/silent"), {}, waiting)->cancel();
  const auto other = std::make_shared<Waiting>();
  const auto call = client_.begin(port, head_of("/silent"), {}, other);
  call->send({"a", false});
  const auto echoed = ask(port, head_of("/s/m"), {{"b", false}});
  ASSERT_TRUE(echoed);
  call->cancel();
  EXPECT_TRUE(echo_.sees_closed(3));
  const auto held = std::make_shared<Waiting>();
  client_.begin(port, head_of("/silent"), {}, held);
  ASSERT_TRUE(ask(port, head_of("/s/m"), {{"b", false}}));
  server_->stop();
  server_.reset();
  const auto lost = held->ending();
  ASSERT_FALSE(lost);
  EXPECT_EQ(lost.error().id(), "http.unreachable");
  EXPECT_EQ(fault_of(port, "/s/m"), "http.unreachable");
  ServerOptions again = two_threads();
  again.port = port;
  server_ = Server::start(again, echo_).value();
  EXPECT_TRUE(ask(port, head_of("/s/m")));
}

TEST_F(GrpcClient, a_connection_that_is_let_go_is_left_behind_its_last_answer) {
  const auto waiting = std::make_shared<Waiting>();
  const auto call = client_.begin(server_->port(), head_of("/s/m"), {}, waiting);
  call->send({"a", false});
  ASSERT_EQ(waiting->messages(1).size(), 1U);
  EXPECT_FALSE(server_->drain(milliseconds(200)));
  call->send({"b", false});
  EXPECT_EQ(waiting->messages(2).size(), 2U);
  call->half_close();
  EXPECT_TRUE(waiting->ending());
  EXPECT_TRUE(server_->drain(std::chrono::seconds(60)));
  EXPECT_EQ(fault_of(server_->port(), "/s/m"), "http.unreachable");
}

TEST_F(GrpcClient, a_server_of_another_protocol_is_none) {
  class Nobody final : public http::Handler {
    void handle(std::shared_ptr<http::Exchange> exchange) override { exchange->finish(); }
  };
  Nobody nobody;
  const auto other = http::Server::start({}, nobody).value();
  EXPECT_EQ(fault_of(other->port(), "/s/m", std::chrono::seconds(60)), "http.unreachable");
  other->stop();
}

TEST_F(GrpcClient, a_client_that_goes_lets_go_of_its_calls) {
  const auto waiting = std::make_shared<Waiting>();
  {
    Client own({.threads = 1});
    const auto call = own.begin(server_->port(), head_of("/s/m"), {}, waiting);
    call->send({"a", false});
    ASSERT_EQ(waiting->messages(1).size(), 1U);
  }
  EXPECT_EQ(waiting.use_count(), 1);
}

TEST(GrpcFrames, what_was_sent_is_not_kept) {
  MessageWriter out;
  std::vector<std::uint8_t> taken(1005);
  out.add({std::string(1000, 'x'), false});
  for (int i = 0; i < 1000; ++i) {
    out.add({std::string(1000, static_cast<char>('a' + i % 26)), false});
    ASSERT_EQ(out.take(taken.data(), taken.size()), taken.size());
    ASSERT_EQ(taken.back(), i == 0 ? 'x' : 'a' + (i - 1) % 26);
    ASSERT_EQ(out.left(), taken.size());
  }
  EXPECT_LT(out.held(), 10'000U);
  out.add({std::string(10'000'000, 'x'), false});
  while (out.take(taken.data(), taken.size()) > 0) {
  }
  EXPECT_LT(out.held(), 2'000'000U);
}

TEST_F(GrpcClient, a_message_too_long_ends_the_call) {
  Client small({.threads = 1, .message_bytes = 1000});
  std::promise<Result<ClientAnswer>> answer;
  auto messages = std::make_shared<std::vector<Message>>();
  messages->push_back({std::string(1001, 'x'), false});
  small.ask(server_->port(), head_of("/s/m"), messages, {},
            [&](Result<ClientAnswer> each) { answer.set_value(std::move(each)); });
  EXPECT_EQ(answer.get_future().get().value().ending.status, StatusCode::kResourceExhausted);
}

}  // namespace
}  // namespace kingpost::grpc
