// SPDX-License-Identifier: Apache-2.0
// Quotas of control groups as whole cores.
#include "base/cores.h"

#include <gtest/gtest.h>

#include <thread>

namespace kingpost {
namespace {

TEST(Cores, AreThoseOfTheQuota) {
  EXPECT_EQ(cores_of_quota("max 100000\n", 8), 8U);
  EXPECT_EQ(cores_of_quota("100000 100000\n", 8), 1U);
  EXPECT_EQ(cores_of_quota("250000 100000\n", 8), 2U);
  EXPECT_EQ(cores_of_quota("50000 100000", 8), 0U);
  EXPECT_EQ(cores_of_quota("900000 100000\n", 8), 8U);
}

TEST(Cores, WhatIsNoQuotaIsNone) {
  for (const char* text : {"", "\n", "max", "1 2 3", "-1 100000", "100000 0", "x y"}) {
    EXPECT_EQ(cores_of_quota(text, 8), 8U) << text;
  }
}

TEST(Cores, AreNoMoreThanTheMachineHas) {
  EXPECT_LE(whole_cores(), std::max(1U, std::thread::hardware_concurrency()));
}

}  // namespace
}  // namespace kingpost
