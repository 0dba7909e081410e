// SPDX-License-Identifier: Apache-2.0
#include "engines/http/path.h"

#include <gtest/gtest.h>

namespace kingpost::http {
namespace {

using Parts = std::vector<std::string>;

TEST(Path, PartsBetweenSlashes) {
  EXPECT_EQ(parts_of("/"), Parts{""});
  EXPECT_EQ(parts_of("/v2/"), Parts{"v2"});
  EXPECT_EQ(parts_of("/v2//a%2Fb/%c3%A9"), (Parts{"v2", "", "a/b", "\xc3\xa9"}));
  for (const char* none : {"", "v2", "/%", "/%4", "/a%zz/b"}) {
    EXPECT_EQ(parts_of(none), std::nullopt) << none;
  }
}

}  // namespace
}  // namespace kingpost::http
