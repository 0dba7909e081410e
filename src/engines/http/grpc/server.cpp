// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <atomic>
#include <boost/asio/post.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/write.hpp>
#include <map>

#include "engines/http/grpc/grpc.h"
#include "engines/http/grpc/session.h"
#include "engines/http/listener.h"

namespace kingpost::grpc {
namespace {

namespace net = boost::asio;
using net::ip::tcp;
using Fault = boost::system::error_code;
using Clock = std::chrono::steady_clock;

// A connection as its calls see it; each function from any thread.
class Answering {
 public:
  virtual ~Answering() = default;
  Answering(const Answering&) = delete;
  Answering& operator=(const Answering&) = delete;
  virtual void add_metadata(std::int32_t stream, std::string name, std::string value) = 0;
  virtual void send(std::int32_t stream, Message message) = 0;
  virtual void finish(std::int32_t stream, StatusCode code, std::string text) = 0;

 protected:
  Answering() = default;
};

struct Shared {
  ServerOptions options;
  Handler& handler;
  http::Peers peers;
};

// As HTTP's levels of the statuses that stand for the same errors.
http::AccessLevel level_of(StatusCode code) {
  if (code == StatusCode::kOk) return http::AccessLevel::kInfo;
  return is_fault(code) ? http::AccessLevel::kError : http::AccessLevel::kWarning;
}

class CallOfStream final : public Call {
 public:
  CallOfStream(std::weak_ptr<Answering> connection, std::int32_t stream, Head head)
      : connection_(std::move(connection)), stream_(stream), head_(std::move(head)) {}

  const Head& head() const override { return head_; }
  bool is_cancelled() const override { return cancelled_.load(std::memory_order_relaxed); }
  Clock::time_point begun() const { return begun_; }
  void cancel() { cancelled_.store(true, std::memory_order_relaxed); }
  void add_metadata(std::string name, std::string value) override {
    if (const auto peer = connection_.lock()) {
      peer->add_metadata(stream_, std::move(name), std::move(value));
    }
  }
  void send(Message message) override {
    if (const auto peer = connection_.lock()) peer->send(stream_, std::move(message));
  }
  void finish(StatusCode code, std::string_view text) override {
    if (const auto peer = connection_.lock()) peer->finish(stream_, code, std::string(text));
  }

 private:
  const std::weak_ptr<Answering> connection_;
  const std::int32_t stream_;
  const Head head_;
  const Clock::time_point begun_ = Clock::now();
  std::atomic<bool> cancelled_{false};
};

// Something that has to go on, byte by byte, for as long as it is waited for.
class Progress {
 public:
  explicit Progress(Clock::duration allowed) : allowed_(allowed) {}

  /// Whether it has been waited for without a byte for longer than is allowed.
  bool stood(bool is_waited_for, std::uint64_t bytes, Clock::time_point now) {
    if (!is_waited_for || bytes != bytes_) last_ = now;
    bytes_ = bytes;
    return now - last_ > allowed_;
  }

