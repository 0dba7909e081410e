// SPDX-License-Identifier: Apache-2.0
// What trials came to, kept in the store while a search runs, so that a run that was killed goes on
// with the trial it was in. A trial that cannot be read is made again.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/json.h"
#include "base/result.h"

namespace kingpost::steps::train {

class Checkpoint {
 public:
  /// `folder` is the store's own; `key` is the digest of all that the trials depend on.
  Checkpoint(const std::string& folder, const std::string& key);

  std::optional<Json> find(const std::string& candidate, std::int64_t trial) const;
  /// Durable when it answers.
  Status keep(const std::string& candidate, std::int64_t trial, const Json& record);
  const std::string& folder() const { return folder_; }

 private:
  std::string path_of(const std::string& candidate, std::int64_t trial) const;
  std::string folder_;
};

}  // namespace kingpost::steps::train
