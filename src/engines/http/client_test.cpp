// SPDX-License-Identifier: Apache-2.0
#include "engines/http/client.h"

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <mutex>
#include <vector>

#include "support/wait.h"

namespace kingpost::http {
namespace {

// Gives back what it gets; "/silent" is never answered.
class Echo final : public Handler {
 public:
  void handle(std::shared_ptr<Exchange> exchange) override {
    asked.fetch_add(1);
    if (exchange->path() == "/silent") {
      const std::lock_guard lock(mutex_);
      held_.push_back(std::move(exchange));
      return;
    }
    exchange->status(exchange->path() == "/teapot" ? 418 : 200);
    exchange->add_header("X-Method", exchange->method());
    exchange->add_header("X-Target", exchange->target());
    exchange->add_header("X-Given", exchange->header("X-Given"));
    exchange->answer() = exchange->body();
    exchange->finish();
  }
  void let_go() {
    const std::lock_guard lock(mutex_);
    held_.clear();
  }

  std::atomic<int> asked{0};

 private:
  std::mutex mutex_;
  std::vector<std::shared_ptr<Exchange>> held_;
};

std::string header_of(const ClientAnswer& answer, std::string_view name) {
  for (const auto& [key, value] : answer.headers) {
    if (key == name) return value;
  }
  return {};
}

class HttpClient : public testing::Test {
 protected:
  ~HttpClient() override {
    server_->stop();
    echo_.let_go();
  }

  static ServerOptions options() {
    ServerOptions out;
    out.threads = 2;
    return out;
  }

  Echo echo_;
  std::unique_ptr<Server> server_ = Server::start(options(), echo_).value();
  Client client_{2};
};

TEST_F(HttpClient, WhatIsSentComesBack) {
  const std::string body(3'000'000, 'x');
  const auto answer = client_.ask_and_wait(
      server_->port(),
      {.method = "POST", .target = "/a?b=c", .headers = {{"X-Given", "1"}}, .body = body});
  ASSERT_TRUE(answer) << answer.error().what();
  EXPECT_EQ(answer->status, 200);
  EXPECT_EQ(answer->body, body);
  EXPECT_EQ(header_of(*answer, "X-Method"), "POST");
  EXPECT_EQ(header_of(*answer, "X-Target"), "/a?b=c");
  EXPECT_EQ(header_of(*answer, "X-Given"), "1");
  EXPECT_EQ(client_.ask_and_wait(server_->port(), {.target = "/teapot"})->status, 418);
  const auto head = client_.ask_and_wait(server_->port(), {.method = "HEAD", .target = "/"});
  ASSERT_TRUE(head) << head.error().what();
}

// Whoever passes requests on passes on what it does not know.
TEST_F(HttpClient, AnyMethodIsSent) {
  for (const char* method : {"BREW", "get", "TRACE", "PUT"}) {
    const auto answer = client_.ask_and_wait(
        server_->port(), {.method = method, .target = "/", .body = "with a body"});
    ASSERT_TRUE(answer) << answer.error().what();
    EXPECT_EQ(header_of(*answer, "X-Method"), method);
    EXPECT_EQ(answer->body, "with a body");
  }
}

TEST_F(HttpClient, ConnectionsAreUsedAgain) {
  for (int i = 0; i < 50; ++i) {
    ASSERT_TRUE(client_.ask_and_wait(server_->port(), {.target = "/"}));
  }
  EXPECT_LE(server_->connections(), 2U);
}

TEST_F(HttpClient, PortsThatAreAskedNoMoreAreLeft) {
  const auto other = Server::start(options(), echo_).value();
  Client own(1, std::chrono::milliseconds(0));
  ASSERT_TRUE(own.ask_and_wait(server_->port(), {.target = "/"}));
  EXPECT_EQ(server_->connections(), 1U);
  ASSERT_TRUE(own.ask_and_wait(other->port(), {.target = "/"}));
  EXPECT_TRUE(test::within_a_minute([&] { return server_->connections() == 0; }));
  EXPECT_EQ(other->connections(), 1U);
  other->stop();
}

TEST_F(HttpClient, OneThatWasClosedMeanwhileIsMadeAnew) {
  ASSERT_TRUE(client_.ask_and_wait(server_->port(), {.target = "/"}));
  ServerOptions again = options();
  again.port = server_->port();
  server_->drain(std::chrono::seconds(1));
  server_->stop();
  server_ = Server::start(again, echo_).value();
  for (int i = 0; i < 4; ++i) {
    const auto answer = client_.ask_and_wait(server_->port(), {.target = "/"});
    ASSERT_TRUE(answer) << answer.error().what();
  }
}

TEST_F(HttpClient, NobodyThereAndNobodyAnswers) {
  const int port = server_->port();
  const auto late =
      client_.ask_and_wait(port, {.target = "/silent", .timeout = std::chrono::milliseconds(200)});
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().id(), "http.no_answer");
  EXPECT_EQ(echo_.asked.load(), 1);
  std::promise<std::string> id;
  client_.ask(port, std::make_shared<const ClientRequest>(ClientRequest{.target = "/silent"}),
              std::chrono::milliseconds(200),
              [&](const Result<ClientAnswer>& answer) { id.set_value(answer.error().id()); });
  EXPECT_EQ(id.get_future().get(), "http.no_answer");
  echo_.let_go();
  server_->stop();
  server_ = Server::start(options(), echo_).value();
  const auto gone = client_.ask_and_wait(port == server_->port() ? 1 : port, {.target = "/"});
  ASSERT_FALSE(gone);
  EXPECT_EQ(gone.error().id(), "http.unreachable");
}

}  // namespace
}  // namespace kingpost::http
