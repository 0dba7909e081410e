// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <poll.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/write.hpp>
#include <thread>

#include "base/files.h"
#include "base/json.h"
#include "base/line_log.h"
#include "base/scratch.h"
#include "base/text.h"
#include "engines/http/grpc/grpc.h"
#include "support/grpc_client.h"

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
      if (bytes > 0) message.bytes.assign(bytes, 'x');
      for (int i = 0; i < times; ++i) call->send(message);
    }).join();
  }
  void half_closed(const std::shared_ptr<Call>& call) override {
    call->finish(StatusCode::kOk, {});
  }

  int times = 1;
  /// Of each answer; 0: as many as came.
  std::size_t bytes = 0;
};

class GrpcServer : public testing::Test {
 protected:
  ~GrpcServer() override { server_->stop(); }

  void start(const ServerOptions& options) {
    server_ = Server::start(options, handler_).value();
    narrow();
    socket_.open(tcp::v4());
    socket_.set_option(tcp::socket::receive_buffer_size(kSmall));
    socket_.connect(
        {net::ip::make_address("127.0.0.1"), static_cast<std::uint16_t>(server_->port())});
  }
  void send() { net::write(socket_, net::buffer(client_.output())); }
  // What the call has, once it is over.
  Answer& ended(std::int32_t stream) {
    send();
    while (!client_.answers[stream].has_ended && receive()) send();
    return client_.answers[stream];
  }
  // A client that does not get on is let go soon.
  void start_hasty(std::chrono::milliseconds slow = std::chrono::milliseconds(300)) {
    ServerOptions options;
    options.threads = 1;
    options.slow = slow;
    options.busy_poll = std::chrono::microseconds(50);
    start(options);
  }
  // A write of the server is soon held up by a client that does not read: its connections have the
  // buffers of the socket that listens, which is found by its port.
  void narrow() {
    constexpr int kMostSockets = 1024;
    for (int number = 0; number < kMostSockets; ++number) {
      sockaddr_in name{};
      socklen_t size = sizeof name;
      if (::getsockname(number, reinterpret_cast<sockaddr*>(&name), &size) != 0) continue;
      if (ntohs(name.sin_port) != server_->port()) continue;
      ASSERT_EQ(::setsockopt(number, SOL_SOCKET, SO_SNDBUF, &kSmall, sizeof kSmall), 0);
    }
  }
  // False where the server has closed the connection.
  bool receive() {
    std::string bytes(65536, '\0');
    boost::system::error_code fault;
    const std::size_t size = socket_.read_some(net::buffer(bytes), fault);
    client_.receive(bytes.substr(0, size));
    return !fault;
  }

  // Pings all the while and reads what comes, but tells the client nothing: no window is given
  // back.
  bool is_let_go() {
    send();
    std::string bytes(65536, '\0');
    boost::system::error_code fault;
    for (int i = 0; i < kPings && !fault;) {
      if (wait_for(POLLIN) != 0) {
        socket_.read_some(net::buffer(bytes), fault);
      } else {
        net::write(socket_, net::buffer(kPing), fault);
        ++i;
      }
    }
    return static_cast<bool>(fault);
  }
  // Pings all the while, and reads nothing at all.
  bool is_let_go_unread() {
    send();
    boost::system::error_code fault;
    for (int i = 0; i < kPings && !fault; ++i) {
      wait_for(0);
      net::write(socket_, net::buffer(kPing), fault);
    }
    return static_cast<bool>(fault);
  }

  static constexpr int kSmall = 4096;
  static constexpr std::string_view kPing{"\0\0\x08\x06\0\0\0\0\0pingping", 17};
  // For 20 s; fewer than a server takes without having them answered.
  static constexpr int kPings = 400;

  // What has come of `events`, or an end, within the time between two pings.
  short wait_for(short events) {
    pollfd each{socket_.native_handle(), events, 0};
    ::poll(&each, 1, 50);
    return each.revents;
  }

  Elsewhere handler_;
  std::unique_ptr<Server> server_;
  net::io_context context_;
  tcp::socket socket_{context_};
  RawClient client_;
};

