// SPDX-License-Identifier: Apache-2.0
#include "base/key_files.h"

#include "base/ed25519.h"
#include "base/files.h"
#include "base/text.h"

namespace kingpost {

Result<std::vector<std::string>> read_public_keys(const std::vector<std::string>& paths) {
  std::vector<std::string> out;
  for (const std::string& each : paths) {
    TRY(std::string text, read_file(each));
    auto known = fingerprint_of(text);
    if (!known) return std::move(known).error().within(format("reading {}", shown(each, 200)));
    out.push_back(std::move(text));
  }
  return out;
}

}  // namespace kingpost
