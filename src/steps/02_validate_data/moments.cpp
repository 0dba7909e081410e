// SPDX-License-Identifier: Apache-2.0
// The arithmetic: 53 bits for sums, 31 or 45 bits for squares. A square of 31 bits fits the
// engine's fast 64-bit product, and n values of range R have a deviation of at least R / sqrt(2n),
// beside which the rounding of R / 2^32 vanishes; the sum of 2^37 squares of 45 bits fits 128 bits.
#include "steps/02_validate_data/moments.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "base/format.h"
#include "base/text.h"
#include "records/schema.h"

namespace kingpost::steps::validate_data {
namespace {

constexpr int kSumBits = 52;
constexpr std::int64_t kNarrow = std::int64_t{1} << 31;

int dropped_bits(Squares squares) {
  return squares == Squares::kFine ? 8 : 22;
}

double number_of(const Json& cell) {
  if (cell.is_string()) return parse_number(cell.text()).value_or(0);
  return cell.number();
}

// Sums come as text, because they may pass 64 bits.
long double sum_of(const sql::Rows& rows, const std::string& column) {
  return std::strtold(rows.text(0, column).c_str(), nullptr);
}

}  // namespace

Moments::Moments(std::string_view type, const Json& least, const Json& most, Squares squares)
    : squares_(squares) {
  const double low = number_of(least);
  const double high = number_of(most);
  whole_ = records::is_integer(type);
  if (whole_) {
    const std::int64_t from = least.integer();
    const std::int64_t to = most.integer();
    // Unsigned, so that the widest range does not overflow.
    const std::uint64_t width = static_cast<std::uint64_t>(to) - static_cast<std::uint64_t>(from);
    narrow_ = width < static_cast<std::uint64_t>(kNarrow);
    whole_centre_ = from + static_cast<std::int64_t>(width / 2);
  }
  centre_ = low / 2 + high / 2;
  const double half = std::max(high - centre_, centre_ - low);
  int exponent = 0;
  std::frexp(half, &exponent);
  // 2^1000 keeps the factor itself finite.
  power_ = half > 0 ? std::clamp(kSumBits - exponent, -1000, 1000) : 0;
}

std::vector<std::string> Moments::items(const std::string& value, const std::string& prefix) const {
  std::vector<std::string> out;
  const auto sum = [&](const std::string& what, std::string_view suffix) {
    out.push_back(format("CAST(sum({}) AS VARCHAR) AS {}{}", what, prefix, suffix));
  };
  if (narrow_) {
    const std::string part = format("(CAST({} AS BIGINT) - {})", value, whole_centre_);
    out.push_back(format("count({}) AS {}n", value, prefix));
    sum(value, "s");
    if (squares_ != Squares::kNone) sum(format("{0} * {0}", part), "q");
    return out;
  }
  // NaN and infinities do not fit a whole number and become null.
  const std::string fine = format(
      "TRY_CAST((CAST({} AS DOUBLE) - CAST('{:.17g}' AS DOUBLE)) * CAST('{:.17g}' AS DOUBLE) "
      "AS BIGINT)",
      value, centre_, std::ldexp(1.0, power_));
  out.push_back(format("count({}) AS {}n", fine, prefix));
  sum(whole_ ? value : fine, "s");
  if (squares_ == Squares::kNone) return out;
  const int dropped = dropped_bits(squares_);
  const std::string coarse = format("(({} + {}) >> {})", fine, 1 << (dropped - 1), dropped);
  const bool fast = squares_ == Squares::kFast;
  sum(coarse, "b");
  sum(format("{} * {}", fast ? coarse : format("CAST({} AS HUGEINT)", coarse), coarse), "q");
  return out;
}

Moments::Answer Moments::read(const sql::Rows& rows, const std::string& prefix) const {
  Answer out;
  out.count = rows.integer(0, prefix + "n");
  if (out.count == 0) return out;
  const auto n = static_cast<long double>(out.count);
  long double sum = sum_of(rows, prefix + "s");
  long double mean = sum / n;
  if (!whole_) {
    mean = static_cast<long double>(centre_) + std::ldexp(mean, -power_);
    sum = static_cast<long double>(centre_) * n + std::ldexp(sum, -power_);
  }
  out.sum = static_cast<double>(sum);
  out.mean = static_cast<double>(mean);
  if (squares_ == Squares::kNone) return out;
  const long double first =
      narrow_ ? sum_of(rows, prefix + "s") - n * static_cast<long double>(whole_centre_)
              : sum_of(rows, prefix + "b");
  const long double squares = sum_of(rows, prefix + "q") - first * (first / n);
  if (out.count < 2 || squares <= 0) return out;
  const long double deviation = std::sqrt(squares / (n - 1));
  out.stdev = static_cast<double>(narrow_ ? deviation
                                          : std::ldexp(deviation, dropped_bits(squares_) - power_));
  return out;
}

}  // namespace kingpost::steps::validate_data
