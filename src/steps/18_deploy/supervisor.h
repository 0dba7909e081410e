// SPDX-License-Identifier: Apache-2.0
// One deployment on this machine: its processes, its traffic, and what is asked of it.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "steps/18_deploy/gateway.h"

namespace kingpost::steps::deploy {

/// The files of a deployment's folder.
inline constexpr std::string_view kConfigFile = "config.json";
inline constexpr std::string_view kStateFile = "state.json";
inline constexpr std::string_view kHistoryFile = "history.ndjson";
inline constexpr std::string_view kControlFile = "control.json";
inline constexpr std::string_view kLogFile = "log";

struct Config {
  std::string name;
  std::string address = "127.0.0.1";
  int http = 8080;
  /// kingpost-serve, and its options.
  std::string program;
  std::vector<std::string> words;
};
Json to_json(const Config& config);
Config config_from_json(const Json& json);

class Supervisor {
 public:
  /// Listens, takes up what the folder's state says, and writes how it is spoken to. Fails with
  /// `store.locked` where another is there, `deploy.state_damaged`, or as http::Server::start.
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
