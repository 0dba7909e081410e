// SPDX-License-Identifier: Apache-2.0
// The table of units. Factors are those of the SI Brochure, NIST SP 811 (appendix B) and the
// international yard and pound agreement of 1959.
#include "steps/04_standardise/units.h"

#include <array>
#include <numeric>

#include "base/format.h"

namespace kingpost::steps::standardise {
namespace {

constexpr double kZeroCelsius = 273.15;
// Whole numbers up to here are exact as float64.
constexpr std::int64_t kExact = std::int64_t{1} << 53;

// `value * numerator / denominator` with as few roundings as the numbers allow.
std::string scaled(const std::string& value, const Unit& from, const Unit& to) {
  // a/b divided by c/d is a*d / (b*c); what a and c, and b and d, share is taken out first.
  const std::int64_t up = std::gcd(from.numerator, to.numerator);
  const std::int64_t down = std::gcd(from.denominator, to.denominator);
  const std::int64_t a = from.numerator / up;
  const std::int64_t b = from.denominator / down;
  const std::int64_t c = to.numerator / up;
  const std::int64_t d = to.denominator / down;
  std::int64_t numerator = 0;
  std::int64_t denominator = 0;
  const bool large = __builtin_mul_overflow(a, d, &numerator) ||
                     __builtin_mul_overflow(b, c, &denominator) || numerator > kExact ||
                     denominator > kExact;
  if (large) {
    const long double factor = static_cast<long double>(a) / static_cast<long double>(b) *
                               static_cast<long double>(d) / static_cast<long double>(c);
    return format("({} * CAST('{}' AS DOUBLE))", value, static_cast<double>(factor));
  }
  const std::int64_t divisor = std::gcd(numerator, denominator);
  std::string out = value;
  if (numerator != divisor) out += format(" * CAST({} AS DOUBLE)", numerator / divisor);
  if (denominator != divisor) out += format(" / CAST({} AS DOUBLE)", denominator / divisor);
  return "(" + out + ")";
}

constexpr auto kUnits = std::to_array<Unit>({
    {"degC", "temperature"},
    {"degF", "temperature", 5, 9, -32},
    {"K", "temperature", 1, 1, 0, -kZeroCelsius},
    {"degR", "temperature", 5, 9, 0, -kZeroCelsius},
    {"m/s", "speed"},
    {"km/h", "speed", 5, 18},
    {"mph", "speed", 1'397, 3'125},
    {"kn", "speed", 463, 900},
    {"ft/s", "speed", 381, 1'250},
    {"m", "length"},
    {"km", "length", 1'000},
    {"cm", "length", 1, 100},
    {"mm", "length", 1, 1'000},
    {"um", "length", 1, 1'000'000},
    {"mi", "length", 201'168, 125},
    {"ft", "length", 381, 1'250},
    {"in", "length", 127, 5'000},
    {"nmi", "length", 1'852},
    {"yd", "length", 1'143, 1'250},
    {"kg", "mass"},
    {"g", "mass", 1, 1'000},
    {"mg", "mass", 1, 1'000'000},
    {"lb", "mass", 45'359'237, 100'000'000},
    {"oz", "mass", 45'359'237, 1'600'000'000},
    {"t", "mass", 1'000},
    {"Pa", "pressure"},
    {"hPa", "pressure", 100},
    {"kPa", "pressure", 1'000},
    {"MPa", "pressure", 1'000'000},
    {"bar", "pressure", 100'000},
    {"mbar", "pressure", 100},
    {"atm", "pressure", 101'325},
    {"mmHg", "pressure", 133'322'387'415, 1'000'000'000},
    {"inHg", "pressure", 3'386'388'640'341, 1'000'000'000},
    {"psi", "pressure", 44'482'216'152'605, 6'451'600'000},
    {"s", "duration"},
    {"us", "duration", 1, 1'000'000},
    {"ms", "duration", 1, 1'000},
    {"min", "duration", 60},
    {"h", "duration", 3'600},
    {"d", "duration", 86'400},
    {"m3", "volume"},
    {"l", "volume", 1, 1'000},
    {"ml", "volume", 1, 1'000'000},
    {"gal", "volume", 473'176'473, 125'000'000'000},
    {"gal_uk", "volume", 454'609, 100'000'000},
    {"ft3", "volume", 55'306'341, 1'953'125'000},
    {"m2", "area"},
    {"cm2", "area", 1, 10'000},
    {"km2", "area", 1'000'000},
    {"ha", "area", 10'000},
    {"ft2", "area", 145'161, 1'562'500},
    {"acre", "area", 316'160'658, 78'125},
    {"mi2", "area", 40'468'564'224, 15'625},
    {"J", "energy"},
    {"kJ", "energy", 1'000},
    {"MJ", "energy", 1'000'000},
    {"Wh", "energy", 3'600},
    {"kWh", "energy", 3'600'000},
    {"cal", "energy", 523, 125},
    {"kcal", "energy", 4'184},
    {"BTU", "energy", 52'752'792'631, 50'000'000},
    {"W", "power"},
    {"kW", "power", 1'000},
    {"MW", "power", 1'000'000},
    {"deg", "angle"},
    {"rad", "angle", 180, 1, 0, 0, -1},
});

std::string plus(const std::string& value, double number) {
  if (number == 0) return value;
  return format("({} + CAST('{}' AS DOUBLE))", value, number);
}

}  // namespace

std::span<const Unit> units() {
  return kUnits;
}

const Unit* find_unit(std::string_view name) {
  for (const Unit& unit : units()) {
    if (unit.name == name) return &unit;
  }
  return nullptr;
}

std::vector<std::string> unit_names(std::string_view dimension) {
  std::vector<std::string> names;
  for (const Unit& unit : units()) {
    if (dimension.empty() || unit.dimension == dimension) names.emplace_back(unit.name);
  }
  return names;
}

std::string convert_sql(const std::string& sql, const Unit& from, const Unit& to) {
  std::string value = scaled(plus(sql, from.shift), from, to);
  // Only temperatures have offsets, and theirs are in the base unit.
  if (from.offset != to.offset) {
    value = scaled(plus(sql, from.shift), from, *find_unit("degC"));
    value = plus(value, from.offset - to.offset);
    value = scaled(value, *find_unit("degC"), to);
  }
  const int power = from.pi_power - to.pi_power;
  if (power > 0) value = format("({} * pi())", value);
  if (power < 0) value = format("({} / pi())", value);
  return plus(value, -to.shift);
}

}  // namespace kingpost::steps::standardise
