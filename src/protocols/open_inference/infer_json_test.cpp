// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>

#include "base/json.h"
#include "protocols/open_inference/infer_reader.h"
#include "protocols/open_inference/infer_writer.h"
#include "protocols/open_inference/raw_tensor.h"

namespace kingpost::open_inference {
namespace {

using records::Datatype;
using records::InferRequest;
using records::InferResponse;
using records::InferTensor;
using testing::ElementsAre;
using testing::HasSubstr;

class InferJson : public testing::Test {
 protected:
  Status read(std::string_view body, std::optional<std::size_t> header = std::nullopt) {
    request.clear();
    request.model = "m";
    return reader.read(body, header, request);
  }
  // JSON and the bytes behind it.
  Status read_binary(const std::string& json, const std::string& bytes) {
    body_ = json + bytes;
    return read(body_, json.size());
  }
  // "id: what" of one input with this datatype, shape and data.
  std::string fault(const std::string& datatype, const std::string& shape,
                    const std::string& data) {
    const Status done = read_one(datatype, shape, data);
    return done ? "none" : done.error().id() + ": " + done.error().what();
  }
  Status read_one(const std::string& datatype, const std::string& shape, const std::string& data) {
    body_ = R"({"inputs":[{"name":"x","datatype":")" + datatype + R"(","shape":)" + shape +
            R"(,"data":)" + data + "}]}";
    return read(body_);
  }
  template <typename T>
  std::vector<T> values(const std::string& datatype, const std::string& shape,
                        const std::string& data) {
    const Status done = read_one(datatype, shape, data);
    if (!done) {
      ADD_FAILURE() << done.error().what();
      return {};
    }
    const auto bytes = request.inputs.at(0).data;
    std::vector<T> out(bytes.size() / sizeof(T));
    if (!out.empty()) std::memcpy(out.data(), bytes.data(), bytes.size());
    return out;
  }

  InferReader reader;
  InferRequest request;

