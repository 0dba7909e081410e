// SPDX-License-Identifier: Apache-2.0
#include "engines/http/server.h"

#include <sys/socket.h>

#include <array>
#include <atomic>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <mutex>
#include <optional>
#include <set>
#include <thread>
#include <vector>

#include "base/json_text.h"
#include "base/parallel.h"
#include "base/text.h"

namespace kingpost::http {
namespace {

namespace net = boost::asio;
namespace beast = boost::beast;
using net::ip::tcp;
using Parser = beast::http::request_parser<beast::http::string_body>;
using Fault = beast::error_code;

// For what is done as well as it goes.
void ignore(const Fault&) {}

std::string_view view(beast::string_view text) {
  return {text.data(), text.size()};
}

class Connection;

// What connections share with their server.
struct Shared {
  ServerOptions options;
  Handler& handler;
  std::atomic<bool> draining{false};
  std::mutex mutex;
  /// Those that are there, so that a drain can close the idle ones.
  std::set<Connection*> all;
  std::array<std::atomic<std::uint64_t>, 600> answers{};

  std::size_t count() {
    const std::lock_guard lock(mutex);
    return all.size();
  }
};

struct Loop {
  // Behind the context: connections that wait in it count themselves out when it goes.
  std::atomic<std::size_t> connections{0};
  net::io_context context{1};
  std::thread thread;
};

class Connection final : public Exchange, public std::enable_shared_from_this<Connection> {
 public:
  Connection(tcp::socket socket, Loop& loop, Shared& shared)
      : stream_(std::move(socket)), loop_(loop), shared_(shared) {
    loop_.connections.fetch_add(1);
    const std::lock_guard lock(shared_.mutex);
    shared_.all.insert(this);
  }
  ~Connection() override {
    loop_.connections.fetch_sub(1);
    const std::lock_guard lock(shared_.mutex);
    shared_.all.erase(this);
  }

  void start() {
    Fault fault;
    ignore(stream_.socket().set_option(tcp::no_delay(true), fault));
    read_head();
  }

  /// From any thread: closes it where no request is on its way.
  void close_when_idle() {
    net::post(stream_.get_executor(), [self = shared_from_this()] {
      if (self->is_idle_) self->close();
    });
  }

  std::string_view method() const override { return view(parser_->get().method_string()); }
  std::string_view path() const override {
    const std::string_view target = view(parser_->get().target());
    return target.substr(0, target.find('?'));
  }
  std::string_view body() const override { return parser_->get().body(); }
  void replace_body(std::string body) override { parser_->get().body() = std::move(body); }
  std::string_view header(std::string_view name) const override {
    const auto& fields = parser_->get();
    const auto found = fields.find(beast::string_view(name.data(), name.size()));
    return found == fields.end() ? std::string_view() : view(found->value());
  }

  void status(int code) override { status_ = code; }
  void add_header(std::string_view name, std::string_view value) override {
    headers_.append(name).append(": ").append(value).append("\r\n");
  }
  std::string& answer() override { return answer_; }
  void finish() override {
    net::dispatch(stream_.get_executor(), [self = shared_from_this()] { self->send(); });
  }

 private:
  void read_head() {
    parser_.emplace();
    parser_->header_limit(shared_.options.head_bytes);
    parser_->body_limit(shared_.options.body_bytes);
    status_ = 200;
    headers_.clear();
    answer_.clear();
    is_idle_ = buffer_.size() == 0;
    stream_.expires_after(is_idle_ ? shared_.options.idle : shared_.options.slow);
    beast::http::async_read_header(
        stream_, buffer_, *parser_,
        [self = shared_from_this()](Fault fault, std::size_t) { self->on_head(fault); });
  }

  void on_head(Fault fault) {
    is_idle_ = false;
    if (fault) return refuse(fault);
    stream_.expires_after(shared_.options.slow);
    if (header("Expect") != "100-continue") return read_body();
    static constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
    net::async_write(stream_, net::buffer(kContinue),
                     [self = shared_from_this()](Fault wrong, std::size_t) {
                       if (!wrong) self->read_body();
                     });
  }

