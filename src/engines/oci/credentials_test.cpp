// SPDX-License-Identifier: Apache-2.0
// What docker login leaves, and what registries ask for.
#include "engines/oci/credentials.h"

#include <gtest/gtest.h>

namespace kingpost::oci {
namespace {

TEST(Credentials, AreFoundUnderEachWayToNameARegistry) {
  constexpr std::string_view kConfig = R"({"auths": {
      "registry.local:5000": {"auth": "dTpw"},
      "https://other.local": {"auth": "dTpx"},
      "https://index.docker.io/v1/": {"auth": "dTpy"},
      "helped.local": {}}, "credsStore": "desktop"})";
  EXPECT_EQ(credentials_for("registry.local:5000", kConfig).value(), "dTpw");
  EXPECT_EQ(credentials_for("other.local", kConfig).value(), "dTpx");
  EXPECT_EQ(credentials_for("docker.io", kConfig).value(), "dTpy");
  EXPECT_EQ(credentials_for("helped.local", kConfig).value(), "");
  EXPECT_EQ(credentials_for("registry.local", kConfig).value(), "");
  EXPECT_EQ(credentials_for("x", "[]").value(), "");
}

TEST(Credentials, ThatCannotBeReadAreAnError) {
  for (const char* text : {"", "{", R"({"auths": {"x": {"auth": "dTpw\r\nHost: evil"}}})"}) {
    const auto found = credentials_for("x", text);
    ASSERT_FALSE(found) << text;
    EXPECT_EQ(found.error().id(), "containerize.credentials_malformed");
  }
}

TEST(Challenge, IsTakenApart) {
  const auto bearer =
      parse_challenge(R"(Bearer realm="https://auth.local/token?a=\"b\"",service="reg",)"
                      R"(scope="repository:a/b:pull")");
  EXPECT_EQ(bearer.scheme, "bearer");
  EXPECT_EQ(bearer.realm, R"(https://auth.local/token?a="b")");
  EXPECT_EQ(bearer.service, "reg");
  EXPECT_EQ(bearer.scope, "repository:a/b:pull");
  EXPECT_EQ(parse_challenge("BASIC realm=plain").scheme, "basic");
  const auto second = parse_challenge(R"(Negotiate abc, Bearer realm="r", Basic realm="b")");
  EXPECT_EQ(second.scheme, "bearer");
  EXPECT_EQ(second.realm, "r");
}

TEST(Challenge, OfAnyKindIsBorne) {
  for (const char* text :
       {"", ",", "=", "\"", "Bearer realm=\"", "Digest x=y", "Bearer ===\"\"", "\xFF\xFE"}) {
    EXPECT_EQ(parse_challenge(text).realm, "") << text;
  }
}

TEST(PercentEncoding, LeavesNothingThatMeansMore) {
  EXPECT_EQ(percent_encoded("repository:a/b:pull,push&x= \n"),
            "repository%3Aa%2Fb%3Apull%2Cpush%26x%3D%20%0A");
}

}  // namespace
}  // namespace kingpost::oci