 private:
  const Clock::duration allowed_;
  std::uint64_t bytes_ = 0;
  Clock::time_point last_ = Clock::now();
};

using TlsStream = net::ssl::stream<tcp::socket>;

template <typename Stream>
class Connection final : public Events,
                         public Answering,
                         public http::Peer,
                         public std::enable_shared_from_this<Connection<Stream>> {
 public:
  /// `context`: what a stream with TLS is made with besides.
  template <typename... Context>
  Connection(tcp::socket socket, http::Loop& loop, Shared& shared, Context&... context)
      : stream_(std::move(socket), context...),
        timer_(stream_.get_executor()),
        loop_(loop),
        shared_(shared),
        session_(shared.options, *this),
        writes_(shared.options.slow),
        answers_(shared.options.slow) {
    loop_.connections.fetch_add(1);
    shared_.peers.add(this);
  }
  ~Connection() override {
    loop_.connections.fetch_sub(1);
    shared_.peers.remove(this);
  }

  void start() {
    Fault fault;
    http::ignore(socket().set_option(tcp::no_delay(true), fault));
    begun_ = Clock::now();
    last_ = begun_;
    watch();
    if constexpr (std::is_same_v<Stream, TlsStream>) {
      stream_.async_handshake(net::ssl::stream_base::server,
                              [self = this->shared_from_this()](Fault wrong) {
                                if (wrong) return self->close();
                                self->begin();
                              });
    } else {
      begin();
    }
  }

  std::shared_ptr<http::Peer> owned() override { return this->weak_from_this().lock(); }
  void wind_down() override {
    net::post(stream_.get_executor(), [self = this->shared_from_this()] {
      if (!self->is_shut_down_) self->session_.shut_down();
      self->is_shut_down_ = true;
      self->flush();
    });
  }
  void add_metadata(std::int32_t stream, std::string name, std::string value) override {
    in_order([self = this->shared_from_this(), stream, name = std::move(name),
              value = std::move(value)]() mutable {
      self->session_.add_metadata(stream, std::move(name), std::move(value));
    });
  }
  void send(std::int32_t stream, Message message) override {
    in_order([self = this->shared_from_this(), stream, message = std::move(message)] {
      self->session_.send(stream, message);
      self->flush();
    });
  }
  void finish(std::int32_t stream, StatusCode code, std::string text) override {
    in_order([self = this->shared_from_this(), stream, code, text = std::move(text)] {
      self->session_.finish(stream, code, text);
      self->flush();
    });
  }

 private:
  // At once on the loop's thread, unless something of another thread is still on its way there: a
  // status must not overtake the messages before it.
  template <typename Work>
  void in_order(Work work) {
    const bool is_on_loop = loop_.context.get_executor().running_in_this_thread();
    if (is_on_loop && on_their_way_.load(std::memory_order_acquire) == 0) return work();
    on_their_way_.fetch_add(1, std::memory_order_acq_rel);
    net::post(stream_.get_executor(),
              [work = std::move(work), self = this->shared_from_this()]() mutable {
                self->on_their_way_.fetch_sub(1, std::memory_order_acq_rel);
                work();
              });
  }

  bool begun(std::int32_t stream, Head head) override {
    const bool is_unary = shared_.handler.is_unary(head);
    auto& call = calls_[stream];
    call = std::make_shared<CallOfStream>(this->weak_from_this(), stream, std::move(head));
    call->of_connection = of_calls_;
    return is_unary;
  }
  void message(std::int32_t stream, Message message) override {
    // Held, since it may be finished while the handler has it.
    const auto call = calls_.at(stream);
    shared_.handler.message(call, std::move(message));
  }
  void half_closed(std::int32_t stream) override {
    const auto call = calls_.at(stream);
    shared_.handler.half_closed(call);
  }
  void closed(std::int32_t stream, const Outcome& outcome) override {
    const auto found = calls_.find(stream);
    if (found == calls_.end()) return;
    const auto call = std::move(found->second);
    calls_.erase(found);
    end(call, outcome);
  }

  void end(const std::shared_ptr<CallOfStream>& ended, const Outcome& outcome) {
    CallOfStream& call = *ended;
    call.cancel();
    shared_.handler.closed(ended);
    if (shared_.options.access_log == nullptr) return;
    const std::string_view path = call.head().path;
    shared_.options.access_log->note({.level = level_of(outcome.status),
                                      .method = path.substr(std::min<std::size_t>(path.size(), 1)),
                                      .path = path,
                                      .status = static_cast<int>(outcome.status),
                                      .code = status_name(outcome.status),
                                      .in = outcome.in,
                                      .out = outcome.out,
                                      .taken = Clock::now() - call.begun()});
  }

  void begin() {
    is_open_ = true;
    read();
    flush();
  }

  void read() {
    stream_.async_read_some(net::buffer(in_),
                            [self = this->shared_from_this()](Fault fault, std::size_t size) {
                              if (fault) return self->close();
                              // Bytes may have come before a close that this thread did meanwhile.
                              if (!self->socket().is_open()) return;
                              self->last_ = Clock::now();
                              // What is answered meanwhile goes out together.
                              self->is_receiving_ = true;
                              const bool fine = self->session_.receive({self->in_.data(), size});
                              self->is_receiving_ = false;
                              self->is_ending_ = self->is_ending_ || !fine;
                              self->flush();
                              if (!self->is_ending_) self->read();
                            });
  }

  void flush() {
    if (!is_open_ || is_receiving_ || !socket().is_open()) return;
    if (session_.output_bytes() > shared_.options.connection_bytes) return close();
    if (is_writing_) return;
    constexpr std::size_t kTogether = std::size_t{256} << 10;
    out_.clear();
    const std::uint64_t before = session_.sent_bytes();
    session_.take_output(out_, kTogether);
    has_answers_ = session_.sent_bytes() != before;
    if (out_.empty()) {
      if (is_ending_ || session_.is_done() || (is_shut_down_ && session_.streams() == 0)) close();
      return;
    }
    is_writing_ = true;
    net::async_write(
        stream_, net::buffer(out_),
        [this, done = std::size_t{0}](const Fault& fault, std::size_t size) mutable {
          count_written(size - std::exchange(done, size));
          return fault ? 0 : kTogether;
        },
        [self = this->shared_from_this()](Fault fault, std::size_t) {
          self->is_writing_ = false;
          if (fault) return self->close();
          self->last_ = Clock::now();
          self->flush();
        });
  }

  void count_written(std::size_t bytes) {
    written_ += bytes;
    if (has_answers_) answered_ += bytes;
  }

  // A client that neither sends what it began nor takes what it asked for must not stay for ever.
  void watch() {
    constexpr std::chrono::milliseconds kMost{1000};
    timer_.expires_after(std::min(kMost, shared_.options.slow / 4));
    timer_.async_wait([self = this->shared_from_this()](Fault fault) {
      if (fault || !self->socket().is_open()) return;
      const auto now = Clock::now();
      self->session_.expire(now);
      self->flush();
      if (self->stands_still(now)) return self->close();
      const bool is_quiet = now - self->last_ > self->shared_.options.idle;
      const bool is_idle = self->session_.streams() == 0;
      if (is_idle && is_quiet && !self->is_shut_down_) self->wind_down();
      self->watch();
    });
  }

  // Whether a client that may be pinging all the while does not read its socket or opens no window
  // for its answers, or one has not begun.
  bool stands_still(Clock::time_point now) {
    const bool has_answers = session_.output_bytes() > 0 || (is_writing_ && has_answers_);
    // Both are told how things stand, whatever the other says.
    const bool unread = writes_.stood(is_writing_, written_, now);
    const bool untaken = answers_.stood(has_answers, answered_, now);
    const bool unsent = !session_.has_begun() && now - begun_ > shared_.options.slow;
    return unread || untaken || unsent;
  }

  void close() {
    Fault fault;
    timer_.cancel();
    http::ignore(socket().shutdown(tcp::socket::shutdown_both, fault));
    http::ignore(socket().close(fault));
    for (const auto& [stream, call] : std::exchange(calls_, {})) {
      end(call, session_.outcome(stream));
    }
  }

  auto& socket() { return stream_.lowest_layer(); }

  Stream stream_;
  net::steady_timer timer_;
  http::Loop& loop_;
  Shared& shared_;
  Session session_;
  std::map<std::int32_t, std::shared_ptr<CallOfStream>> calls_;
  std::array<char, 65536> in_;
  std::string out_;
  /// See Call::of_connection.
  const std::shared_ptr<std::atomic<std::size_t>> of_calls_ =
      std::make_shared<std::atomic<std::size_t>>(0);
  Clock::time_point begun_;
  Clock::time_point last_;
  /// Bytes that the socket took, and those of them that were written together with answers.
  std::uint64_t written_ = 0;
  std::uint64_t answered_ = 0;
  Progress writes_;
  Progress answers_;
  /// What other threads gave to the loop, and it has not done.
  std::atomic<std::int64_t> on_their_way_{0};
  /// Behind the handshake.
  bool is_open_ = false;
  bool is_receiving_ = false;
  bool is_writing_ = false;
  /// Messages are among what is written.
  bool has_answers_ = false;
  bool is_ending_ = false;
  bool is_shut_down_ = false;
};

class AsioServer final : public Server {
 public:
  AsioServer(const ServerOptions& options, Handler& handler)
      : shared_{options, handler, {}},
        listener_({options.address, options.port, options.threads, options.connections, options.tls,
                   "h2", options.busy_poll},
                  shared_.peers, [this](tcp::socket socket, http::Loop& loop, http::Tls* tls) {
                    if (tls == nullptr) {
                      http::begin_connection<Connection<tcp::socket>>(std::move(socket), loop,
                                                                      shared_);
                    } else {
                      http::begin_connection<Connection<TlsStream>>(std::move(socket), loop,
                                                                    shared_, tls->context);
                    }
                  }) {}

  Status open() { return listener_.listen(); }
  int port() const override { return listener_.port(); }
  std::size_t connections() const override { return shared_.peers.count(); }
  void stop() override { listener_.stop(); }
  bool drain(std::chrono::milliseconds most) override { return listener_.drain(most); }

 private:
  mutable Shared shared_;
  // Behind what connections refer to, so that they go first.
  http::Listener listener_;
};

}  // namespace

Result<std::unique_ptr<Server>> Server::start(const ServerOptions& options, Handler& handler) {
  auto server = std::make_unique<AsioServer>(options, handler);
  TRY_STATUS(server->open());
  return std::unique_ptr<Server>(std::move(server));
}

}  // namespace kingpost::grpc
