// SPDX-License-Identifier: Apache-2.0
// Texts that are not plain are left to the engine, which reads them by the SQL that step 1 reads
// texts by.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engines/sql/session.h"
#include "steps/cell_reader.h"

namespace kingpost::steps::infer {

/// Why a value is not of the type: `"abc" is not a number`.
std::string not_of_type(std::string_view type);

/// The engine's word on texts that are not plain. It is opened when the first of them comes.
class Referee {
 public:
  explicit Referee(sql::EngineConfig config) : config_(std::move(config)) {}

  /// For each text the number it stands for (NaN where that is what it says), or nothing where it
  /// is no value of the type. With `any`, integers and decimals may be of any size, and their
  /// numbers mean nothing. Any number of threads may call it.
  Result<std::vector<std::optional<double>>> read(std::string_view type,
                                                  const std::vector<std::string>& texts, bool any);

 private:
  using Known = std::map<std::string, std::optional<double>, std::less<>>;
  Status ask(std::string_view type, const std::vector<std::string>& texts, bool any, Known& known);

  sql::EngineConfig config_;
  std::mutex mutex_;
  std::unique_ptr<sql::Session> session_;
  std::map<std::string, Known, std::less<>> known_;
};

}  // namespace kingpost::steps::infer