  void read_body() {
    beast::http::async_read(
        stream_, buffer_, *parser_,
        [self = shared_from_this()](Fault fault, std::size_t) { self->on_body(fault); });
  }

  void on_body(Fault fault) {
    if (fault) return refuse(fault);
    // The handler may take its time; only the client is held to a limit.
    stream_.expires_never();
    keep_alive_ = parser_->get().keep_alive();
    shared_.handler.handle(shared_from_this());
  }

  // What cannot be read is answered where there may be somebody who listens.
  void refuse(Fault fault) {
    namespace http = beast::http;
    keep_alive_ = false;
    if (fault == http::error::header_limit) {
      status_ = 431;
    } else if (fault == http::error::body_limit) {
      status_ = 413;
    } else if (fault == http::error::end_of_stream || fault == http::error::partial_message ||
               fault.category() != make_error_code(http::error::bad_method).category()) {
      return close();
    } else {
      status_ = 400;
    }
    headers_ = "Content-Type: application/json\r\n";
    answer_ = "{\"error\":";
    add_json_text(answer_, format("malformed request: {}", fault.message()));
    answer_ += '}';
    is_refused_ = true;
    send();
  }

  void send() {
    const bool head_only = !is_refused_ && method() == "HEAD";
    keep_alive_ = keep_alive_ && !shared_.draining.load();
    shared_.answers[static_cast<std::size_t>(status_) % shared_.answers.size()].fetch_add(
        1, std::memory_order_relaxed);
    const auto reason = view(
        beast::http::obsolete_reason(beast::http::int_to_status(static_cast<unsigned>(status_))));
    head_ = format("HTTP/1.1 {} {}\r\nContent-Length: {}\r\n{}{}\r\n", status_, reason,
                   answer_.size(), keep_alive_ ? "" : "Connection: close\r\n", headers_);
    const std::array<net::const_buffer, 2> parts = {
        net::buffer(head_), head_only ? net::const_buffer() : net::buffer(answer_)};
    stream_.expires_after(shared_.options.slow);
    net::async_write(stream_, parts, [self = shared_from_this()](Fault fault, std::size_t) {
      self->on_sent(fault);
    });
  }

  void on_sent(Fault fault) {
    if (fault || !keep_alive_) return close();
    // One huge request must not hold its memory for ever.
    constexpr std::size_t kKept = std::size_t{1} << 20;
    if (answer_.capacity() > kKept) answer_ = {};
    if (buffer_.size() == 0 && buffer_.capacity() > kKept) buffer_ = {};
    read_head();
  }

  void close() {
    Fault fault;
    ignore(stream_.socket().shutdown(tcp::socket::shutdown_both, fault));
    stream_.close();
  }

  beast::tcp_stream stream_;
  Loop& loop_;
  Shared& shared_;
  beast::flat_buffer buffer_;
  std::optional<Parser> parser_;
  int status_ = 200;
  std::string headers_;
  std::string head_;
  std::string answer_;
  bool keep_alive_ = true;
  bool is_refused_ = false;
  /// Only looked at and set by the loop's thread.
  bool is_idle_ = true;
};

class BeastServer final : public Server {
 public:
  BeastServer(const ServerOptions& options, Handler& handler)
      : shared_{options, handler, {}, {}, {}, {}} {
    const int threads = threads_or_all(options.threads);
    for (int i = 0; i < threads; ++i) loops_.push_back(std::make_unique<Loop>());
    acceptor_.emplace(loops_[0]->context);
    pause_.emplace(loops_[0]->context);
  }
  ~BeastServer() override {
    stop();
    // Connections go with the handlers that hold them, before what they refer to.
    pause_.reset();
    acceptor_.reset();
    loops_.clear();
  }

  void stop() override {
    for (const auto& loop : loops_) loop->context.stop();
    for (const auto& loop : loops_) {
      if (loop->thread.joinable()) loop->thread.join();
    }
  }

