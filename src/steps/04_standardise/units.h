// SPDX-License-Identifier: Apache-2.0
// Units of measure with their exact factors, and the conversion between two of one dimension.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace kingpost::steps::standardise {

/// base = (value + shift) * numerator / denominator * pi^pi_power + offset; the base is the first
/// unit of the dimension. All factors are exact; only pi and the engine's arithmetic round.
struct Unit {
  std::string_view name;
  std::string_view dimension;
  std::int64_t numerator = 1;
  std::int64_t denominator = 1;
  double shift = 0;
  double offset = 0;
  int pi_power = 0;
};

std::span<const Unit> units();
const Unit* find_unit(std::string_view name);
/// The names of all units, or of one dimension's.
std::vector<std::string> unit_names(std::string_view dimension = {});

/// SQL that converts the float64 `sql`. Requires: both are of one dimension.
std::string convert_sql(const std::string& sql, const Unit& from, const Unit& to);

}  // namespace kingpost::steps::standardise
