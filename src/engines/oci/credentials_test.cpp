// SPDX-License-Identifier: Apache-2.0
// What docker login leaves, and what registries ask for.
#include "engines/oci/credentials.h"

#include <gtest/gtest.h>

namespace kingpost::oci {
namespace {

// For the repository NAME, which is HOST/PATH.
Result<std::string> found(const std::string& name, std::string_view config) {
  return credentials_for(parse_reference(name).value(), config);
}

TEST(Credentials, AreFoundUnderEachWayToNameARegistry) {
  constexpr std::string_view kConfig = R"({"auths": {
      "registry.local:5000": {"auth": "dTpw"},
      "https://other.local": {"auth": "dTpx"},
      "https://index.docker.io/v1/": {"auth": "dTpy"},
      "helped.local": {}}, "credsStore": "desktop"})";
  EXPECT_EQ(found("registry.local:5000/a", kConfig).value(), "dTpw");
  EXPECT_EQ(found("other.local/a", kConfig).value(), "dTpx");
  EXPECT_EQ(found("a", kConfig).value(), "dTpy");
  EXPECT_EQ(found("helped.local/a", kConfig).value(), "");
  EXPECT_EQ(found("registry.local/a", kConfig).value(), "");
  EXPECT_EQ(found("x.local/a", "[]").value(), "");
}

TEST(Credentials, OfARepositoryGoBeforeThoseOfWhatIsAround) {
  constexpr std::string_view kConfig = R"({"auths": {
      "r.local": {"auth": "cmVnaXN0cnk="},
      "r.local/team": {"auth": "dGVhbQ=="},
      "r.local/team/inner/late": {"auth": "bGF0ZQ=="},
      "r.local/team/inner/helped": {},
      "[::1]:5000/team": {"auth": "c2l4"},
      "docker.io/library/late": {"auth": "aHVi"},
      "https://index.docker.io/v1/": {"auth": "dTpy"}}})";
  EXPECT_EQ(found("r.local/team/inner/late:3", kConfig).value(), "bGF0ZQ==");
  EXPECT_EQ(found("r.local/team/inner/other", kConfig).value(), "dGVhbQ==");
  EXPECT_EQ(found("r.local/team/inner/helped", kConfig).value(), "dGVhbQ==");
  EXPECT_EQ(found("r.local/team", kConfig).value(), "dGVhbQ==");
  // A name that only begins like it is another.
  EXPECT_EQ(found("r.local/teams/late", kConfig).value(), "cmVnaXN0cnk=");
  EXPECT_EQ(found("r.local/inner/late", kConfig).value(), "cmVnaXN0cnk=");
  EXPECT_EQ(found("r.local:5000/team/late", kConfig).value(), "");
  EXPECT_EQ(found("[::1]:5000/team/late", kConfig).value(), "c2l4");
  EXPECT_EQ(found("late", kConfig).value(), "aHVi");
  EXPECT_EQ(found("other", kConfig).value(), "dTpy");
}

TEST(Credentials, ThatCannotBeReadAreAnError) {
  for (const char* text : {"", "{", R"({"auths": {"x.local": {"auth": "dTpw\r\nHost: evil"}}})"}) {
    const auto answer = found("x.local/a", text);
    ASSERT_FALSE(answer) << text;
    EXPECT_EQ(answer.error().id(), "containerize.credentials_malformed");
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
