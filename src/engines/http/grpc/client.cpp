// SPDX-License-Identifier: Apache-2.0
#include "engines/http/grpc/client.h"

#include <algorithm>
#include <array>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <map>
#include <optional>

#include "engines/http/client_loops.h"
#include "engines/http/grpc/client_session.h"
#include "engines/http/loops.h"

namespace kingpost::grpc {
namespace {

namespace net = boost::asio;
using net::ip::tcp;
using Fault = boost::system::error_code;
using Clock = std::chrono::steady_clock;

// Sooner than a server lets go of a connection without a call.
constexpr std::chrono::seconds kMostIdle{300};

class Link;

// A thread's own connections, by port.
struct Asker {
  net::io_context& context;
  const ClientOptions& options;
  std::map<int, std::vector<std::shared_ptr<Link>>> links{};

  std::shared_ptr<Link> link_to(int port);
  void remove(int port, const Link* link);
};

Error unreachable(int port, std::string_view why) {
  return fail(Code::kUnavailable, "http.unreachable", "no answer from port {}: {}", port, why);
}

// But for `send`, `half_close` and `cancel`, by the thread of its loop alone.
class CallOfLink final : public ClientCall, public std::enable_shared_from_this<CallOfLink> {
 public:
  CallOfLink(Asker& loop, int port, std::shared_ptr<Receiver> receiver)
      : loop_(loop), port_(port), receiver_(std::move(receiver)), timer_(loop.context) {}

  void start(const Head& head, Client::Timeout timeout);
  void send(Message message) override;
  void half_close() override;
  void cancel() override;

  void send_now(const Message& message);
  void half_close_now();
  void message(Message message) {
    if (receiver_ != nullptr) receiver_->message(std::move(message));
  }
  void end(Result<Ending> ending) {
    timer_.cancel();
    link_.reset();
    if (const auto told = std::exchange(receiver_, nullptr)) told->ended(std::move(ending));
  }
  int port() const { return port_; }

 private:
  void leave();

  Asker& loop_;
  const int port_;
  std::shared_ptr<Receiver> receiver_;
  net::steady_timer timer_;
  /// Which keeps the call.
  std::weak_ptr<Link> link_;
  std::int32_t stream_ = -1;
};

class Link final : public ClientEvents, public std::enable_shared_from_this<Link> {
 public:
  Link(Asker& loop, int port)
      : loop_(loop), port_(port), socket_(loop.context), session_(loop.options, *this) {}

  void connect() {
    const tcp::endpoint place(net::ip::address_v4::loopback(), static_cast<std::uint16_t>(port_));
    socket_.async_connect(place, [self = shared_from_this()](Fault fault) {
      if (fault) return self->close(fault.message());
      Fault without_hurry;
      http::ignore(self->socket_.set_option(tcp::no_delay(true), without_hurry));
      self->is_open_ = true;
      self->read();
      self->flush();
    });
  }

  bool has_room() const { return !is_closed_ && session_.has_room(); }
  // The server may be about to let go of it.
  bool is_stale(Clock::time_point now) const {
    return session_.streams() == 0 && now - used_ > kMostIdle;
  }
  std::int32_t begin(const Head& head, std::shared_ptr<CallOfLink> call) {
    used_ = Clock::now();
    const std::int32_t stream = session_.begin(head);
    if (stream > 0) calls_[stream] = std::move(call);
    return stream;
  }
  void send(std::int32_t stream, const Message& message) {
    session_.send(stream, message);
    flush_soon();
  }
  void half_close(std::int32_t stream) {
    session_.half_close(stream);
    flush_soon();
  }
  void cancel(std::int32_t stream) {
    calls_.erase(stream);
    session_.cancel(stream);
    flush_soon();
  }
  void close(const std::string& why) {
    if (std::exchange(is_closed_, true)) return;
    const auto self = shared_from_this();
    loop_.remove(port_, this);
    Fault fault;
    http::ignore(socket_.close(fault));
    for (const auto& [stream, call] : std::exchange(calls_, {})) call->end(unreachable(port_, why));
  }

 private:
  void message(std::int32_t stream, Message message) override {
    const auto found = calls_.find(stream);
    if (found == calls_.end()) return;
    const auto call = found->second;
    call->message(std::move(message));
  }
  void ended(std::int32_t stream, std::optional<Ending> ending) override {
    const auto found = calls_.find(stream);
    if (found == calls_.end()) return;
    const auto call = std::move(found->second);
    calls_.erase(found);
    used_ = Clock::now();
    if (ending) return call->end(std::move(*ending));
    call->end(unreachable(port_, "the call was broken off"));
  }

  void read() {
    socket_.async_read_some(net::buffer(in_),
                            [self = shared_from_this()](Fault fault, std::size_t size) {
                              if (self->is_closed_) return;
                              if (fault) return self->close(fault.message());
                              const bool fine = self->session_.receive({self->in_.data(), size});
                              if (!fine) return self->close("it does not speak HTTP/2");
                              self->flush();
                              self->read();
                            });
  }

  // What is asked meanwhile goes out together.
  void flush_soon() {
    if (std::exchange(is_flush_near_, true)) return;
    net::post(loop_.context, [self = shared_from_this()] {
      self->is_flush_near_ = false;
      self->flush();
    });
  }

