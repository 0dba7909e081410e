// SPDX-License-Identifier: Apache-2.0
// Conversions between types that never change a value unasked: what a type cannot hold is refused
// with a reason, where the engine's own cast would round it.
#pragma once

#include <optional>
#include <string>

namespace kingpost::steps::standardise {

struct Cast {
  /// The converted value; null where it cannot be converted.
  std::string value;
  /// Why a value cannot be converted, null where it can; empty when every value can.
  std::string reason;
};

/// SQL for the column `name` (quoted) from one type to another, or nothing when no value of the
/// one is a value of the other. Requires: the types differ.
std::optional<Cast> strict_cast(const std::string& name, const std::string& from,
                                const std::string& to);

/// What to do instead of a conversion that does not exist; may be empty.
std::string cast_hint(const std::string& from, const std::string& to);

}  // namespace kingpost::steps::standardise
