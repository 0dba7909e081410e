// SPDX-License-Identifier: Apache-2.0
// The normal equations, added up row by row, and their Cholesky factor (Golub and Van Loan, 4.2.5).
// Exact to rounding at any conditioning that the penalty leaves, which an iterative solver is not.
#include <array>
#include <cmath>

#include "engines/linear/design.h"

namespace kingpost::linear {
namespace {

/// A symmetric matrix, its lower half by rows.
class Symmetric {
 public:
  explicit Symmetric(std::size_t size) : size_(size), values_(size * (size + 1) / 2) {}
  std::size_t size() const { return size_; }
  double* row(std::size_t i) { return values_.data() + i * (i + 1) / 2; }

 private:
  std::size_t size_;
  std::vector<double> values_;
};

// Four sums side by side: their order is fixed, and the processor need not wait for each addition.
double dot(const double* a, const double* b, std::size_t count) {
  std::array<double, 4> sums{};
  std::size_t i = 0;
  for (; i + 4 <= count; i += 4) {
    for (std::size_t k = 0; k < 4; ++k) sums[k] += a[i + k] * b[i + k];
  }
  for (; i < count; ++i) sums[0] += a[i] * b[i];
  return (sums[0] + sums[1]) + (sums[2] + sums[3]);
}

/// Solves matrix * x = right side in place. Requires: positive definite.
void solve(Symmetric& matrix, std::vector<double>& x) {
  const std::size_t size = matrix.size();
  for (std::size_t i = 0; i < size; ++i) {
    double* row = matrix.row(i);
    for (std::size_t j = 0; j < i; ++j) {
      const double* other = matrix.row(j);
      row[j] = (row[j] - dot(row, other, j)) / other[j];
    }
    row[i] = std::sqrt(row[i] - dot(row, row, i));
    x[i] = (x[i] - dot(row, x.data(), i)) / row[i];
  }
  for (std::size_t i = size; i-- > 0;) {
    const double* row = matrix.row(i);
    x[i] /= row[i];
    for (std::size_t j = 0; j < i; ++j) x[j] -= row[j] * x[i];
  }
}

double mean_label(const Data& data) {
  double sum = 0;
  double weights = 0;
  for (std::int64_t i = 0; i < data.rows; ++i) {
    const double weight = data.weights == nullptr ? 1.0 : static_cast<double>(data.weights[i]);
    sum += weight * static_cast<double>(data.labels[i]);
    weights += weight;
  }
  return sum / weights;
}

}  // namespace

Result<records::LinearModel> fit_ridge(const Data& data, double alpha) {
  if (!(alpha > 0) || !std::isfinite(alpha)) {
    return fail(Code::kInvalidInput, "linear.setting_invalid", "alpha is {}, not above 0", alpha);
  }
  TRY(const Design design, Design::fit(data));
  const auto columns = static_cast<std::size_t>(design.columns());
  // The intercept stands last. Labels around 0 keep its digits.
  Symmetric matrix(columns + 1);
  std::vector<double> right(columns + 1);
  const double center = mean_label(data);
  std::vector<Cell> cells;
  for (std::int64_t i = 0; i < data.rows; ++i) {
    design.spread(records::row_of(data, i), cells);
    cells.push_back({design.columns(), 1.0});
    const double weight = data.weights == nullptr ? 1.0 : static_cast<double>(data.weights[i]);
    const double label = static_cast<double>(data.labels[i]) - center;
    for (std::size_t a = 0; a < cells.size(); ++a) {
      const double scaled = weight * cells[a].value;
      const auto at = static_cast<std::size_t>(cells[a].column);
      right[at] += scaled * label;
      double* row = matrix.row(at);
      for (std::size_t b = 0; b <= a; ++b) row[cells[b].column] += scaled * cells[b].value;
    }
  }
  for (std::size_t i = 0; i < columns; ++i) matrix.row(i)[i] += alpha;
  solve(matrix, right);
  const double intercept = right.back() + center;
  right.pop_back();
  return design.fold({right}, {intercept});
}

}  // namespace kingpost::linear
