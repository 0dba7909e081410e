// SPDX-License-Identifier: Apache-2.0
// How the supervisor of a deployment is started and spoken to.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "base/json.h"
#include "base/result.h"

namespace kingpost::cli {

/// How long somebody waits for a supervisor, and between two looks.
inline constexpr auto kPatience = std::chrono::seconds(60);
inline constexpr std::chrono::milliseconds kLook{50};

std::string path_in(const std::string& folder, std::string_view file);

class Control {
 public:
  /// Of the supervisor that runs in a deployment's folder. Fails with `deploy.not_running`.
  static Result<Control> of(const std::string& folder);
  /// Starts the supervisor of a folder, and waits until it can be spoken to. Fails with
  /// `deploy.not_started`.
  static Result<Control> launch(const std::string& folder);

  /// "/status" or one of its commands. Fails with the supervisor's own error, or with
  /// `deploy.not_running` where it has ended since it was found.
  Result<Json> ask(const std::string& path, const Json& body = Json()) const;

 private:
  Error ended() const;

  std::string folder_;
  int port_ = 0;
  std::string token_;
};

/// `deploy.not_started`, with the end of the log.
Error not_started(const std::string& folder);

}  // namespace kingpost::cli
