// SPDX-License-Identifier: Apache-2.0
#include "engines/http/client.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <condition_variable>
#include <limits>
#include <map>
#include <mutex>
#include <optional>
#include <vector>

#include "engines/http/client_loops.h"
#include "engines/http/loops.h"

namespace kingpost::http {
namespace {

namespace net = boost::asio;
namespace beast = boost::beast;
using net::ip::tcp;
using Fault = beast::error_code;
using Stream = std::unique_ptr<beast::tcp_stream>;

constexpr std::size_t kMostIdle = 256;

// Connections to a port, without a request.
struct Idle {
  std::vector<Stream> streams;
  std::chrono::steady_clock::time_point used;
};

// Only its own thread looks at what is idle.
struct Asker {
  net::io_context& context;
  const std::chrono::milliseconds most_idle;
  std::map<int, Idle> idle{};

  void keep(int port, Stream stream) {
    const auto now = std::chrono::steady_clock::now();
    // A server that went for good leaves its connections here, where nobody reads them.
    std::erase_if(idle, [&](const auto& each) {
      return each.first != port && now - each.second.used > most_idle;
    });
    Idle& kept = idle[port];
    kept.used = now;
    if (kept.streams.size() < kMostIdle) kept.streams.push_back(std::move(stream));
  }
};

constexpr std::size_t kReadRoom = 16384;

class Asking : public std::enable_shared_from_this<Asking> {
 public:
  Asking(Asker& loop, int port, std::shared_ptr<const ClientRequest> request,
         std::chrono::milliseconds timeout, Client::Done done)
      : loop_(loop),
        port_(port),
        request_(std::move(request)),
        timeout_(timeout),
        done_(std::move(done)) {}

  void start() {
    message_.method_string(request_->method);
    message_.target(request_->target);
    message_.version(11);
    for (const auto& [name, value] : request_->headers) message_.insert(name, value);
    message_.set(beast::http::field::host, "127.0.0.1");
    message_.body() = request_->body;
    const bool has_body = !request_->body.empty() || request_->method == "POST" ||
                          request_->method == "PUT" || request_->method == "PATCH";
    // `prepare_payload` throws where it holds that a method has no body.
    if (has_body) message_.content_length(request_->body.size());
    std::vector<Stream>& idle = loop_.idle[port_].streams;
    if (idle.empty()) return connect();
    stream_ = std::move(idle.back());
    idle.pop_back();
    is_reused_ = true;
    write();
  }

 private:
  void connect() {
    is_reused_ = false;
    stream_ = std::make_unique<beast::tcp_stream>(loop_.context);
    stream_->expires_after(timeout_);
    const tcp::endpoint place(net::ip::address_v4::loopback(), static_cast<std::uint16_t>(port_));
    stream_->async_connect(place, [self = shared_from_this()](Fault fault) {
      if (fault) return self->fail_with(fault);
      Fault without_hurry;
      ignore(self->stream_->socket().set_option(tcp::no_delay(true), without_hurry));
      self->write();
    });
  }

  void write() {
    stream_->expires_after(timeout_);
    beast::http::async_write(*stream_, message_,
                             [self = shared_from_this()](Fault fault, std::size_t) {
                               if (fault) return self->again(fault);
                               self->read();
                             });
  }

  void read() {
    parser_.emplace();
    parser_->body_limit(std::numeric_limits<std::uint64_t>::max());
    parser_->skip(request_->method == "HEAD");
    // Without room it would be read 512 bytes at a time.
    buffer_.reserve(kReadRoom);
    beast::http::async_read(*stream_, buffer_, *parser_,
                            [self = shared_from_this()](Fault fault, std::size_t) {
                              if (fault) return self->again(fault);
                              self->finish();
                            });
  }

  // A connection that lay idle may have been closed by the other side meanwhile.
  void again(Fault fault) {
    const bool has_begun = parser_ && parser_->got_some();
    if (!is_reused_ || has_begun || fault == beast::error::timeout) return fail_with(fault);
    buffer_.clear();
    parser_.reset();
    connect();
  }

  void fail_with(Fault fault) {
    const bool is_late = fault == beast::error::timeout;
    done_(fail(Code::kUnavailable, is_late ? "http.no_answer" : "http.unreachable",
               "no answer from port {}: {}", port_, fault.message()));
  }

  void finish() {
    auto message = parser_->release();
    ClientAnswer answer;
    answer.status = static_cast<int>(message.result_int());
    for (const auto& each : message) {
      answer.headers.emplace_back(std::string(each.name_string()), std::string(each.value()));
    }
    answer.body = std::move(message.body());
    if (message.keep_alive()) {
      stream_->expires_never();
      loop_.keep(port_, std::move(stream_));
    }
    done_(std::move(answer));
  }

  Asker& loop_;
  const int port_;
  const std::shared_ptr<const ClientRequest> request_;
  const std::chrono::milliseconds timeout_;
  const Client::Done done_;
  beast::http::request<beast::http::string_body> message_;
  Stream stream_;
  beast::flat_buffer buffer_;
  std::optional<beast::http::response_parser<beast::http::string_body>> parser_;
  bool is_reused_ = false;
};

}  // namespace

struct Client::State {
  State(int threads, std::chrono::milliseconds idle) : loops(threads) {
    for (std::size_t i = 0; i < loops.size(); ++i) askers.push_back({loops.context(i), idle});
  }
  ~State() { loops.stop(); }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  ClientLoops loops;
  // Behind the loops: connections go before what they belong to.
  std::vector<Asker> askers;
};

Client::Client(int threads, std::chrono::milliseconds idle)
    : state_(std::make_unique<State>(threads, idle)) {}

Client::~Client() = default;

void Client::stop() {
  state_->loops.stop();
}

void Client::ask(int port, std::shared_ptr<const ClientRequest> request, Done done) {
  const std::chrono::milliseconds timeout = request->timeout;
  ask(port, std::move(request), timeout, std::move(done));
}

void Client::ask(int port, std::shared_ptr<const ClientRequest> request,
                 std::chrono::milliseconds timeout, Done done) {
  Asker& loop = state_->askers[state_->loops.next()];
  auto asking = std::make_shared<Asking>(loop, port, std::move(request), timeout, std::move(done));
  net::post(loop.context, [asking] { asking->start(); });
}

void Client::after(std::chrono::milliseconds delay, std::function<void()> what) {
  state_->loops.after(delay, std::move(what));
}

Result<ClientAnswer> Client::ask_and_wait(int port, const ClientRequest& request) {
  std::mutex mutex;
  std::condition_variable came;
  std::optional<Result<ClientAnswer>> answer;
  ask(port, std::make_shared<const ClientRequest>(request), [&](Result<ClientAnswer> each) {
    const std::lock_guard lock(mutex);
    answer.emplace(std::move(each));
    came.notify_all();
  });
  std::unique_lock lock(mutex);
  came.wait(lock, [&] { return answer.has_value(); });
  return std::move(*answer);
}

}  // namespace kingpost::http
