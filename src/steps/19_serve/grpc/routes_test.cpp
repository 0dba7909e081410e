// SPDX-License-Identifier: Apache-2.0
#include "steps/19_serve/grpc/routes.h"

#include <gtest/gtest.h>

#include <future>

#include "base/digest.h"
#include "base/files.h"
#include "base/scratch.h"
#include "base/text.h"
#include "engines/archive/coding.h"
#include "engines/onnx/graph.h"

namespace kingpost::steps::serve {
namespace {

using grpc::StatusCode;

// A field of a message: number, then text. Messages are written by hand so that tests may write
// wrong ones.
std::string text_field(int number, std::string_view text) {
  std::string out;
  out += static_cast<char>(number << 3 | 2);
  out += static_cast<char>(text.size());
  return out.append(text);
}

class FakeCall final : public grpc::Call {
 public:
  explicit FakeCall(const std::string& path) { fields.path = path; }

  const grpc::Head& head() const override { return fields; }
  bool is_cancelled() const override { return false; }
  void add_metadata(std::string, std::string) override {}
  void send(grpc::Message message) override { sent.push_back(std::move(message)); }
  void finish(StatusCode code, std::string_view text) override {
    ++finished;
    status = code;
    why = text;
    ended.set_value();
  }

  grpc::Head fields;
  std::vector<grpc::Message> sent;
  int finished = 0;
  StatusCode status = StatusCode::kUnknown;
  std::string why;
  std::promise<void> ended;
};

class GrpcRoutesTest : public testing::Test {
 protected:
  GrpcRoutesTest() {
    onnx::Graph graph("echo");
    const auto x = graph.input("x", onnx::TensorType::kDouble);
    graph.output("y", graph.node("Identity", {x}, onnx::TensorType::kDouble));
    const std::string path = folder_->path() + "/echo.onnx";
    EXPECT_TRUE(write_file(path, graph.bytes()));
    EXPECT_TRUE(service_.repository().add({"echo", 1, path}));
    EXPECT_TRUE(service_.repository().load_all());
    options_.body_bytes = 1000;
    routes_ = std::make_unique<GrpcRoutes>(service_, options_);
  }

  std::shared_ptr<FakeCall> ask(const std::string& method, std::string bytes,
                                bool is_compressed = false, const std::string& encoding = {}) {
    const bool is_whole = method.starts_with("/");
    auto call =
        std::make_shared<FakeCall>(is_whole ? method : "/inference.GRPCInferenceService/" + method);
    call->fields.encoding = encoding;
    routes_->message(call, {std::move(bytes), is_compressed});
    if (call->finished == 0) routes_->half_closed(call);
    call->ended.get_future().wait_for(std::chrono::seconds(30));
    EXPECT_EQ(call->finished, 1);
    return call;
  }
  StatusCode status_of(const std::string& method, const std::string& bytes) {
    return ask(method, bytes)->status;
  }