 private:
  std::string body_;
};

TEST_F(InferJson, NumbersOfEveryDatatype) {
  EXPECT_THAT(values<float>("FP32", "[2,2]", "[1,-2.5,3e2,0]"), ElementsAre(1, -2.5, 300, 0));
  EXPECT_THAT(values<double>("FP64", "[2]", "[0.1,1e-320]"), ElementsAre(0.1, 1e-320));
  EXPECT_THAT(values<std::int8_t>("INT8", "[2]", "[-128,127]"), ElementsAre(-128, 127));
  EXPECT_THAT(values<std::uint8_t>("UINT8", "[1]", "[255]"), ElementsAre(255));
  EXPECT_THAT(values<std::int16_t>("INT16", "[1]", "[-32768]"), ElementsAre(-32768));
  EXPECT_THAT(values<std::uint16_t>("UINT16", "[1]", "[65535]"), ElementsAre(65535));
  EXPECT_THAT(values<std::int32_t>("INT32", "[1]", "[3.0]"), ElementsAre(3));
  EXPECT_THAT(values<std::uint32_t>("UINT32", "[1]", "[4294967295]"), ElementsAre(4294967295U));
  EXPECT_THAT(values<std::int64_t>("INT64", "[2]", "[9007199254740993,-9223372036854775808]"),
              ElementsAre(9007199254740993, std::numeric_limits<std::int64_t>::min()));
  EXPECT_THAT(values<std::uint64_t>("UINT64", "[1]", "[18446744073709551615]"),
              ElementsAre(std::numeric_limits<std::uint64_t>::max()));
  EXPECT_THAT(values<std::uint8_t>("BOOL", "[2]", "[true,false]"), ElementsAre(1, 0));
}

TEST_F(InferJson, NestedOrFlatIsTheSame) {
  EXPECT_THAT(values<float>("FP32", "[2,2]", "[[1,2],[3,4]]"), ElementsAre(1, 2, 3, 4));
  EXPECT_THAT(values<float>("FP32", "[0,2]", "[]"), ElementsAre());
}

TEST_F(InferJson, NullIsNoValue) {
  const auto numbers = values<double>("FP64", "[2]", "[null,1]");
  EXPECT_TRUE(std::isnan(numbers[0]));
  ASSERT_TRUE(read_one("BYTES", "[3]", R"([null,"","M\u00fcnchen"])"));
  const auto texts = request.inputs[0].texts;
  EXPECT_EQ(texts[0].data(), nullptr);
  EXPECT_NE(texts[1].data(), nullptr);
  EXPECT_EQ(texts[1], "");
  EXPECT_EQ(texts[2], "M\xC3\xBCnchen");
  EXPECT_EQ(fault("INT32", "[1]", "[null]"),
            "infer.data_malformed: Unable to parse 'data': element 0 of input 'x' is no INT32");
  EXPECT_THAT(fault("BOOL", "[1]", "[null]"), HasSubstr("is no BOOL"));
}

TEST_F(InferJson, NothingIsRoundedOrCutUnseen) {
  for (const auto& [datatype, value] :
       std::vector<std::pair<std::string, std::string>>{{"INT8", "128"},
                                                        {"UINT8", "-1"},
                                                        {"INT32", "1.5"},
                                                        {"INT64", "9223372036854775808"},
                                                        {"FP32", "1e39"},
                                                        {"FP32", "\"1\""},
                                                        {"BYTES", "1"},
                                                        {"BOOL", "1"}}) {
    EXPECT_THAT(
        fault(datatype, "[2]", "[" + (datatype == "BYTES" ? "\"a\"" : value) + "," + value + "]"),
        HasSubstr("infer.data_malformed"))
        << datatype << value;
  }
  EXPECT_THAT(fault("FP64", "[1]", "[1e400]"), HasSubstr("infer.json_malformed"));
  EXPECT_THAT(fault("UINT64", "[1]", "[18446744073709551616]"), HasSubstr("infer.json_malformed"));
  EXPECT_THAT(values<double>("FP64", "[1]", "[18446744073709551616.0]"),
              ElementsAre(18446744073709551616.0));
}

TEST_F(InferJson, ShapesAndSizes) {
  EXPECT_THAT(fault("FP32", "[2,2]", "[1,2,3]"), HasSubstr("infer.data_size"));
  EXPECT_THAT(fault("FP32", "[2]", "[1,2,3]"), HasSubstr("Shape does not match"));
  EXPECT_THAT(fault("FP32", "[4611686018427387904]", "[1]"), HasSubstr("infer.data_size"));
  EXPECT_THAT(fault("FP32", "[4294967296,4294967296]", "[1]"), HasSubstr("is too large"));
  EXPECT_LT(request.arena.held(), std::size_t{1} << 20);
  for (const char* shape : {"[-1]", "[1.5]", "[\"1\"]", "[[1]]", "[null]", "{}", "1"}) {
    EXPECT_THAT(fault("FP32", shape, "[1]"), HasSubstr("infer.request_malformed")) << shape;
  }
  EXPECT_THAT(fault("FP32", "[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]", "[1]"),
              HasSubstr("too many dimensions"));
}

TEST_F(InferJson, WhatIsNoRequest) {
  for (const char* body : {"", "{", "[]", "1", "{\"inputs\":[NaN]}", "{\"a\":\"\xff\"}", "{}x",
                           "\xEF\xBB\xBF{}", "{\"a\":\"\\ud800\"}"}) {
    const Status done = read(body);
    ASSERT_FALSE(done) << body;
    EXPECT_EQ(done.error().id(), "infer.json_malformed") << body;
    EXPECT_EQ(done.error().code(), Code::kInvalidInput);
  }
  for (const char* body :
       {"{}", "{\"inputs\":{}}", "{\"inputs\":[1]}", "{\"inputs\":[{}]}",
        R"({"inputs":[],"outputs":1})", R"({"inputs":[],"outputs":[{}]})",
        R"({"inputs":[],"parameters":1})", R"({"inputs":[],"parameters":{"timeout":-1}})",
        R"({"inputs":[{"name":"x","datatype":"FP32","shape":[1]}]})"}) {
    const Status done = read(body);
    ASSERT_FALSE(done) << body;
    EXPECT_EQ(done.error().id(), "infer.request_malformed") << body;
  }
  EXPECT_THAT(fault("FP99", "[1]", "[1]"), "infer.datatype_unknown: invalid datatype for input x");
  EXPECT_THAT(fault("FP16", "[1]", "[1]"), HasSubstr("must be sent as binary data"));
}

TEST_F(InferJson, DepthHasALimit) {
  const auto nested = [](std::size_t depth) {
    return R"({"inputs":[],"x":)" + std::string(depth, '[') + std::string(depth, ']') + "}";
  };
  const std::string fine = nested(90);
  EXPECT_TRUE(read(fine));
  const std::string deep = nested(200);
  EXPECT_FALSE(read(deep));
  const std::string deepest(1'000'000, '[');
  EXPECT_FALSE(read(deepest));
  EXPECT_TRUE(read(fine));
}

TEST_F(InferJson, ParametersAndOutputs) {
  ASSERT_TRUE(read(R"({"id":"42","parameters":{"timeout":1500,"priority":2,"own":"x",
      "binary_data_output":true},"inputs":[],"outputs":[{"name":"a"},
      {"name":"b","parameters":{"binary_data":false,"classification":3}}],"more":{}})"));
  EXPECT_EQ(request.id, "42");
  EXPECT_EQ(request.timeout.count(), 1500);
  EXPECT_EQ(request.priority, 2U);
  ASSERT_EQ(request.outputs.size(), 2U);
  EXPECT_TRUE(request.outputs[0].binary);
  EXPECT_FALSE(request.outputs[1].binary);
  EXPECT_EQ(request.outputs[1].classes, 3);
  ASSERT_TRUE(read(R"({"parameters":{"binary_data_output":true},"inputs":[]})"));
  EXPECT_TRUE(request.binary_outputs);
  const Status shared = read(R"({"inputs":[{"name":"x","datatype":"FP32","shape":[1],
      "parameters":{"shared_memory_region":"r"}}]})");
  ASSERT_FALSE(shared);
  EXPECT_EQ(shared.error().id(), "infer.shared_memory");
  EXPECT_EQ(shared.error().code(), Code::kNotBuilt);
}

