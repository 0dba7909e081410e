// SPDX-License-Identifier: Apache-2.0
#include "steps/18_deploy/naming.h"

#include <gtest/gtest.h>

#include "engines/archive/coding.h"

namespace kingpost::steps::deploy {
namespace {

using Pair = std::pair<std::string, std::string>;

Pair pair_of(const Named& named) {
  return {named.name, named.version};
}

TEST(Naming, ByPath) {
  for (const char* target : {"/v2/models/m/versions/7/infer", "/v2/models/m/versions/7?x=/8",
                             "/v2/models/%6D/versions/%37/ready", "/v1/models/m/versions/7:predict",
                             "/v1/models/m/versions/7"}) {
    EXPECT_EQ(pair_of(named_by(target)), Pair("m", "7")) << target;
  }
  for (const char* target : {"/v2/models/m/infer", "/v2/models/m/versions", "/v2/models/m", "/", "",
                             "/v3/models/m/versions/7", "/v2/repository/m/versions/7",
                             "/v2/models/m/versions/%7", "/x?/v2/models/m/versions/7"}) {
    EXPECT_EQ(pair_of(named_by(target)), Pair()) << target;
  }
}

TEST(Naming, ByMessage) {
  const std::string message =
      "\x0a\x01m\x12\x01"
      "7"
      "\x1a\x02id";
  const auto of = [](const char* method, const grpc::Message& first) {
    grpc::Head head;
    head.path = std::string("/inference.GRPCInferenceService/") + method;
    head.encoding = "gzip";
    return pair_of(named_by(head, {first, {"later", false}}));
  };
  const std::string packed = archive::compress(message, archive::Coding::kGzip);
  for (const char* method : {"ModelInfer", "ModelStreamInfer", "ModelReady", "ModelMetadata",
                             "ModelConfig", "ModelStatistics"}) {
    EXPECT_EQ(of(method, {message, false}), Pair("m", "7")) << method;
    EXPECT_EQ(of(method, {packed, true}), Pair("m", "7")) << method;
  }
  // Cut off, it says so much all the same; what is behind its beginning is not looked at.
  const std::string tensor(100'000, '\0');
  const std::string large = message + "\x3a\xa0\x8d\x06" + tensor;
  const std::string late = "\x3a\xa0\x8d\x06" + tensor + message;
  for (const bool is_packed : {false, true}) {
    const auto form = [&](const std::string& bytes) -> grpc::Message {
      return {is_packed ? archive::compress(bytes, archive::Coding::kGzip) : bytes, is_packed};
    };
    EXPECT_EQ(of("ModelInfer", form(large)), Pair("m", "7"));
    EXPECT_EQ(of("ModelInfer", form(large.substr(0, 5000))), Pair("m", "7"));
    EXPECT_EQ(of("ModelInfer", form(late)), Pair());
    EXPECT_EQ(of("ModelInfer", form(message.substr(0, 4))), Pair("m", ""));
    EXPECT_EQ(of("ModelInfer", form("\x1b\x1b\x1b" + message)), Pair());
    EXPECT_EQ(of("ModelInfer", form("\x0a\xff\xff\xff\xff\x07m")), Pair());
  }
  EXPECT_EQ(of("RepositoryModelLoad", {message, false}), Pair());
  EXPECT_EQ(of("ModelInfer", {message, true}), Pair());
  EXPECT_EQ(of("ModelInfer", {"\xff", false}), Pair());
  EXPECT_EQ(pair_of(named_by(grpc::Head(), {})), Pair());
}

}  // namespace
}  // namespace kingpost::steps::deploy
