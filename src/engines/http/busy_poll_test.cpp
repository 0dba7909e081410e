// SPDX-License-Identifier: Apache-2.0
// When a loop looks for its next event instead of sleeping.
#include "engines/http/busy_poll.h"

#include <gtest/gtest.h>

namespace kingpost::http {
namespace {

using std::chrono::microseconds;

// A client whose next request comes so long after an answer; what the loop does about a request.
class Client {
 public:
  explicit Client(BusyPoll& poll) : poll_(poll) {}

  void ask(microseconds gap) {
    const auto arrives = now_ + gap;
    while (poll_.is_on() && now_ < arrives) {
      now_ += kLook;
      looked_ += kLook;
      poll_.looked(now_ >= arrives, now_);
    }
    if (poll_.is_on()) {
      ++found_;
      return;
    }
    now_ = std::max(now_, arrives + kWake);
    poll_.woke(now_);
  }
  int found() const { return found_; }
  microseconds looked() const { return looked_; }

 private:
  static constexpr microseconds kLook{1};
  static constexpr microseconds kWake{30};
  BusyPoll& poll_;
  BusyPoll::Clock::time_point now_{std::chrono::hours(1)};
  microseconds looked_{};
  int found_ = 0;
};

TEST(BusyPoll, AQuickClientIsAnsweredWithoutSleep) {
  BusyPoll poll(microseconds(50));
  Client client(poll);
  for (int i = 0; i < 1000; ++i) client.ask(microseconds(25));
  EXPECT_GE(client.found(), 997);
}

TEST(BusyPoll, ASlowClientCostsNothing) {
  BusyPoll poll(microseconds(50));
  Client client(poll);
  for (int i = 0; i < 1000; ++i) client.ask(microseconds(500));
  EXPECT_EQ(client.found(), 0);
  EXPECT_LE(client.looked(), microseconds(50));
}

TEST(BusyPoll, AClientThatIsALittleTooSlowCostsLittle) {
  BusyPoll poll(microseconds(50));
  Client client(poll);
  for (int i = 0; i < 1000; ++i) client.ask(microseconds(80));
  EXPECT_EQ(client.found(), 0);
  EXPECT_LE(client.looked(), microseconds(50 * 12));
  // It is found out when it becomes quick.
  for (int i = 0; i < 1000; ++i) client.ask(microseconds(25));
  EXPECT_GE(client.found(), 1000 - 257);
}

TEST(BusyPoll, NoTimeIsNever) {
  BusyPoll poll(microseconds(0));
  Client client(poll);
  for (int i = 0; i < 10; ++i) client.ask(microseconds(0));
  EXPECT_EQ(client.looked(), microseconds(0));
}

}  // namespace
}  // namespace kingpost::http
