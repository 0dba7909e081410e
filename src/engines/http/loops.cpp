// SPDX-License-Identifier: Apache-2.0
#include "engines/http/loops.h"

#include <boost/asio/post.hpp>

#include "base/parallel.h"
#include "base/text.h"
#include "engines/http/busy_poll.h"

namespace kingpost::http {
namespace {

namespace net = boost::asio;
using net::ip::tcp;
using Fault = boost::system::error_code;

Error cannot_listen(const std::string& address, int port, const std::string& why) {
  return fail(Code::kUnavailable, "http.cannot_listen", "cannot listen at {}:{}: {}",
              shown(address), port, why)
      .hint("is another server there? port 0 takes any that is free");
}

}  // namespace

Loops::Loops(int threads, std::chrono::microseconds busy_poll, Accepted accepted)
    : busy_poll_(busy_poll), accepted_(std::move(accepted)) {
  const int count = threads_or_all(threads);
  for (int i = 0; i < count; ++i) loops_.push_back(std::make_unique<Loop>());
  acceptor_.emplace(loops_[0]->context);
  pause_.emplace(loops_[0]->context);
}

Loops::~Loops() {
  stop();
  pause_.reset();
  acceptor_.reset();
  loops_.clear();
}

void Loops::stop() {
  for (const auto& loop : loops_) loop->context.stop();
  for (const auto& loop : loops_) {
    if (loop->thread.joinable()) loop->thread.join();
  }
}

Status Loops::listen(const std::string& address, int port) {
  Fault fault;
  const auto number = net::ip::make_address(address, fault);
  if (fault) return cannot_listen(address, port, "is no address");
  const tcp::endpoint place(number, static_cast<std::uint16_t>(port));
  constexpr int kWaiting = 4096;
  if (acceptor_->open(place.protocol(), fault) ||
      acceptor_->set_option(net::socket_base::reuse_address(true), fault) ||
      acceptor_->bind(place, fault) || acceptor_->listen(kWaiting, fault)) {
    return cannot_listen(address, port, fault.message());
  }
  port_ = acceptor_->local_endpoint(fault).port();
  accept();
  for (const auto& loop : loops_) {
    loop->thread = std::thread([this, &loop = *loop] { run(loop); });
  }
  return {};
}

bool Loops::may_poll() const {
  std::size_t connections = 0;
  for (const auto& loop : loops_) connections += loop->connections.load(std::memory_order_relaxed);
  return connections * 2 <= cores_;
}

void Loops::run(Loop& loop) const {
  net::io_context& context = loop.context;
  const auto work = net::make_work_guard(context);
  if (busy_poll_.count() == 0) {
    context.run();
    return;
  }
  BusyPoll poll(busy_poll_);
  while (!context.stopped()) {
    if (poll.is_on() && may_poll()) {
      const bool has_worked = context.poll() > 0;
      poll.looked(has_worked, BusyPoll::Clock::now());
    } else {
      // With all that belongs to the event.
      context.run_one();
      context.poll();
      poll.woke(BusyPoll::Clock::now());
    }
  }
}

void Loops::stop_accepting() {
  net::post(loops_[0]->context, [this] {
    Fault fault;
    ignore(acceptor_->close(fault));
  });
}

Loop& Loops::least_busy() {
  Loop* least = loops_[0].get();
  for (const auto& loop : loops_) {
    if (loop->connections.load() < least->connections.load()) least = loop.get();
  }
  return *least;
}

void Loops::accept() {
  Loop& loop = least_busy();
  acceptor_->async_accept(loop.context, [this, &loop](Fault fault, tcp::socket socket) {
    if (fault == net::error::operation_aborted || !acceptor_->is_open()) return;
    if (fault) return accept_later();
    accepted_(std::move(socket), loop);
    accept();
  });
}

// Too many open files: the next attempt would fail as this one.
void Loops::accept_later() {
  pause_->expires_after(std::chrono::milliseconds(20));
  pause_->async_wait([this](Fault fault) {
    if (!fault && acceptor_->is_open()) accept();
  });
}

}  // namespace kingpost::http