std::string raw_of(const std::vector<float>& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float)};
}

std::string input_json(const std::string& name, const std::string& datatype,
                       const std::string& shape, std::size_t size) {
  return R"({"name":")" + name + R"(","datatype":")" + datatype + R"(","shape":)" + shape +
         R"(,"parameters":{"binary_data_size":)" + std::to_string(size) + "}}";
}

TEST_F(InferJson, BinaryInputsBehindTheJson) {
  const std::string texts = std::string("\3\0\0\0EWR\0\0\0\0", 11);
  const std::string json = R"({"inputs":[)" + input_json("x", "FP32", "[2]", 8) +
                           R"(,{"name":"y","datatype":"INT64","shape":[1],"data":[7]},)" +
                           input_json("t", "BYTES", "[2]", texts.size()) + "]}";
  for (const std::size_t shift : {0U, 1U, 2U, 3U}) {
    // Whatever their place in the body, numbers are aligned.
    const std::string padded = json + std::string(shift, ' ');
    const Status done = read_binary(padded, raw_of({1.5, -2}) + texts);
    ASSERT_TRUE(done) << done.error().what();
    float first = 0;
    std::memcpy(&first, request.inputs[0].data.data(), sizeof first);
    EXPECT_EQ(first, 1.5F);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(request.inputs[0].data.data()) % sizeof(float), 0U);
    EXPECT_THAT(request.inputs[2].texts, ElementsAre("EWR", ""));
    EXPECT_NE(request.inputs[2].texts[1].data(), nullptr);
  }
}

TEST_F(InferJson, BinaryInputsOfWrongSize) {
  const auto refusal = [&](const std::string& input, const std::string& bytes) {
    const Status done = read_binary(R"({"inputs":[)" + input + "]}", bytes);
    return done ? std::string("none") : done.error().id() + ": " + done.error().what();
  };
  EXPECT_EQ(refusal(input_json("x", "FP32", "[2]", 8), "1234"),
            "infer.data_size: unexpected size for input 'x', expecting 4 additional bytes");
  EXPECT_THAT(refusal(input_json("x", "FP32", "[2]", 4), "1234"), HasSubstr("4 additional bytes"));
  EXPECT_THAT(refusal(input_json("x", "FP32", "[2]", 8), "123456789"),
              HasSubstr("unexpected additional input data for model 'm'"));
  EXPECT_THAT(refusal(input_json("x", "FP32", "[4611686018427387904]", 4), "1234"),
              HasSubstr("infer.data_size"));
  EXPECT_THAT(refusal(input_json("x", "BOOL", "[1]", 1), "2"), HasSubstr("infer.data_malformed"));
  EXPECT_THAT(refusal(input_json("x", "BYTES", "[1]", 5), std::string("\2\0\0\0a", 5)),
              HasSubstr("runs past the end"));
  EXPECT_THAT(refusal(input_json("x", "BYTES", "[1]", 6), std::string("\1\0\0\0ab", 6)),
              HasSubstr("infer.data_size"));
  EXPECT_THAT(refusal(input_json("x", "BYTES", "[1000000000]", 5), std::string("\1\0\0\0a", 5)),
              HasSubstr("infer.data_size"));
  const Status done = read("{}", 99999);
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().what(), "inference header size should be in range (0, 2), got: 99999");
}

