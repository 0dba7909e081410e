// SPDX-License-Identifier: Apache-2.0
#include "steps/18_deploy/front.h"

#include "base/text.h"

namespace kingpost::steps::deploy {

namespace {

// Clients know the port that it had, whoever chose it.
template <typename Server, typename Options, typename Handler>
Result<std::unique_ptr<Server>> start_at(Options how, int port, int before, Handler& handler) {
  how.port = port == 0 ? before : port;
  auto server = Server::start(how, handler);
  if (server || how.port == port) return server;
  how.port = port;
  return Server::start(how, handler);
}

}  // namespace

Status Front::open(const Config& config, const Ports& before) {
  address_ = config.address;
  is_secret_ = config.tls.is_used();
  http::ServerOptions how;
  how.address = config.address;
  how.tls = config.tls;
  TRY(http_, start_at<http::Server>(how, config.http, before.http, gateway_));
  if (config.grpc < 0) return {};
  grpc::ServerOptions calls;
  calls.address = config.address;
  calls.tls = config.tls;
  TRY(grpc_, start_at<grpc::Server>(calls, config.grpc, before.grpc, grpc_gateway_));
  return {};
}

// Both at a time.
void Front::drain(std::chrono::milliseconds most) {
  constexpr std::chrono::milliseconds kStep{25};
  const auto until = std::chrono::steady_clock::now() + most;
  bool is_done = false;
  while (!is_done && std::chrono::steady_clock::now() < until) {
    is_done = http_->drain(kStep);
    if (grpc_ != nullptr) is_done = grpc_->drain(kStep) && is_done;
  }
}

void Front::stop() {
  if (http_ != nullptr) http_->stop();
  if (grpc_ != nullptr) grpc_->stop();
  // What they still hold of the servers must be let go before the servers are gone.
  gateway_.stop();
  grpc_gateway_.stop();
}

std::string Front::place(const char* scheme, int port) const {
  return format("{}{}://{}:{}", scheme, is_secret_ ? "s" : "", address_, port);
}

std::string Front::url() const {
  return place("http", http_->port());
}

std::string Front::grpc_url() const {
  return grpc_ == nullptr ? std::string() : place("grpc", grpc_->port());
}

}  // namespace kingpost::steps::deploy
