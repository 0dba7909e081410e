// SPDX-License-Identifier: Apache-2.0
#include "engines/http/access_log.h"

#include <string>

#include "base/clock.h"
#include "base/json_text.h"
#include "base/text.h"

namespace kingpost::http {

AccessLevel access_level(int status) {
  if (status < 400) return AccessLevel::kInfo;
  return status < 500 ? AccessLevel::kWarning : AccessLevel::kError;
}

void AccessLog::note(const AccessLine& line) {
  if (!keeps(line.level)) return;
  std::string out = format("{{\"time\":\"{}\",\"method\":", timestamp_text(wall_clock()));
  add_json_text(out, line.method);
  out += ",\"path\":";
  add_json_text(out, line.path);
  out += format(",\"status\":{}", line.status);
  if (!line.code.empty()) {
    out += ",\"code\":";
    add_json_text(out, line.code);
  }
  out += format(",\"in\":{},\"out\":{},\"ms\":{:.3f}}}", line.in, line.out,
                static_cast<double>(line.taken.count()) / 1e6);
  lines_.add(out);
}

}  // namespace kingpost::http
