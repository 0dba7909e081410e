// SPDX-License-Identifier: Apache-2.0
// Plain texts as the graph takes them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace kingpost::steps {

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

/// The value enters the graph as float64 and cannot: its integer lies beyond 2^53.
inline constexpr std::string_view kInexact = "is a whole number beyond 2^53, which is not exact";

}  // namespace kingpost::steps
