// SPDX-License-Identifier: Apache-2.0
#include "steps/18_deploy/pulse.h"

#include <gtest/gtest.h>

#include "support/wait.h"

namespace kingpost::steps::deploy {
namespace {

constexpr Micros kSecond = 1'000'000;

// Says what it is told to say, and to nothing else than readiness.
class Serving final : public http::Handler {
 public:
  void handle(std::shared_ptr<http::Exchange> exchange) override {
    const bool asks_ready = exchange->path() == "/v2/health/ready";
    exchange->status(asks_ready ? status.load() : 404);
    if (asks_ready) asked.fetch_add(1);
    exchange->finish();
  }
  std::atomic<int> status{200};
  std::atomic<int> asked{0};
};

// Of a clock that goes on by a second with each look, from now on: what it asks is asked at once.
class PulseTest : public testing::Test {
 protected:
  ~PulseTest() override {
    client_.stop();
    if (server_ != nullptr) server_->stop();
  }
  template <typename Holds>
  void beat_until(const Holds& holds) {
    EXPECT_TRUE(test::within_a_minute([&] {
      pulse_.beat(client_, port_, now_ += kSecond);
      return holds();
    }));
  }
  // For as long as a question of readiness takes there and back.
  void ask_something_else() {
    ASSERT_TRUE(client_.ask_and_wait(port_, {.target = "/v2/health/live"}));
  }

  Serving serving_;
  std::unique_ptr<http::Server> server_ = http::Server::start({}, serving_).value();
  http::Client client_{1};
  Pulse pulse_;
  int port_ = server_->port();
  Micros now_ = monotonic_micros();
};

TEST_F(PulseTest, of_one_that_is_ready) {
  const Micros begun = now_;
  beat_until([&] { return pulse_.answered() > begun; });
  EXPECT_LE(pulse_.answered(), now_);
  EXPECT_EQ(pulse_.unanswered(), 0);
}

TEST_F(PulseTest, of_one_that_is_not) {
  serving_.status = 503;
  beat_until([&] { return pulse_.unanswered() >= 3; });
  EXPECT_EQ(pulse_.answered(), 0);
  serving_.status = 200;
  beat_until([&] { return pulse_.unanswered() == 0; });
  EXPECT_GT(pulse_.answered(), 0);
}

TEST_F(PulseTest, another_process_is_not_to_blame) {
  server_->stop();
  server_.reset();
  beat_until([&] { return pulse_.unanswered() > 0; });
  pulse_.beat(client_, 0, now_);
  EXPECT_EQ(pulse_.unanswered(), 0);
}

TEST_F(PulseTest, asks_once_a_second) {
  beat_until([&] { return pulse_.answered() > 0; });
  const int asked = serving_.asked.load();
  const Micros now = monotonic_micros();
  for (int i = 0; i < 50; ++i) {
    pulse_.beat(client_, port_, now);
    ask_something_else();
  }
  EXPECT_LE(serving_.asked.load(), asked + 1);
}

}  // namespace
}  // namespace kingpost::steps::deploy
