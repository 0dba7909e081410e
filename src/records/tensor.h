// SPDX-License-Identifier: Apache-2.0
// Dense tensors in memory, row-major, and batches of curated rows.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace kingpost::records {

enum class TensorType { kFloat, kDouble, kInt64, kBool, kString };

/// Row-major values; their number is the product of `shape`. Booleans are bytes of 0 and 1.
struct Tensor {
  using Data = std::variant<std::vector<float>, std::vector<double>, std::vector<std::int64_t>,
                            std::vector<std::uint8_t>, std::vector<std::string>>;
  std::vector<std::int64_t> shape;
  Data data;

  TensorType type() const { return static_cast<TensorType>(data.index()); }
  /// The product of the shape.
  std::int64_t size() const {
    std::int64_t out = 1;
    for (const std::int64_t each : shape) out *= each;
    return out;
  }
  bool operator==(const Tensor& other) const = default;

  const std::vector<float>& floats() const { return std::get<0>(data); }
  const std::vector<double>& doubles() const { return std::get<1>(data); }
  const std::vector<std::int64_t>& integers() const { return std::get<2>(data); }
  const std::vector<std::uint8_t>& booleans() const { return std::get<3>(data); }
  const std::vector<std::string>& texts() const { return std::get<4>(data); }
};

/// One column of a batch, as it enters the graph: `numbers` (null is NaN; booleans 0 and 1; times
/// in microseconds since 1970 UTC, dates as their midnight) or `texts` (null is ""); the other is
/// empty.
struct BatchColumn {
  std::string name;
  bool is_text = false;
  std::vector<double> numbers{};
  std::vector<std::string> texts{};
};

struct Batch {
  std::int64_t rows = 0;
  std::vector<BatchColumn> columns;

  const BatchColumn* find(std::string_view column) const {
    for (const BatchColumn& each : columns) {
      if (each.name == column) return &each;
    }
    return nullptr;
  }
};

}  // namespace kingpost::records
