// SPDX-License-Identifier: Apache-2.0
// The ports of a deployment, at which it stays whatever version answers.
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "base/result.h"
#include "engines/http/server.h"
#include "steps/18_deploy/config.h"
#include "steps/18_deploy/gateway.h"
#include "steps/18_deploy/grpc_gateway.h"

namespace kingpost::steps::deploy {

/// Of a deployment; 0 where there is none.
struct Ports {
  int http = 0;
  int grpc = 0;
};

class Front {
 public:
  ~Front() { stop(); }

  /// Where the config takes any port, the one that was had before is taken while it is free. Fails
  /// as http::Server::start and grpc::Server::start.
  Status open(const Config& config, const Ports& before);
  /// No more requests; returns when all have their answers, or `most` has passed.
  void drain(std::chrono::milliseconds most);
  /// Lets go of every request, unanswered.
  void stop();

  Traffic& traffic() { return traffic_; }
  const Traffic& traffic() const { return traffic_; }
  /// Asks the processes behind it; not once it is stopped.
  http::Client& client() { return gateway_.client(); }
  /// Once it is open, as what follows.
  Ports ports() const { return {http_->port(), grpc_ == nullptr ? 0 : grpc_->port()}; }
  /// That of gRPC is empty where there is none.
  std::string url() const;
  std::string grpc_url() const;

 private:
  std::string place(const char* scheme, int port) const;

  Traffic traffic_;
  Gateway gateway_{traffic_, 0};
  GrpcGateway grpc_gateway_{traffic_, 0};
  std::string address_;
  bool is_secret_ = false;
  std::unique_ptr<http::Server> http_;
  std::unique_ptr<grpc::Server> grpc_;
};

}  // namespace kingpost::steps::deploy
