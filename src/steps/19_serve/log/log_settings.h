// SPDX-License-Identifier: Apache-2.0
// Triton's logging extension over the access log: what is said about it and what a client may
// change while the server runs.
#pragma once

#include <string>

#include "base/json.h"
#include "base/result.h"
#include "engines/http/access_log.h"

namespace kingpost::steps::serve {

class LogSettings {
 public:
  /// There is no access log.
  LogSettings() = default;
  /// `log` may be null; `file` is what the command line says.
  LogSettings(http::AccessLog* log, std::string file) : log_(log), file_(std::move(file)) {}

  /// {log_file, log_info, log_warning, log_error, log_verbose_level, log_format}, as Triton.
  Json read() const;
  /// Takes all of the settings or none: log_info, log_warning and log_error say whether the lines
  /// of answers that went well, of the caller's faults and of ours are written. The others, and
  /// those of a server without an access log, may only be said as they are. Fails with
  /// `serve.log_setting`, naming the setting.
  Status change(const Json& settings);

 private:
  http::AccessLog* log_ = nullptr;
  std::string file_;
};

}  // namespace kingpost::steps::serve
