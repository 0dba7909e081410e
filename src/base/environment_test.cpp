// SPDX-License-Identifier: Apache-2.0
// Variables in texts: once each, and none that is not set.
#include "base/environment.h"

#include <gtest/gtest.h>
#include <cstdlib>

namespace kingpost {
namespace {

TEST(Environment, IsPutInOnce) {
  ::setenv("KINGPOST_TEST_A", "a/${env:KINGPOST_TEST_A}", 1);
  ::setenv("KINGPOST_TEST_B", "", 1);
  const auto text = [](const char* in) { return with_environment(in, "test.missing").value(); };
  EXPECT_EQ(text("x${env:KINGPOST_TEST_A}y${env:KINGPOST_TEST_B}z"), "xa/${env:KINGPOST_TEST_A}yz");
  EXPECT_EQ(text(""), "");
  EXPECT_EQ(text("${other} ${env:torn"), "${other} ${env:torn");
  const auto missing = with_environment("${env:KINGPOST_NOT_SET}/t", "test.missing");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().id(), "test.missing");
  ::unsetenv("KINGPOST_TEST_A");
  ::unsetenv("KINGPOST_TEST_B");
}

}  // namespace
}  // namespace kingpost
