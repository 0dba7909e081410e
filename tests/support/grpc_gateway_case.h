// SPDX-License-Identifier: Apache-2.0
// A gateway of gRPC before two versions, which answer as a test tells them, and its callers.
#pragma once

#include <gtest/gtest.h>

#include <condition_variable>
#include <future>
#include <mutex>
#include <thread>

#include "base/files.h"
#include "base/scratch.h"
#include "base/text.h"
#include "steps/18_deploy/grpc_gateway.h"
#include "support/wait.h"

namespace kingpost::steps::deploy {

using grpc::Message;
using grpc::StatusCode;
using std::chrono::milliseconds;

inline constexpr const char* kUnary = "/inference.GRPCInferenceService/ModelInfer";
/// What a slow version takes for an answer.
inline constexpr milliseconds kSlowly{500};
inline constexpr const char* kStream = "/inference.GRPCInferenceService/ModelStreamInfer";

// A version: answers a message with its own name before it, or as it is told.
class Version final : public grpc::Handler {
 public:
  enum class Mood { kWell, kSlow, kSilent, kBroken, kRefusing };

  Version(const std::string& folder, const std::string& name, int port = 0) : name_(name) {
    grpc::ServerOptions how;
    how.threads = 1;
    how.port = port;
    server_ = grpc::Server::start(how, *this).value();
    // Its process does no more than telling the port.
    const std::string program = format("{}/{}", folder, name);
    const std::string text =
        format("#!/bin/sh\necho grpc://127.0.0.1:{}\necho http://127.0.0.1:1\nexec sleep 1000\n",
               server_->port());
    EXPECT_TRUE(write_durably(program, text, 0700));
    log = LineLog::open(folder + "/log").value();
    backend = std::make_shared<Backend>(Source{"m", name, "m.onnx"}, program,
                                        std::vector<std::string>{}, *log);
    EXPECT_TRUE(test::within_a_minute([this] {
      backend->poll(0);
      return backend->grpc_port() != 0;
    }));
    EXPECT_EQ(backend->grpc_port(), server_->port());
  }
  ~Version() override { end(); }

  void message(const std::shared_ptr<grpc::Call>& call, Message message) override {
    asked.fetch_add(1);
    const std::lock_guard lock(mutex_);
    head = call->head();
    changed_.notify_all();
    if (mood == Mood::kSilent) return;
    if (mood == Mood::kSlow) std::this_thread::sleep_for(kSlowly);
    if (mood == Mood::kRefusing) return call->finish(StatusCode::kUnimplemented, name_);
    if (mood == Mood::kBroken) return call->finish(StatusCode::kInternal, "broken");
    call->send({name_ + message.bytes, message.is_compressed});
  }
  void half_closed(const std::shared_ptr<grpc::Call>& call) override {
    if (mood == Mood::kWell || mood == Mood::kSlow) call->finish(StatusCode::kOk, {});
  }
  void closed(const std::shared_ptr<grpc::Call>&) override {
    const std::lock_guard lock(mutex_);
    ++over_;
    changed_.notify_all();
  }
  void sees(int messages, int over) {
    std::unique_lock lock(mutex_);
    EXPECT_TRUE(changed_.wait_for(lock, std::chrono::seconds(60),
                                  [&] { return asked.load() >= messages && over_ >= over; }));
  }
  // As the gateway counts it.
  void fails(std::int64_t errors) {
    EXPECT_TRUE(test::within_a_minute([&] { return backend->seen().errors >= errors; }));
  }
  // As when its process is killed.
  void end() {
    if (server_ != nullptr) server_->stop();
    server_.reset();
  }

  // Before the backend, which writes to it until its end.
  std::unique_ptr<LineLog> log;
  std::shared_ptr<Backend> backend;
  std::atomic<Mood> mood{Mood::kWell};
  std::atomic<int> asked{0};
  grpc::Head head;

 private:
  const std::string name_;
  std::mutex mutex_;
  std::condition_variable changed_;
  int over_ = 0;
  std::unique_ptr<grpc::Server> server_;
};

// What a caller of a stream has had.
class Heard final : public grpc::Receiver {
 public:
  void message(Message message) override {
    const std::lock_guard lock(mutex_);
    texts.push_back(message.bytes);
    changed_.notify_all();
  }
  void ended(Result<grpc::Ending> ending) override {
    const std::lock_guard lock(mutex_);
    end.emplace(std::move(ending));
    changed_.notify_all();
  }
  // Nothing while it is not over.
  std::optional<StatusCode> status() {
    const std::lock_guard lock(mutex_);
    return end ? std::optional(end->value().status) : std::nullopt;
  }
  bool waits(std::size_t messages, bool is_over = false) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds(60),
                             [&] { return texts.size() >= messages && (!is_over || end); });
  }

  std::vector<std::string> texts;
  std::optional<Result<grpc::Ending>> end;

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
};

class GrpcGatewayTest : public testing::Test {
 protected:
  explicit GrpcGatewayTest(const GrpcLimits& limits = {},
                           milliseconds slow = std::chrono::seconds(30))
      : gateway_(traffic_, 2, limits) {
    grpc::ServerOptions how;
    how.threads = 2;
    how.slow = slow;
    server_ = grpc::Server::start(how, gateway_).value();
    route(0);
  }
  ~GrpcGatewayTest() override {
    server_->stop();
    gateway_.stop();
  }

  void route(int percent, int shadow = 0) {
    traffic_.set_route({stable_.backend, candidate_.backend, percent, shadow});
  }
  static grpc::Head head_of(const char* path, const std::string& key = {}) {
    grpc::Head out;
    out.path = path;
    if (!key.empty()) out.metadata.emplace_back("x-kingpost-key", key);
    return out;
  }
  grpc::ClientAnswer ask(const grpc::Head& head, const std::string& text = "x") {
    std::promise<Result<grpc::ClientAnswer>> answer;
    const auto messages = std::make_shared<std::vector<Message>>();
    messages->push_back({text, false});
    client_.ask(server_->port(), head, messages, std::chrono::seconds(60),
                [&](Result<grpc::ClientAnswer> each) { answer.set_value(std::move(each)); });
    return answer.get_future().get().value();
  }
  // Of an answer that is fine.
  std::string version_of(const std::string& key) {
    const auto answer = ask(head_of(kUnary, key), "x");
    EXPECT_EQ(answer.ending.status, StatusCode::kOk) << answer.ending.text;
    std::string version;
    for (const auto& [name, value] : answer.ending.metadata) {
      if (name == kVersionField) version = value;
    }
    EXPECT_EQ(answer.messages.at(0).bytes, version + "x");
    return version;
  }
  std::shared_ptr<grpc::ClientCall> stream(const std::shared_ptr<Heard>& heard,
                                           const std::string& key = {}) {
    return client_.begin(server_->port(), head_of(kStream, key), {}, heard);
  }

  const Result<Scratch> scratch_ = Scratch::make("grpc_gateway");
  Version stable_{scratch_->path(), "1"};
  Version candidate_{scratch_->path(), "2"};
  Traffic traffic_;
  GrpcGateway gateway_;
  std::unique_ptr<grpc::Server> server_;
  grpc::Client client_{{.threads = 1}};
};

}  // namespace kingpost::steps::deploy