  void flush() {
    if (!is_open_ || is_closed_ || is_writing_) return;
    constexpr std::size_t kTogether = std::size_t{256} << 10;
    out_.clear();
    session_.take_output(out_, kTogether);
    if (out_.empty()) {
      if (session_.is_done()) close("the server has ended the connection");
      return;
    }
    is_writing_ = true;
    net::async_write(socket_, net::buffer(out_),
                     [self = shared_from_this()](Fault fault, std::size_t) {
                       self->is_writing_ = false;
                       if (fault) return self->close(fault.message());
                       self->flush();
                     });
  }

  Asker& loop_;
  const int port_;
  tcp::socket socket_;
  ClientSession session_;
  std::map<std::int32_t, std::shared_ptr<CallOfLink>> calls_;
  std::array<char, 65536> in_;
  std::string out_;
  Clock::time_point used_ = Clock::now();
  bool is_open_ = false;
  bool is_closed_ = false;
  bool is_writing_ = false;
  bool is_flush_near_ = false;
};

std::shared_ptr<Link> Asker::link_to(int port) {
  const auto now = Clock::now();
  const std::vector<std::shared_ptr<Link>> there = links[port];
  for (const auto& each : there) {
    if (each->is_stale(now)) {
      each->close("it lay idle");
    } else if (each->has_room()) {
      return each;
    }
  }
  auto out = std::make_shared<Link>(*this, port);
  links[port].push_back(out);
  out->connect();
  return out;
}

void Asker::remove(int port, const Link* link) {
  const auto found = links.find(port);
  if (found == links.end()) return;
  std::erase_if(found->second, [link](const auto& each) { return each.get() == link; });
  if (found->second.empty()) links.erase(found);
}

void CallOfLink::start(const Head& head, Client::Timeout timeout) {
  // It may have been cancelled at once.
  if (receiver_ == nullptr) return;
  const std::shared_ptr<Link> link = loop_.link_to(port_);
  link_ = link;
  stream_ = link->begin(head, shared_from_this());
  if (stream_ < 0) return end(unreachable(port_, "the connection takes no call"));
  if (timeout.count() == 0) return;
  timer_.expires_after(timeout);
  timer_.async_wait([self = shared_from_this()](Fault fault) {
    if (fault || self->receiver_ == nullptr) return;
    self->leave();
    self->end(
        fail(Code::kUnavailable, "http.no_answer", "no answer from port {} in time", self->port_));
  });
}

void CallOfLink::leave() {
  if (const auto link = link_.lock()) link->cancel(stream_);
  link_.reset();
}

void CallOfLink::send_now(const Message& message) {
  if (const auto link = link_.lock()) link->send(stream_, message);
}

void CallOfLink::half_close_now() {
  if (const auto link = link_.lock()) link->half_close(stream_);
}

void CallOfLink::send(Message message) {
  net::post(loop_.context,
            [self = shared_from_this(), message = std::move(message)] { self->send_now(message); });
}

void CallOfLink::half_close() {
  net::post(loop_.context, [self = shared_from_this()] { self->half_close_now(); });
}

void CallOfLink::cancel() {
  net::post(loop_.context, [self = shared_from_this()] {
    self->leave();
    self->timer_.cancel();
    self->receiver_.reset();
  });
}

// The messages of a whole answer.
class Whole final : public Receiver {
 public:
  explicit Whole(Client::Done done) : done_(std::move(done)) {}

  void message(Message message) override { answer_.messages.push_back(std::move(message)); }
  void ended(Result<Ending> ending) override {
    if (!ending) return done_(std::move(ending).error());
    answer_.ending = std::move(*ending);
    done_(std::move(answer_));
  }

 private:
  const Client::Done done_;
  ClientAnswer answer_;
};

}  // namespace

struct Client::State {
  explicit State(const ClientOptions& client_options)
      : options(client_options), loops(client_options.threads) {
    for (std::size_t i = 0; i < loops.size(); ++i) askers.push_back({loops.context(i), options});
  }
  ~State() { loops.stop(); }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  Asker& asker() { return askers[loops.next()]; }

  const ClientOptions options;
  http::ClientLoops loops;
  // Behind the loops: connections go before what they belong to.
  std::vector<Asker> askers;
};

Client::Client(const ClientOptions& options) : state_(std::make_unique<State>(options)) {}

Client::~Client() = default;

void Client::stop() {
  state_->loops.stop();
}

std::shared_ptr<ClientCall> Client::begin(int port, const Head& head, Timeout timeout,
                                          std::shared_ptr<Receiver> receiver) {
  Asker& loop = state_->asker();
  auto call = std::make_shared<CallOfLink>(loop, port, std::move(receiver));
  net::post(loop.context, [call, head, timeout] { call->start(head, timeout); });
  return call;
}

std::shared_ptr<ClientCall> Client::ask(int port, const Head& head,
                                        std::shared_ptr<const std::vector<Message>> messages,
                                        Timeout timeout, Done done) {
  Asker& loop = state_->asker();
  auto call = std::make_shared<CallOfLink>(loop, port, std::make_shared<Whole>(std::move(done)));
  net::post(loop.context, [call, head, messages = std::move(messages), timeout] {
    call->start(head, timeout);
    for (const Message& each : *messages) call->send_now(each);
    call->half_close_now();
  });
  return call;
}

void Client::after(std::chrono::milliseconds delay, std::function<void()> what) {
  state_->loops.after(delay, std::move(what));
}

}  // namespace kingpost::grpc
