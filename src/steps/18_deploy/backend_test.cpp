// SPDX-License-Identifier: Apache-2.0
#include "steps/18_deploy/backend.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/files.h"
#include "base/scratch.h"
#include "base/text.h"
#include "support/wait.h"

namespace kingpost::steps::deploy {
namespace {

// Tells a port, and when it is told to go it only notes it in a file beside.
constexpr std::string_view kStubborn = R"(#!/bin/sh
trap 'touch "$0.told"' TERM
echo http://127.0.0.1:1
while :; do sleep 0.1; done
)";

struct Stubborn {
  Stubborn() { EXPECT_TRUE(write_durably(program, kStubborn, 0700)); }
  bool is_ready() {
    return test::within_a_minute([&] {
      backend.poll(0);
      return backend.port() == 1;
    });
  }

  Scratch scratch = Scratch::make("backend").value();
  std::string program = scratch.path() + "/serve";
  std::unique_ptr<LineLog> log = LineLog::open(scratch.path() + "/log").value();
  Backend backend{{"m", "1", "m.onnx"}, program, {}, *log};
};

TEST(Backend, OneThatDoesNotGoIsKilled) {
  Stubborn stubborn;
  Backend& backend = stubborn.backend;
  ASSERT_TRUE(stubborn.is_ready());
  const Micros stopped = 7;
  backend.stop(stopped);
  EXPECT_EQ(backend.port(), 0);
  ASSERT_TRUE(test::within_a_minute([&] { return exists(stubborn.program + ".told"); }));
  EXPECT_FALSE(backend.is_gone(stopped + Backend::kGrace - 1));
  EXPECT_TRUE(test::within_a_minute([&] { return backend.is_gone(stopped + Backend::kGrace); }));
}

TEST(Backend, OneThatWasKilledIsNotReady) {
  Stubborn stubborn;
  Backend& backend = stubborn.backend;
  ASSERT_TRUE(stubborn.is_ready());
  const pid_t killed = backend.process();
  ASSERT_EQ(::kill(killed, SIGKILL), 0);
  siginfo_t ended{};
  ASSERT_EQ(::waitid(P_PID, static_cast<id_t>(killed), &ended, WEXITED | WNOWAIT), 0);
  backend.look(0);
  EXPECT_EQ(backend.port(), 0);
  // It is started again by `poll` alone.
  EXPECT_LE(backend.process(), 0);
}

TEST(Backend, FailuresInARowEndWithAGoodAnswer) {
  const auto log = LineLog::open("-").value();
  Backend backend({"m", "1", "m.onnx"}, "none", {}, *log);
  for (int i = 0; i < 3; ++i) backend.count(true, {});
  backend.count_unsent();
  EXPECT_EQ(backend.seen().failed_last, 3);
  backend.count(false, {});
  EXPECT_EQ(backend.seen().failed_last, 0);
  backend.count(true, {});
  EXPECT_EQ(backend.seen().failed_last, 1);
  backend.begin_counting();
  EXPECT_EQ(backend.seen().failed_last, 0);
}

TEST(Backend, WhatItSaysGoesToTheLog) {
  Stubborn stubborn;
  ASSERT_TRUE(stubborn.is_ready());
  stubborn.log.reset();
  const std::string text = read_file(stubborn.scratch.path() + "/log").value();
  EXPECT_TRUE(text.ends_with(" m/1: http://127.0.0.1:1\n")) << text;
}

// What it would keep open would outlive its end here: a port that is taken, a client that waits.
TEST(Backend, ItHasNoneOfTheSupervisorsFiles) {
  constexpr int kNumber = 77;
  const int kept = ::fcntl(STDIN_FILENO, F_DUPFD, kNumber);
  ASSERT_GE(kept, kNumber);
  const auto scratch = Scratch::make("backend").value();
  const std::string program = scratch.path() + "/serve";
  ASSERT_TRUE(write_durably(program,
                            format("#!/bin/sh\n[ -e /proc/$$/fd/{} ] && echo grpc://127.0.0.1:5\n"
                                   "echo http://127.0.0.1:1\nexec sleep 1000\n",
                                   kept),
                            0700));
  const auto log = LineLog::open(scratch.path() + "/log").value();
  Backend backend({"m", "1", "m.onnx"}, program, {}, *log);
  EXPECT_TRUE(test::within_a_minute([&] {
    backend.poll(0);
    return backend.port() == 1;
  }));
  EXPECT_EQ(backend.grpc_port(), 0);
  ::close(kept);
}

}  // namespace
}  // namespace kingpost::steps::deploy
