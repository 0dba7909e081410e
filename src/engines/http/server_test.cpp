// SPDX-License-Identifier: Apache-2.0
#include "engines/http/server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/write.hpp>
#include <string>

namespace kingpost::http {
namespace {

namespace net = boost::asio;
using net::ip::tcp;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

class Length final : public Handler {
 public:
  void handle(std::shared_ptr<Exchange> exchange) override {
    exchange->answer() = std::to_string(exchange->body().size());
    exchange->finish();
  }
};

class HttpServer : public testing::Test {
 protected:
  ~HttpServer() override { server_->stop(); }

  // Everything that comes back until the server closes, or `end` has come.
  std::string raw(const std::string& bytes, const std::string& end = {}) {
    net::io_context context;
    tcp::socket socket(context);
    socket.connect(
        {net::ip::make_address("127.0.0.1"), static_cast<std::uint16_t>(server_->port())});
    boost::system::error_code fault;
    net::write(socket, net::buffer(bytes), fault);
    std::string out;
    std::string piece(4096, '\0');
    while (end.empty() || out.find(end) == std::string::npos) {
      const std::size_t size = socket.read_some(net::buffer(piece), fault);
      if (fault) break;
      out.append(piece, 0, size);
    }
    return out;
  }

  static ServerOptions options() {
    ServerOptions out;
    out.threads = 1;
    out.slow = std::chrono::seconds(2);
    out.busy_poll = std::chrono::microseconds(50);
    return out;
  }

  Length length_;
  std::unique_ptr<Server> server_ = Server::start(options(), length_).value();
};

// RFC 9112, 6.1 and 6.3: two readers could see two bodies.
TEST_F(HttpServer, BodiesThatCouldBeReadInTwoWaysAreRefused) {
  const std::string head = "POST / HTTP/1.1\r\nHost: x\r\n";
  const std::string chunks = "\r\n3\r\nabc\r\n0\r\n\r\n";
  EXPECT_THAT(raw(head + "Transfer-Encoding: chunked\r\n" + chunks, "3"),
              StartsWith("HTTP/1.1 200"));
  for (const char* each :
       {"Transfer-Encoding: xchunked\r\n", "Transfer-Encoding: chunked, identity\r\n",
        "Transfer-Encoding: gzip, chunked\r\n",
        "Transfer-Encoding: xchunked\r\nContent-Length: 3\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
        "Content-Length: 3\r\nContent-Length: 4\r\n"}) {
    const std::string answer = raw(head + each + chunks);
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 400")) << each;
    EXPECT_THAT(answer, HasSubstr("Connection: close")) << each;
    EXPECT_EQ(answer.find("HTTP/1.1", 1), std::string::npos) << each;
  }
  EXPECT_THAT(raw("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n" + chunks),
              StartsWith("HTTP/1.1 400"));
}

TEST_F(HttpServer, OneHostIsNamed) {
  EXPECT_THAT(raw("GET / HTTP/1.1\r\n\r\n"), StartsWith("HTTP/1.1 400"));
  EXPECT_THAT(raw("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"), StartsWith("HTTP/1.1 400"));
  EXPECT_THAT(raw("GET / HTTP/1.0\r\n\r\n"), StartsWith("HTTP/1.1 200"));
}

TEST_F(HttpServer, ChunkExtensionsAreBounded) {
  const std::string head = "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n";
  EXPECT_THAT(raw(head + "1;a=b\r\nx\r\n0\r\n\r\n", "1"), StartsWith("HTTP/1.1 200"));
  EXPECT_THAT(raw(head + "1;a=" + std::string(20'000, 'b') + "\r\nx\r\n0\r\n\r\n"),
              StartsWith("HTTP/1.1 431"));
  EXPECT_THAT(raw(head + "1;a=" + std::string(2'000'000, 'b')), Not(HasSubstr("200")));
  std::string many = head;
  for (int i = 0; i < 3000; ++i) many += "1;a=bcdefgh\r\nx\r\n";
  EXPECT_THAT(raw(many), StartsWith("HTTP/1.1 431"));
}

TEST_F(HttpServer, LongBodiesInManyChunks) {
  std::string bytes = "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: Chunked\r\n\r\n";
  for (int i = 0; i < 30; ++i) bytes += "186A0\r\n" + std::string(100'000, 'y') + "\r\n";
  EXPECT_THAT(raw(bytes + "0\r\n\r\n", "3000000"), StartsWith("HTTP/1.1 200"));
}

TEST_F(HttpServer, ContinueIsSaidInAnyCase) {
  const std::string head = "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n";
  EXPECT_THAT(raw(head + "Expect: 100-Continue\r\n\r\n", "Continue\r\n\r\n"),
              StartsWith("HTTP/1.1 100"));
  EXPECT_THAT(raw("POST / HTTP/1.0\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\nabc"),
              StartsWith("HTTP/1.1 200"));
}

TEST_F(HttpServer, AnOlderClientIsToldThatTheConnectionStays) {
  EXPECT_THAT(raw("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", "\r\n\r\n"),
              HasSubstr("Connection: keep-alive"));
  EXPECT_THAT(raw("GET / HTTP/1.0\r\n\r\n"), HasSubstr("Connection: close"));
}

}  // namespace
}  // namespace kingpost::http
