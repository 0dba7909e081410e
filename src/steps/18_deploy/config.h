// SPDX-License-Identifier: Apache-2.0
// How a deployment was started: what its supervisor reads when it begins.
#pragma once

#include <string>
#include <vector>

#include "base/json.h"
#include "engines/http/tls_files.h"

namespace kingpost::steps::deploy {

struct Config {
  std::string name;
  std::string address = "127.0.0.1";
  int http = 8080;
  /// -1: none.
  int grpc = -1;
  /// Of both ports; the processes behind them speak without.
  http::TlsFiles tls{};
  /// kingpost-serve, and its options.
  std::string program;
  std::vector<std::string> words;
};
Json to_json(const Config& config);
Config config_from_json(const Json& json);

}  // namespace kingpost::steps::deploy