  Result<Scratch> folder_ = Scratch::make("grpc_routes");
  ServiceOptions options_;
  Service service_{options_};
  std::unique_ptr<GrpcRoutes> routes_;
};

// One row: x = 2.5, as raw contents.
std::string infer_message() {
  const std::string tensor = text_field(1, "x") + text_field(2, "FP64") + "\x1a\x02\x01\x01";
  const double value = 2.5;
  const std::string_view bytes(reinterpret_cast<const char*>(&value), sizeof value);
  return text_field(1, "echo") + text_field(5, tensor) + text_field(7, bytes);
}

TEST_F(GrpcRoutesTest, an_answer_has_the_bits_of_the_model) {
  const auto call = ask("ModelInfer", infer_message());
  ASSERT_EQ(call->status, StatusCode::kOk) << call->why;
  ASSERT_EQ(call->sent.size(), 1U);
  const double value = 2.5;
  const std::string_view bytes(reinterpret_cast<const char*>(&value), sizeof value);
  EXPECT_NE(call->sent[0].bytes.find(text_field(6, bytes)), std::string::npos);
  EXPECT_EQ(service_.grpc_answers(0), 1U);
}

TEST_F(GrpcRoutesTest, methods_and_messages_that_are_none) {
  EXPECT_EQ(status_of("Nothing", ""), StatusCode::kUnimplemented);
  EXPECT_EQ(status_of("/x.Y/ServerLive", ""), StatusCode::kUnimplemented);
  EXPECT_EQ(status_of("", ""), StatusCode::kUnimplemented);
  EXPECT_EQ(status_of("SystemSharedMemoryStatus", ""), StatusCode::kUnimplemented);
  // serve.method_unknown
  EXPECT_EQ(service_.errors().at(0).id, "serve.method_unknown");
  for (const char* method : {"ModelInfer", "ModelReady", "ModelMetadata", "ModelConfig",
                             "ModelStatistics", "RepositoryIndex", "RepositoryModelLoad"}) {
    EXPECT_EQ(status_of(method, "\xff\xff"), StatusCode::kInvalidArgument) << method;
  }
  EXPECT_EQ(service_.errors().at(0).id, "infer.message_malformed");
  EXPECT_EQ(status_of("ModelMetadata", text_field(1, "other")), StatusCode::kNotFound);
  EXPECT_EQ(status_of("RepositoryModelLoad", text_field(2, "other")), StatusCode::kNotFound);
  EXPECT_EQ(status_of("ModelReady", text_field(1, "echo")), StatusCode::kOk);
}

TEST_F(GrpcRoutesTest, health_as_kubernetes_asks_for_it) {
  const std::string path = "/grpc.health.v1.Health/Check";
  EXPECT_EQ(ask(path, "")->sent.at(0).bytes, "\x08\x01");
  EXPECT_EQ(ask(path, text_field(1, "inference.GRPCInferenceService"))->sent.at(0).bytes,
            "\x08\x01");
  // serve.service_unknown
  EXPECT_EQ(status_of(path, text_field(1, "other")), StatusCode::kNotFound);
  service_.stop_soon();
  EXPECT_EQ(ask(path, "")->sent.at(0).bytes, "\x08\x02");
}

TEST_F(GrpcRoutesTest, compressed_messages) {
  const std::string packed = archive::compress(infer_message(), archive::Coding::kGzip);
  EXPECT_EQ(ask("ModelInfer", packed, true, "gzip")->status, StatusCode::kOk);
  EXPECT_EQ(ask("ModelInfer", packed, true, "zstd")->status, StatusCode::kUnimplemented);
  EXPECT_EQ(ask("ModelInfer", packed, true)->status, StatusCode::kUnimplemented);
  EXPECT_EQ(ask("ModelInfer", packed.substr(1), true, "gzip")->status,
            StatusCode::kInvalidArgument);
  const std::string bomb = archive::compress(std::string(100'000, 'x'), archive::Coding::kGzip);
  EXPECT_EQ(ask("ModelInfer", bomb, true, "gzip")->status, StatusCode::kResourceExhausted);
}

TEST_F(GrpcRoutesTest, a_unary_call_has_one_message) {
  auto call = std::make_shared<FakeCall>("/inference.GRPCInferenceService/ServerLive");
  routes_->half_closed(call);
  EXPECT_EQ(call->status, StatusCode::kInvalidArgument);
  EXPECT_EQ(call->finished, 1);
}

TEST_F(GrpcRoutesTest, all_but_the_stream_are_unary) {
  grpc::Head head;
  for (const char* path : {"/inference.GRPCInferenceService/ModelInfer", "/x.Y/ModelStreamInfer",
                           "/grpc.health.v1.Health/Check"}) {
    head.path = path;
    EXPECT_TRUE(routes_->is_unary(head)) << path;
  }
  head.path = "/inference.GRPCInferenceService/ModelStreamInfer";
  EXPECT_FALSE(routes_->is_unary(head));
}

TEST_F(GrpcRoutesTest, a_stream_ends_behind_its_last_answer) {
  auto call = std::make_shared<FakeCall>("/inference.GRPCInferenceService/ModelStreamInfer");
  routes_->message(call, {infer_message(), false});
  routes_->message(call, {"\xff", false});
  EXPECT_EQ(call->sent.size(), 2U);
  EXPECT_EQ(call->finished, 0);
  routes_->half_closed(call);
  EXPECT_EQ(call->status, StatusCode::kOk);
  // The second is an error that is told as a message.
  EXPECT_NE(call->sent[1].bytes.find("no ModelInferRequest"), std::string::npos);
  // Nothing holds it any more.
  const std::weak_ptr<FakeCall> gone = call;
  call.reset();
  EXPECT_TRUE(gone.expired());
}

// {log_info: false} of LogSettings, and the question without settings.
constexpr std::string_view kQuiet("\x0a\x0e\x0a\x08log_info\x12\x02\x08\x00", 16);

TEST_F(GrpcRoutesTest, only_an_admin_changes_what_is_logged) {
  const std::string path = folder_->path() + "/log";
  const auto lines = std::move(LineLog::open(path)).value();
  http::AccessLog log(*lines);
  service_.set_log_settings({&log, path});
  const std::string keys = folder_->path() + "/keys";
  ASSERT_TRUE(
      write_file(keys, format("{} infer a\n{} admin b\n", sha256_of("one"), sha256_of("all"))));
  service_.set_access(std::move(Access::read(keys)).value());
  const auto status = [&](std::string_view key, std::string_view bytes) {
    auto call = std::make_shared<FakeCall>("/inference.GRPCInferenceService/LogSettings");
    call->fields.metadata.emplace_back("x-api-key", key);
    routes_->message(call, {std::string(bytes), false});
    return call->status;
  };
  EXPECT_EQ(status("one", {}), StatusCode::kOk);
  EXPECT_EQ(status("one", kQuiet), StatusCode::kPermissionDenied);
  EXPECT_EQ(status("other", {}), StatusCode::kUnauthenticated);
  EXPECT_TRUE(log.keeps(http::AccessLevel::kInfo));
  EXPECT_EQ(status("all", kQuiet), StatusCode::kOk);
  EXPECT_FALSE(log.keeps(http::AccessLevel::kInfo));
  EXPECT_EQ(status("all", "\x0a"), StatusCode::kInvalidArgument);
  EXPECT_EQ(status("all", text_field(1, text_field(1, "log_file"))), StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace kingpost::steps::serve