  Status open() {
    Fault fault;
    const auto address = net::ip::make_address(shared_.options.address, fault);
    if (fault) return cannot_listen("is no address");
    const tcp::endpoint place(address, static_cast<std::uint16_t>(shared_.options.port));
    constexpr int kWaiting = 4096;
    if (acceptor_->open(place.protocol(), fault) ||
        acceptor_->set_option(net::socket_base::reuse_address(true), fault) ||
        acceptor_->bind(place, fault) || acceptor_->listen(kWaiting, fault)) {
      return cannot_listen(fault.message());
    }
    port_ = acceptor_->local_endpoint(fault).port();
    accept();
    for (const auto& loop : loops_) {
      loop->thread = std::thread([&context = loop->context] {
        const auto work = net::make_work_guard(context);
        context.run();
      });
    }
    return {};
  }

  int port() const override { return port_; }
  std::size_t connections() const override { return shared_.count(); }
  std::map<int, std::uint64_t> answers() const override {
    std::map<int, std::uint64_t> out;
    for (std::size_t i = 0; i < shared_.answers.size(); ++i) {
      const std::uint64_t count = shared_.answers[i].load(std::memory_order_relaxed);
      if (count > 0) out[static_cast<int>(i)] = count;
    }
    return out;
  }

  void drain(std::chrono::milliseconds most) override {
    shared_.draining.store(true);
    net::post(loops_[0]->context, [this] {
      Fault fault;
      ignore(acceptor_->close(fault));
    });
    const auto until = std::chrono::steady_clock::now() + most;
    while (shared_.count() > 0 && std::chrono::steady_clock::now() < until) {
      close_idle();
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
  }

 private:
  Error cannot_listen(const std::string& why) const {
    return fail(Code::kUnavailable, "http.cannot_listen", "cannot listen at {}:{}: {}",
                shown(shared_.options.address), shared_.options.port, why)
        .hint("is another server there? port 0 takes any that is free");
  }

  void close_idle() {
    // Held beyond the lock: the last owner of a connection takes the lock itself.
    std::vector<std::shared_ptr<Connection>> alive;
    {
      const std::lock_guard lock(shared_.mutex);
      for (Connection* each : shared_.all) {
        // One that is being destroyed has no owner any more.
        if (auto owned = each->weak_from_this().lock()) alive.push_back(std::move(owned));
      }
    }
    for (const auto& each : alive) each->close_when_idle();
  }

  Loop& least_busy() {
    Loop* least = loops_[0].get();
    for (const auto& loop : loops_) {
      if (loop->connections.load() < least->connections.load()) least = loop.get();
    }
    return *least;
  }

  void accept() {
    Loop& loop = least_busy();
    acceptor_->async_accept(loop.context, [this, &loop](Fault fault, tcp::socket socket) {
      if (fault == net::error::operation_aborted || !acceptor_->is_open()) return;
      if (fault) return accept_later();
      if (shared_.count() < shared_.options.connections) {
        auto connection = std::make_shared<Connection>(std::move(socket), loop, shared_);
        net::post(loop.context, [connection] { connection->start(); });
      }
      accept();
    });
  }

  // Too many open files: the next attempt would fail as this one.
  void accept_later() {
    pause_->expires_after(std::chrono::milliseconds(20));
    pause_->async_wait([this](Fault fault) {
      if (!fault && acceptor_->is_open()) accept();
    });
  }

  mutable Shared shared_;
  std::vector<std::unique_ptr<Loop>> loops_;
  std::optional<tcp::acceptor> acceptor_;
  std::optional<net::steady_timer> pause_;
  int port_ = 0;
};

}  // namespace

Result<std::unique_ptr<Server>> Server::start(const ServerOptions& options, Handler& handler) {
  auto server = std::make_unique<BeastServer>(options, handler);
  TRY_STATUS(server->open());
  return std::unique_ptr<Server>(std::move(server));
}

}  // namespace kingpost::http
