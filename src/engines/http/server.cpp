// SPDX-License-Identifier: Apache-2.0
#include "engines/http/server.h"

#include <sys/socket.h>

#include <array>
#include <atomic>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/ssl/ssl_stream.hpp>
#include <functional>
#include <optional>
#include <vector>

#include "base/json_text.h"
#include "base/text.h"
#include "engines/http/listener.h"

namespace kingpost::http {
namespace {

namespace net = boost::asio;
namespace beast = boost::beast;
using net::ip::tcp;
using Parser = beast::http::request_parser<beast::http::string_body>;
using Fault = beast::error_code;

std::string_view view(beast::string_view text) {
  return {text.data(), text.size()};
}

// Bytes taken from a connection at a time, beyond what must be held together.
constexpr std::size_t kReadAhead = 65536;

// The reader asks for as much as there is room for, and for 512 bytes where there is none: room is
// made before it reads. A request of a row fits into the first, and the last is what a connection
// may keep from one request to the next.
constexpr std::size_t kHeadRoom = 2048;
constexpr std::size_t kKeptRoom = 16384;

// What connections share with their server.
struct Shared {
  ServerOptions options;
  Handler& handler;
  std::atomic<bool> draining{false};
  Peers peers;
  std::array<std::atomic<std::uint64_t>, 600> answers{};
};

using TlsStream = beast::ssl_stream<beast::tcp_stream>;

// Why a head must not be answered as if it were plain: two readers of it could find two different
// bodies (RFC 9112, 3.2, 6.1 and 6.3). Empty: it is.
std::string_view ambiguity_of(const Parser& parser) {
  using beast::http::field;
  const auto& head = parser.get();
  if (head.count(field::transfer_encoding) > 0) {
    if (head.version() < 11) return "Transfer-Encoding is not for HTTP/1.0";
    if (head.count(field::content_length) > 0) return "both Transfer-Encoding and Content-Length";
    const bool is_chunked = head.count(field::transfer_encoding) == 1 &&
                            beast::iequals(head[field::transfer_encoding], "chunked");
    if (!is_chunked) return "a Transfer-Encoding other than chunked";
  }
  const std::size_t hosts = head.count(field::host);
  if (hosts > 1 || (hosts == 0 && head.version() >= 11)) return "not one Host";
  return {};
}

template <typename Stream>
class Connection final : public Exchange,
                         public Peer,
                         public std::enable_shared_from_this<Connection<Stream>> {
 public:
  /// `context`: what a stream with TLS is made with besides.
  template <typename... Context>
  Connection(tcp::socket socket, Loop& loop, Shared& shared, Context&... context)
      : stream_(std::move(socket), context...),
        loop_(loop),
        shared_(shared),
        buffer_(shared.options.head_bytes + kReadAhead) {
    loop_.connections.fetch_add(1);
    shared_.peers.add(this);
  }
  ~Connection() override {
    loop_.connections.fetch_sub(1);
    shared_.peers.remove(this);
  }

  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  void start() {
    Fault fault;
    ignore(lowest().socket().set_option(tcp::no_delay(true), fault));
    if constexpr (std::is_same_v<Stream, TlsStream>) {
      lowest().expires_after(shared_.options.slow);
      stream_.async_handshake(net::ssl::stream_base::server,
                              [self = this->shared_from_this()](Fault wrong) {
                                if (!wrong) self->read_head();
                              });
    } else {
      read_head();
    }
  }

  void wind_down() override {
    net::post(stream_.get_executor(), [self = this->shared_from_this()] {
      if (self->is_idle_) self->close();
    });
  }
  std::shared_ptr<Peer> owned() override { return this->weak_from_this().lock(); }

  std::string_view method() const override { return view(parser_->get().method_string()); }
  std::string_view path() const override {
    const std::string_view target = view(parser_->get().target());
    return target.substr(0, target.find('?'));
  }
  std::string_view target() const override { return view(parser_->get().target()); }
  Headers headers() const override {
    Headers out;
    for (const auto& each : parser_->get()) {
      out.emplace_back(view(each.name_string()), view(each.value()));
    }
    return out;
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
    net::dispatch(stream_.get_executor(), [self = this->shared_from_this()] { self->send(); });
  }

 private:
  void read_head() {
    parser_.emplace();
    parser_->header_limit(shared_.options.head_bytes);
    parser_->body_limit(shared_.options.body_bytes);
    status_ = 200;
    headers_.clear();
    answer_.clear();
    extensions_ = 0;
    is_idle_ = buffer_.size() == 0;
    if (is_idle_ && buffer_.capacity() > kKeptRoom) buffer_.shrink_to_fit();
    buffer_.reserve(kHeadRoom);
    lowest().expires_after(is_idle_ ? shared_.options.idle : shared_.options.slow);
    beast::http::async_read_header(
        stream_, buffer_, *parser_,
        [self = this->shared_from_this()](Fault fault, std::size_t) { self->on_head(fault); });
  }

  void on_head(Fault fault) {
    is_idle_ = false;
    if (fault) return refuse(fault);
    if (const std::string_view why = ambiguity_of(*parser_); !why.empty()) return refuse(400, why);
    lowest().expires_after(shared_.options.slow);
    if (parser_->chunked()) parser_->on_chunk_header(chunk_head_);
    const auto expected = parser_->get()[beast::http::field::expect];
    const bool is_asked = parser_->get().version() >= 11;
    if (!is_asked || !beast::iequals(expected, "100-continue")) return read_body();
    static constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
    net::async_write(stream_, net::buffer(kContinue),
                     [self = this->shared_from_this()](Fault wrong, std::size_t) {
                       if (!wrong) self->read_body();
                     });
  }

  void read_body() {
    if (!parser_->is_done()) {
      const auto left = parser_->content_length_remaining();
      const std::uint64_t room = std::min<std::uint64_t>(left.value_or(kKeptRoom), kReadAhead);
      buffer_.reserve(std::max(buffer_.size(), static_cast<std::size_t>(room)));
    }
    beast::http::async_read(
        stream_, buffer_, *parser_,
        [self = this->shared_from_this()](Fault fault, std::size_t) { self->on_body(fault); });
  }

  void on_body(Fault fault) {
    if (fault) return refuse(fault);
    // The handler may take its time; only the client is held to a limit.
    lowest().expires_never();
    keep_alive_ = parser_->get().keep_alive();
    begun_ = std::chrono::steady_clock::now();
    shared_.handler.handle(this->shared_from_this());
  }

  // What cannot be read is answered where there may be somebody who listens.
  void refuse(Fault fault) {
    namespace http = beast::http;
    int status = 400;
    if (fault == http::error::header_limit || fault == http::error::buffer_overflow) {
      status = 431;
    } else if (fault == http::error::body_limit) {
      status = 413;
    } else if (fault == http::error::end_of_stream || fault == http::error::partial_message ||
               fault.category() != make_error_code(http::error::bad_method).category()) {
      return close();
    }
    refuse(status, fault.message());
  }

  void refuse(int status, std::string_view why) {
    keep_alive_ = false;
    status_ = status;
    headers_ = "Content-Type: application/json\r\n";
    answer_ = "{\"error\":";
    add_json_text(answer_, format("malformed request: {}", why));
    answer_ += '}';
    is_refused_ = true;
    send();
  }

  void send() {
    const bool head_only = !is_refused_ && method() == "HEAD";
    keep_alive_ = keep_alive_ && !shared_.draining.load();
    shared_.answers[static_cast<std::size_t>(status_) % shared_.answers.size()].fetch_add(
        1, std::memory_order_relaxed);
    if (shared_.options.access_log != nullptr) note();
    const auto reason = view(
        beast::http::obsolete_reason(beast::http::int_to_status(static_cast<unsigned>(status_))));
    // A client of HTTP/1.0 is told that the connection stays; to others that goes without saying.
    std::string_view connection;
    if (!keep_alive_) connection = "Connection: close\r\n";
    if (keep_alive_ && parser_->get().version() < 11) connection = "Connection: keep-alive\r\n";
    head_ = format("HTTP/1.1 {} {}\r\nContent-Length: {}\r\n{}{}\r\n", status_, reason,
                   answer_.size(), connection, headers_);
    const std::array<net::const_buffer, 2> parts = {
        net::buffer(head_), head_only ? net::const_buffer() : net::buffer(answer_)};
    lowest().expires_after(shared_.options.slow);
    net::async_write(stream_, parts, [self = this->shared_from_this()](Fault fault, std::size_t) {
      self->on_sent(fault);
    });
  }

  void note() {
    AccessLine line{.level = access_level(status_), .status = status_, .out = answer_.size()};
    if (!is_refused_) {
      line.method = method();
      line.path = path();
      line.in = body().size();
      line.taken = std::chrono::steady_clock::now() - begun_;
    }
    shared_.options.access_log->note(line);
  }

  void on_sent(Fault fault) {
    if (fault || !keep_alive_) return close();
    // One huge request must not hold its memory for ever.
    constexpr std::size_t kKept = std::size_t{1} << 20;
    if (answer_.capacity() > kKept) std::string().swap(answer_);
    read_head();
  }

  void close() {
    Fault fault;
    ignore(lowest().socket().shutdown(tcp::socket::shutdown_both, fault));
    lowest().close();
  }

  beast::tcp_stream& lowest() { return beast::get_lowest_layer(stream_); }

  Stream stream_;
  Loop& loop_;
  Shared& shared_;
  // What is read ahead: a head or the line before a chunk must fit into it.
  beast::flat_buffer buffer_;
  /// Bytes of a body's chunk extensions (RFC 9112, 7.1.1), of no use to anybody here.
  std::size_t extensions_ = 0;
  std::function<void(std::uint64_t, beast::string_view, Fault&)> chunk_head_ =
      [this](std::uint64_t, beast::string_view extensions, Fault& fault) {
        extensions_ += extensions.size();
        if (extensions_ > shared_.options.head_bytes) fault = beast::http::error::header_limit;
      };
  std::optional<Parser> parser_;
  int status_ = 200;
  std::string headers_;
  std::string head_;
  std::string answer_;
  std::chrono::steady_clock::time_point begun_;
  bool keep_alive_ = true;
  bool is_refused_ = false;
  /// Only looked at and set by the loop's thread.
  bool is_idle_ = true;
};

class BeastServer final : public Server {
 public:
  BeastServer(const ServerOptions& options, Handler& handler)
      : shared_{options, handler, {}, {}, {}},
        listener_({options.address, options.port, options.threads, options.connections, options.tls,
                   "http/1.1", options.busy_poll},
                  shared_.peers, [this](tcp::socket socket, Loop& loop, Tls* tls) {
                    if (tls == nullptr) {
                      begin_connection<Connection<beast::tcp_stream>>(std::move(socket), loop,
                                                                      shared_);
                    } else {
                      begin_connection<Connection<TlsStream>>(std::move(socket), loop, shared_,
                                                              tls->context);
                    }
                  }) {}

  Status open() { return listener_.listen(); }
  int port() const override { return listener_.port(); }
  std::size_t connections() const override { return shared_.peers.count(); }
  void stop() override { listener_.stop(); }
  bool drain(std::chrono::milliseconds most) override {
    shared_.draining.store(true);
    return listener_.drain(most);
  }

  std::map<int, std::uint64_t> answers() const override {
    std::map<int, std::uint64_t> out;
    for (std::size_t i = 0; i < shared_.answers.size(); ++i) {
      const std::uint64_t count = shared_.answers[i].load(std::memory_order_relaxed);
      if (count > 0) out[static_cast<int>(i)] = count;
    }
    return out;
  }

 private:
  mutable Shared shared_;
  // Behind what connections refer to, so that they go first.
  Listener listener_;
};

}  // namespace

Result<std::unique_ptr<Server>> Server::start(const ServerOptions& options, Handler& handler) {
  auto server = std::make_unique<BeastServer>(options, handler);
  TRY_STATUS(server->open());
  return std::unique_ptr<Server>(std::move(server));
}

}  // namespace kingpost::http