TEST_F(GrpcServer, a_status_never_overtakes_the_messages_of_another_thread) {
  ServerOptions options;
  options.threads = 1;
  start(options);
  for (int i = 0; i < 50; ++i) {
    const std::int32_t stream = client_.call(RawClient::fields(), framed("answer"));
    send();
    while (!client_.answers[stream].has_ended) {
      ASSERT_TRUE(receive());
      send();
    }
    EXPECT_EQ(client_.answers[stream].data, framed("answer"));
    EXPECT_EQ(client_.answers[stream].fields["grpc-status"], "0");
  }
}

TEST_F(GrpcServer, each_call_has_a_line_in_the_access_log) {
  const auto folder = Scratch::make("grpc_access_log");
  const std::string path = folder->path() + "/log";
  auto log = LineLog::open(path).value();
  ServerOptions options;
  options.threads = 1;
  http::AccessLog access_log(*log);
  options.access_log = &access_log;
  start(options);
  const auto ask = [&](const std::string& body) { ended(client_.call(RawClient::fields(), body)); };
  // The server has it, and has answered, when this ends; the stream stays open.
  const auto begin = [&](const std::string& body) {
    const std::int32_t stream = client_.call(RawClient::fields(), body, false);
    send();
    while (client_.answers[stream].data.size() < body.size() && receive()) send();
    return stream;
  };
  ask(framed("answer"));
  ask("cut");
  client_.reset(begin(framed("a")));
  ask(framed(""));
  // It is there when its client goes.
  begin(framed("ab"));
  socket_.shutdown(tcp::socket::shutdown_send);
  EXPECT_TRUE(server_->drain(std::chrono::seconds(20)));
  log.reset();
  std::vector<std::string> found;
  for (const std::string& line : split(read_file(path).value(), '\n')) {
    if (line.empty()) continue;
    const Json each = parse_json(line).value();
    EXPECT_EQ(each["method"].text(), "s/m");
    EXPECT_EQ(each["path"].text(), "/s/m");
    EXPECT_LT(each["ms"].number(), 60'000);
    found.push_back(format("{} {} {} {}", each["status"].integer(), each["code"].text(),
                           each["in"].integer(), each["out"].integer()));
  }
  EXPECT_EQ(found, (std::vector<std::string>{"0 OK 11 11", "3 INVALID_ARGUMENT 3 0",
                                             "1 CANCELLED 6 6", "0 OK 5 5", "1 CANCELLED 7 7"}));
}

TEST_F(GrpcServer, a_client_that_takes_no_answers_is_let_go) {
  start_hasty();
  handler_.times = 5;
  client_.call(RawClient::fields(), framed(std::string(50'000, 'x')), false);
  EXPECT_TRUE(is_let_go());
}

TEST_F(GrpcServer, a_message_that_never_ends_is_refused_and_others_are_not) {
  start_hasty(std::chrono::seconds(1));
  const std::int32_t left = client_.call(RawClient::fields(), framed("all").substr(0, 6), false);
  EXPECT_EQ(ended(left).fields["grpc-status"], "4");
  EXPECT_EQ(ended(client_.call(RawClient::fields(), framed("all"))).data, framed("all"));
}

TEST_F(GrpcServer, a_client_that_does_not_begin_is_let_go) {
  start_hasty();
  net::write(socket_, net::buffer("PRI", 3));
  while (receive()) {
  }
}

TEST_F(GrpcServer, a_client_that_does_not_read_is_let_go) {
  start_hasty();
  // One write has all of it: nothing is left that would wait for a window.
  handler_.bytes = 200'000;
  client_.open_windows();
  client_.call(RawClient::fields(), framed("x"), false);
  EXPECT_TRUE(is_let_go_unread());
}

TEST_F(GrpcServer, answers_that_wait_are_bounded) {
  ServerOptions options;
  options.threads = 1;
  options.connection_bytes = 2'000'000;
  handler_.times = 100;
  start(options);
  client_.call(RawClient::fields(), framed(std::string(50'000, 'x')), false);
  send();
  std::string bytes(65536, '\0');
  boost::system::error_code fault;
  std::size_t all = 0;
  while (!fault) all += socket_.read_some(net::buffer(bytes), fault);
  EXPECT_LT(all, 200'000U);
}

}  // namespace
}  // namespace kingpost::grpc
