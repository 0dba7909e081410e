// SPDX-License-Identifier: Apache-2.0
#include "engines/http/listener.h"

namespace kingpost::http {

void Peers::add(Peer* peer) {
  const std::lock_guard lock(mutex_);
  all_.insert(peer);
}

void Peers::remove(Peer* peer) {
  const std::lock_guard lock(mutex_);
  all_.erase(peer);
  if (all_.empty()) gone_.notify_all();
}

std::size_t Peers::count() {
  const std::lock_guard lock(mutex_);
  return all_.size();
}

// Held beyond the lock: the last owner of a connection takes the lock itself.
std::vector<std::shared_ptr<Peer>> Peers::owned() {
  std::vector<std::shared_ptr<Peer>> out;
  const std::lock_guard lock(mutex_);
  for (Peer* each : all_) {
    if (auto one = each->owned()) out.push_back(std::move(one));
  }
  return out;
}

bool Peers::wind_down(std::chrono::milliseconds most) {
  // Again: one that was accepted last may not have heard it.
  constexpr std::chrono::milliseconds kAgain{20};
  const auto until = std::chrono::steady_clock::now() + most;
  for (;;) {
    for (const auto& each : owned()) each->wind_down();
    std::unique_lock lock(mutex_);
    if (gone_.wait_for(lock, kAgain, [this] { return all_.empty(); })) return true;
    if (std::chrono::steady_clock::now() >= until) return false;
  }
}

Listener::Listener(Options options, Peers& peers, Accepted accepted)
    : options_(std::move(options)),
      peers_(peers),
      loops_(
          options_.threads, options_.busy_poll,
          [this, accepted = std::move(accepted)](boost::asio::ip::tcp::socket socket, Loop& loop) {
            if (peers_.count() >= options_.most_connections) return;
            accepted(std::move(socket), loop, tls_.get());
          }) {}

Status Listener::listen() {
  TRY(tls_, tls_of(options_.tls, options_.protocol));
  return loops_.listen(options_.address, options_.port);
}

bool Listener::drain(std::chrono::milliseconds most) {
  loops_.stop_accepting();
  return peers_.wind_down(most);
}

}  // namespace kingpost::http
