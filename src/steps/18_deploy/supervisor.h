// SPDX-License-Identifier: Apache-2.0
// One deployment on this machine: its processes, its traffic, and what is asked of it.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "steps/18_deploy/config.h"

namespace kingpost::steps::deploy {

/// The files of a deployment's folder.
inline constexpr std::string_view kConfigFile = "config.json";
inline constexpr std::string_view kStateFile = "state.json";
inline constexpr std::string_view kHistoryFile = "history.ndjson";
inline constexpr std::string_view kControlFile = "control.json";
inline constexpr std::string_view kLogFile = "log";

class Supervisor {
 public:
  /// Listens, takes up what the folder's state says, and writes how it is spoken to. Fails with
  /// `store.locked` where another is there, `deploy.state_damaged`, or as http::Server::start
  /// and grpc::Server::start.
  static Result<std::unique_ptr<Supervisor>> start(const std::string& folder);
  virtual ~Supervisor() = default;
  Supervisor(const Supervisor&) = delete;
  Supervisor& operator=(const Supervisor&) = delete;

  /// Until it is told to stop, or SIGTERM or SIGINT come, which must be blocked.
  virtual Status run() = 0;

 protected:
  Supervisor() = default;
};

}  // namespace kingpost::steps::deploy
