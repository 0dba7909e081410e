// SPDX-License-Identifier: Apache-2.0
#include "steps/18_deploy/likeness.h"

#include <gtest/gtest.h>

#include <array>

#include "base/text.h"
#include "engines/archive/coding.h"
#include "protocols/open_inference/grpc_infer.h"

namespace kingpost::steps::deploy {
namespace {

using grpc::Message;

http::ClientAnswer answer_of(std::string body, http::Headers headers = {}) {
  return {200, std::move(headers), std::move(body)};
}

std::string json_of(std::string_view version, std::string_view value = "1.5") {
  return format(R"({{"id":"\"model_version\":\"","model_name":"m","model_version":"{}",)"
                R"("outputs":[{{"name":"y","data":[{}]}}]}})",
                version, value);
}

TEST(Likeness, OfJsonWithoutTheVersion) {
  const auto one = answer_of(json_of("1"));
  EXPECT_EQ(likeness_of(one, answer_of(json_of("1"))), Likeness::kSame);
  EXPECT_EQ(likeness_of(one, answer_of(json_of("10"))), Likeness::kSame);
  EXPECT_EQ(likeness_of(one, answer_of(json_of(R"(a\"b)"))), Likeness::kSame);
  EXPECT_EQ(likeness_of(one, answer_of(json_of("2", "1.6"))), Likeness::kDifferent);
  EXPECT_EQ(likeness_of(one, answer_of("")), Likeness::kDifferent);
  EXPECT_EQ(likeness_of(answer_of(R"({"model_version":")"), one), Likeness::kDifferent);
}

TEST(Likeness, OfRawTensorsByTheirBytes) {
  // Bytes that look like a version are none.
  const auto with = [](std::string_view version, std::string_view tensor) {
    const std::string head = json_of(version);
    const std::string size = format("{}", head.size());
    return answer_of(head + std::string(tensor), {{"Inference-Header-Content-Length", size}});
  };
  constexpr std::string_view kOne = R"({"model_version":"1"})";
  constexpr std::string_view kTwo = R"({"model_version":"2"})";
  EXPECT_EQ(likeness_of(with("1", kOne), with("12", kOne)), Likeness::kSame);
  EXPECT_EQ(likeness_of(with("1", kOne), with("1", kTwo)), Likeness::kDifferent);
}

TEST(Likeness, OfWhatIsCompressed) {
  const auto packed = [](const std::string& plain) {
    return answer_of(archive::compress(plain, archive::Coding::kGzip),
                     {{"Content-Encoding", "gzip"}});
  };
  EXPECT_EQ(likeness_of(packed(json_of("1")), packed(json_of("2"))), Likeness::kSame);
  EXPECT_EQ(likeness_of(packed(json_of("1")), packed(json_of("2", "7"))), Likeness::kDifferent);
  // What is small as it comes may be large.
  const std::string large(kMostCompared + 1, 'x');
  EXPECT_EQ(likeness_of(packed(large), packed(json_of("1"))), Likeness::kUnknown);
  EXPECT_EQ(likeness_of(answer_of(large), answer_of(large + "x")), Likeness::kUnknown);
  EXPECT_EQ(likeness_of(answer_of("a", {{"Content-Encoding", "br"}}), answer_of("b")),
            Likeness::kUnknown);
}

std::string tensor_answer(std::string_view version, float value, bool is_stream) {
  const std::array<std::int64_t, 1> shape = {1};
  const std::array<float, 1> values = {value};
  records::InferRequest request;
  request.id = "7";
  records::InferResponse response;
  response.model = "m";
  response.version = version;
  response.prediction_id = version;
  records::InferTensor& out = response.outputs.emplace_back();
  out.name = "y";
  out.shape = shape;
  out.data = std::as_bytes(std::span(values));
  return is_stream ? open_inference::grpc_stream_response(request, response)
                   : open_inference::grpc_infer_response(request, response);
}

TEST(Likeness, OfMessages) {
  for (const bool is_stream : {false, true}) {
    grpc::Head head;
    head.path = is_stream ? kStreamPath : "/inference.GRPCInferenceService/ModelInfer";
    head.encoding = "gzip";
    const std::vector<Message> one = {{tensor_answer("1", 1.5F, is_stream), false}};
    EXPECT_EQ(likeness_of(head, one, {{tensor_answer("10", 1.5F, is_stream), false}}),
              Likeness::kSame);
    EXPECT_EQ(likeness_of(head, one, {{tensor_answer("1", 1.6F, is_stream), false}}),
              Likeness::kDifferent);
    EXPECT_EQ(likeness_of(head, one, {}), Likeness::kDifferent);
    const std::string packed =
        archive::compress(tensor_answer("2", 1.5F, is_stream), archive::Coding::kGzip);
    EXPECT_EQ(likeness_of(head, one, {{packed, true}}), Likeness::kSame);
    EXPECT_EQ(likeness_of(head, one, {{std::string(kMostCompared + 1, 'x'), false}}),
              Likeness::kUnknown);
  }
  EXPECT_EQ(likeness_of(grpc::Head(), {{"no message", false}}, {{"no message", false}}),
            Likeness::kSame);
}

TEST(Likeness, OnlyModelsAreAskedTwice) {
  for (const char* target :
       {"/v2/models/m/infer", "/v2/models/m/versions/1/infer?x=/y", "/v1/models/m:predict",
        "/v1/models/m:explain", "/invocations", "/models/m/invoke"}) {
    EXPECT_TRUE(asks_model("POST", target)) << target;
    EXPECT_FALSE(asks_model("GET", target)) << target;
  }
  for (const char* target : {"/v2/repository/models/m/unload", "/v1/models/m:feedback",
                             "/v2/logging", "/metrics", "/x?/infer", ""}) {
    EXPECT_FALSE(asks_model("POST", target)) << target;
  }
  grpc::Head head;
  head.path = kStreamPath;
  EXPECT_TRUE(asks_model(head));
  head.path = "/inference.GRPCInferenceService/RepositoryModelUnload";
  EXPECT_FALSE(asks_model(head));
}

}  // namespace
}  // namespace kingpost::steps::deploy