TEST_F(InferJson, EveryTruncationIsRefusedOrRead) {
  const std::string json = R"({"id":"a","inputs":[)" + input_json("x", "FP32", "[2]", 8) +
                           R"(,{"name":"t","datatype":"BYTES","shape":[1],"data":["M\u00fc"]}]})";
  const std::string whole = json + raw_of({1, 2});
  for (std::size_t length = 0; length < whole.size(); ++length) {
    const std::string cut = whole.substr(0, length);
    EXPECT_FALSE(read(cut, std::min(length, json.size()))) << length;
  }
  EXPECT_TRUE(read(whole, json.size()));
}

template <typename T>
std::span<const std::byte> bytes_of(const std::vector<T>& values) {
  return std::as_bytes(std::span(values));
}

TEST(InferWriter, NumbersReadBackToTheSameBits) {
  const std::vector<float> floats = {0.1F,
                                     -0.0F,
                                     1e-45F,
                                     3.4028235e38F,
                                     std::numeric_limits<float>::quiet_NaN(),
                                     std::numeric_limits<float>::infinity()};
  const std::vector<std::int64_t> whole = {9007199254740993, -1};
  const std::vector<std::string_view> texts = {"a\"b\n", ""};
  const std::vector<std::int64_t> six = {6, 1};
  const std::vector<std::int64_t> two = {2};
  InferRequest request;
  request.id = "q\"";
  InferResponse response;
  response.model = "m";
  response.version = "3";
  response.outputs = {{"f", Datatype::kFp32, six, bytes_of(floats), {}},
                      {"w", Datatype::kInt64, two, bytes_of(whole), {}},
                      {"t", Datatype::kBytes, two, {}, texts}};
  std::string out;
  const auto header = write_infer(request, response, out);
  ASSERT_TRUE(header);
  EXPECT_FALSE(header->has_value());
  EXPECT_EQ(out, R"({"id":"q\"","model_name":"m","model_version":"3","outputs":[)"
                 R"({"name":"f","datatype":"FP32","shape":[6,1],"data":)"
                 R"([0.1,-0,1e-45,3.4028235e+38,null,null]},)"
                 R"({"name":"w","datatype":"INT64","shape":[2],"data":[9007199254740993,-1]},)"
                 R"({"name":"t","datatype":"BYTES","shape":[2],"data":["a\"b\u000a",""]}]})");
  EXPECT_TRUE(parse_json(out));
}

TEST(InferWriter, BinaryOutputsBehindTheJson) {
  const std::vector<float> floats = {1.5F};
  const std::vector<std::string_view> texts = {"EWR"};
  const std::vector<std::int64_t> one = {1};
  InferRequest request;
  request.outputs = {{"t", true, 0}, {"f", false, 0}, {"g", true, 0}};
  InferResponse response;
  response.model = "m";
  response.version = "1";
  response.outputs = {{"t", Datatype::kBytes, one, {}, texts},
                      {"f", Datatype::kFp32, one, bytes_of(floats), {}},
                      {"g", Datatype::kFp32, one, bytes_of(floats), {}}};
  std::string out;
  const auto header = write_infer(request, response, out);
  ASSERT_TRUE(header);
  ASSERT_TRUE(header->has_value());
  const Json json = *parse_json(out.substr(0, **header));
  EXPECT_EQ(json["outputs"].items()[0]["parameters"]["binary_data_size"].integer(), 7);
  EXPECT_EQ(json["outputs"].items()[1]["data"].items().size(), 1U);
  EXPECT_EQ(out.substr(**header), std::string("\3\0\0\0EWR", 7) +
                                      std::string(reinterpret_cast<const char*>(floats.data()), 4));
}

TEST(InferWriter, WhatJsonCannotSayIsAskedForAsBinary) {
  const std::vector<std::string_view> texts = {"\xff"};
  const std::vector<std::uint16_t> halves = {0x3c00};
  const std::vector<std::int64_t> one = {1};
  InferRequest request;
  InferResponse response;
  for (const InferTensor& tensor : {InferTensor{"t", Datatype::kBytes, one, {}, texts},
                                    InferTensor{"h", Datatype::kFp16, one, bytes_of(halves), {}}}) {
    response.outputs = {tensor};
    std::string out;
    request.binary_outputs = false;
    const auto json = write_infer(request, response, out);
    ASSERT_FALSE(json);
    EXPECT_EQ(json.error().id(), "infer.not_text");
    request.binary_outputs = true;
    EXPECT_TRUE(write_infer(request, response, out));
  }
  EXPECT_EQ(error_body("no \"x\""), R"({"error":"no \"x\""})");
}

}  // namespace
}  // namespace kingpost::open_inference
