// SPDX-License-Identifier: Apache-2.0
// One file per trial, written whole or not at all, with its own digest inside.
#include "steps/10_train/checkpoint.h"

#include "base/digest.h"
#include "base/failpoint.h"
#include "base/files.h"
#include "base/text.h"

namespace kingpost::steps::train {

Checkpoint::Checkpoint(const std::string& folder, const std::string& key)
    : folder_(format("{}/trials/{}", folder, key.substr(0, 32))) {}

std::string Checkpoint::path_of(const std::string& candidate, std::int64_t trial) const {
  return format("{}/{}.{}.json", folder_, candidate, trial);
}

std::optional<Json> Checkpoint::find(const std::string& candidate, std::int64_t trial) const {
  const auto text = read_file(path_of(candidate, trial));
  if (!text) return std::nullopt;
  const std::size_t end = text->find('\n');
  if (end == std::string::npos) return std::nullopt;
  const std::string body = text->substr(end + 1);
  if (text->substr(0, end) != sha256_of(body)) return std::nullopt;
  auto record = parse_json(body);
  if (!record) return std::nullopt;
  return std::move(*record);
}

Status Checkpoint::keep(const std::string& candidate, std::int64_t trial, const Json& record) {
  TRY_STATUS(make_folders(folder_));
  const std::string body = record.canonical();
  TRY_STATUS(write_durably(path_of(candidate, trial), sha256_of(body) + "\n" + body));
  failpoint("trial_kept");
  return {};
}

}  // namespace kingpost::steps::train
