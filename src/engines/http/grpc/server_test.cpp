// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/write.hpp>
#include <thread>

#include "engines/http/grpc/grpc.h"
#include "engines/http/grpc/session_case.h"

namespace kingpost::grpc {
namespace {

namespace net = boost::asio;
using net::ip::tcp;

// Sends what it gets as often as it is told to, by another thread; the status comes from the loop's
// own, behind the last message.
class Elsewhere final : public Handler {
 public:
  void message(const std::shared_ptr<Call>& call, Message message) override {
    std::thread([&] {
      for (int i = 0; i < times; ++i) call->send(message);
    }).join();
  }
  void half_closed(const std::shared_ptr<Call>& call) override {
    call->finish(StatusCode::kOk, {});
  }

  int times = 1;
};

class GrpcServer : public testing::Test {
 protected:
  ~GrpcServer() override { server_->stop(); }

  void start(const ServerOptions& options) {
    server_ = Server::start(options, handler_).value();
    socket_.connect(
        {net::ip::make_address("127.0.0.1"), static_cast<std::uint16_t>(server_->port())});
  }
  void send() { net::write(socket_, net::buffer(client_.output())); }
  // False where the server has closed the connection.
  bool receive() {
    std::string bytes(65536, '\0');
    boost::system::error_code fault;
    const std::size_t size = socket_.read_some(net::buffer(bytes), fault);
    client_.receive(bytes.substr(0, size));
    return !fault;
  }

  // Pings all the while, and tells the client nothing: no window is given back.
  void expect_end() {
    send();
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    std::thread asking([&] {
      boost::system::error_code fault;
      const std::string ping("\0\0\x08\x06\0\0\0\0\0pingping", 17);
      while (!fault && std::chrono::steady_clock::now() < until) {
        net::write(socket_, net::buffer(ping), fault);
        std::this_thread::sleep_for(std::chrono::milliseconds(50));
      }
    });
    std::string bytes(65536, '\0');
    boost::system::error_code fault;
    while (!fault && std::chrono::steady_clock::now() < until) {
      socket_.read_some(net::buffer(bytes), fault);
    }
    EXPECT_LT(std::chrono::steady_clock::now(), until);
    asking.join();
  }

  Elsewhere handler_;
  std::unique_ptr<Server> server_;
  net::io_context context_;
  tcp::socket socket_{context_};
  Client client_;
};

TEST_F(GrpcServer, a_status_never_overtakes_the_messages_of_another_thread) {
  ServerOptions options;
  options.threads = 1;
  start(options);
  for (int i = 0; i < 50; ++i) {
    const std::int32_t stream = client_.call(Client::fields(), framed("answer"));
    send();
    while (!client_.answers[stream].has_ended) {
      ASSERT_TRUE(receive());
      send();
    }
    EXPECT_EQ(client_.answers[stream].data, framed("answer"));
    EXPECT_EQ(client_.answers[stream].fields["grpc-status"], "0");
  }
}

TEST_F(GrpcServer, a_client_that_takes_no_answers_is_let_go) {
  ServerOptions options;
  options.threads = 1;
  options.slow = std::chrono::seconds(1);
  start(options);
  handler_.times = 5;
  client_.call(Client::fields(), framed(std::string(50'000, 'x')), false);
  expect_end();
}

TEST_F(GrpcServer, a_client_that_never_ends_its_message_is_let_go) {
  ServerOptions options;
  options.threads = 1;
  options.slow = std::chrono::seconds(1);
  start(options);
  client_.call(Client::fields(), framed("all").substr(0, 6), false);
  expect_end();
}
TEST_F(GrpcServer, answers_that_wait_are_bounded) {
  ServerOptions options;
  options.threads = 1;
  options.connection_bytes = 2'000'000;
  handler_.times = 100;
  start(options);
  client_.call(Client::fields(), framed(std::string(50'000, 'x')), false);
  send();
  std::string bytes(65536, '\0');
  boost::system::error_code fault;
  std::size_t all = 0;
  while (!fault) all += socket_.read_some(net::buffer(bytes), fault);
  EXPECT_LT(all, 200'000U);
}

}  // namespace
}  // namespace kingpost::grpc
