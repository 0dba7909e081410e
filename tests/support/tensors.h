// SPDX-License-Identifier: Apache-2.0
// Tensors in tests: awkward numbers, slices on addresses of their own, and equality by bits.
#pragma once

#include <bit>
#include <cmath>
#include <limits>
#include <random>
#include <type_traits>
#include <vector>

#include "records/tensor.h"

namespace kingpost::testing_support {

/// Every sixth or so is zero, NaN, infinite, a denormal or at the edge of some operator.
inline double awkward_number(std::mt19937_64& engine) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  static const std::vector<double> values = {
      0.0,   -0.0,   std::nan(""), kInfinity, -kInfinity, 1e-310, -1e-310, 1e-40,  -1e-42,
      1.0,   -1.0,   0.5,          -0.5,      1.5,        2.5,    1e300,   88.7,   -88.7,
      709.0, -745.0, 1e15,         0x1p53,    0x1p31,     1e-8,   3.0,     -103.5, 16'777'217.0};
  std::uniform_int_distribution<std::size_t> pick(0, 6 * values.size());
  const std::size_t at = pick(engine);
  if (at < values.size()) return values[at];
  std::normal_distribution<double> normal;
  std::uniform_real_distribution<double> exponent(-3, 3);
  return normal(engine) * std::pow(10.0, exponent(engine));
}

/// A copy of rows [from, from + rows).
inline records::Tensor slice(const records::Tensor& whole, std::int64_t from, std::int64_t rows) {
  const std::int64_t width = whole.shape[0] == 0 ? 0 : whole.size() / whole.shape[0];
  records::Tensor out;
  out.shape = whole.shape;
  out.shape[0] = rows;
  std::visit(
      [&](const auto& values) {
        const auto begin = values.begin() + from * width;
        out.data = std::decay_t<decltype(values)>(begin, begin + rows * width);
      },
      whole.data);
  return out;
}

/// A NaN is a NaN; +0 and -0 differ.
template <typename T>
bool same_bits(const T& a, const T& b) {
  if constexpr (std::is_floating_point_v<T>) {
    if (std::isnan(a) && std::isnan(b)) return true;
    return a == b && std::signbit(a) == std::signbit(b);
  } else {
    return a == b;
  }
}

inline bool same_bits(const records::Tensor& a, const records::Tensor& b) {
  if (a.shape != b.shape || a.type() != b.type()) return false;
  return std::visit(
      [&](const auto& left) {
        const auto& right = std::get<std::decay_t<decltype(left)>>(b.data);
        for (std::size_t i = 0; i < left.size(); ++i) {
          if (!same_bits(left[i], right[i])) return false;
        }
        return true;
      },
      a.data);
}

/// Where to cut a batch of `rows`: single rows, sevens, and all rows from shifted starts.
inline std::vector<std::pair<std::int64_t, std::int64_t>> cuts_of(std::int64_t rows) {
  std::vector<std::pair<std::int64_t, std::int64_t>> out;
  for (std::int64_t i = 0; i < rows && i < 100; ++i) out.emplace_back(i, 1);
  for (std::int64_t i = 0; i + 7 <= rows; i += 7) out.emplace_back(i, 7);
  for (std::int64_t i = 0; i + 64 <= rows; i += 64) out.emplace_back(i, 64);
  for (const std::int64_t start : {0, 1, 3, 10, 501}) {
    if (start < rows) out.emplace_back(start, rows - start);
  }
  return out;
}

}  // namespace kingpost::testing_support
