// SPDX-License-Identifier: Apache-2.0
// Texts as the graph takes them. Plain values are read here; whatever is not plain is left to the
// engine, which reads it by the SQL that step 1 reads texts by.
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

namespace kingpost::steps::infer {

/// Reads the texts of one column that is no text itself.
class CellReader {
 public:
  explicit CellReader(std::string_view type);

  /// False where the look does not tell; `out` is then not set. What is answered is what the engine
  /// would answer. Requires: the text is not empty.
  bool read(std::string_view text, double& out) const;
  const std::string& type() const { return type_; }

 private:
  bool read_integer(std::string_view text, double& out) const;
  bool read_number(std::string_view text, double& out) const;
  bool read_time(std::string_view text, double& out) const;

  enum class Kind { kInteger, kNumber, kSingle, kDecimal, kBoolean, kDate, kTimestamp, kOther };
  std::string type_;
  Kind kind_ = Kind::kOther;
  /// Of an integer type; beyond 2^53 a float64 is not exact.
  std::int64_t most_ = 0;
};

/// Why a value is not of the type: `"abc" is not a number`.
std::string not_of_type(std::string_view type);
/// The value enters the graph as float64 and cannot: its integer lies beyond 2^53.
inline constexpr std::string_view kInexact = "is a whole number beyond 2^53, which is not exact";

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
