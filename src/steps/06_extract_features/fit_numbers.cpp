// SPDX-License-Identifier: Apache-2.0
// The values of a feature stand in memory while its fit is made: moments in the order of the rows,
// then quantiles by selection.
#include "steps/06_extract_features/fit_numbers.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <span>

#include "base/large_vector.h"
#include "base/parallel.h"
#include "base/text.h"
#include "steps/06_extract_features/expression/compiler.h"
#include "steps/ordered_rows.h"

namespace kingpost::steps::extract_features {
namespace {

// So many values are kept at once, beside what a quantile is selected from: 32 million doubles.
constexpr std::int64_t kValuesAtOnce = 32'000'000;

Error fit_failed(const Treatment& feature, const Error& error) {
  return fail(Code::kDataRejected, "extract_features.fit_failed",
              "the feature \"{}\" cannot be computed on the training rows: {}", feature.name,
              shown(split(error.what(), '\n')[0], 300))
      .at(feature.expression.mark.place())
      .hint("repair the values in clean, or write TRY_CAST, which answers null");
}

Error no_value(const Treatment& feature) {
  return fail(Code::kDataRejected, "extract_features.no_value",
              "the feature \"{}\" has no value in any training row", feature.name)
      .at(feature.expression.mark.place())
      .hint("leave it out, or give it missing: constant");
}

Error infinite(const Treatment& feature) {
  return fail(Code::kDataRejected, "extract_features.infinite",
              "the feature \"{}\" has infinite values, so it has no mean", feature.name)
      .at(feature.expression.mark.place())
      .hint("give it clip_min and clip_max, or use the median and scale: robust");
}

// Sums that do not wait for each other: a value belongs to the lane of its place, and the lanes are
// added in one order, so that the sum depends on the values and their order alone.
constexpr std::size_t kLanes = 8;
using Lanes = std::array<double, kLanes>;

// Calls `of(lane, value)` with each value, in order.
template <typename Of>
void each_lane(std::span<const double> values, const Of& of) {
  const std::size_t whole = values.size() / kLanes * kLanes;
  for (std::size_t i = 0; i < whole; i += kLanes) {
    for (std::size_t lane = 0; lane < kLanes; ++lane) of(lane, values[i + lane]);
  }
  for (std::size_t i = whole; i < values.size(); ++i) of(i - whole, values[i]);
}

double sum_of(const Lanes& lanes) {
  return ((lanes[0] + lanes[1]) + (lanes[2] + lanes[3])) +
         ((lanes[4] + lanes[5]) + (lanes[6] + lanes[7]));
}

struct Ends {
  double least = 0;
  double most = 0;
};

// A zero has no sign. Requires: there is a value, and none is NaN.
Ends ends_of(std::span<const double> values) {
  Lanes least;
  Lanes most;
  least.fill(values.front());
  most.fill(values.front());
  each_lane(values, [&](std::size_t lane, double value) {
    least[lane] = std::min(least[lane], value);
    most[lane] = std::max(most[lane], value);
  });
  return {*std::min_element(least.begin(), least.end()) + 0.0,
          *std::max_element(most.begin(), most.end()) + 0.0};
}

// Requires: the values are finite.
double mean_of(std::span<const double> values) {
  const auto n = static_cast<double>(values.size());
  Lanes sums = {};
  each_lane(values, [&](std::size_t lane, double value) { sums[lane] += value; });
  if (const double sum = sum_of(sums); std::isfinite(sum)) return sum / n;
  sums = {};
  each_lane(values, [&](std::size_t lane, double value) { sums[lane] += value / n; });
  return sum_of(sums);
}

// The corrected two-pass algorithm (Chan, Golub and LeVeque 1983).
double variance_of(std::span<const double> values, double mean) {
  const auto n = static_cast<double>(values.size());
  Lanes squares = {};
  Lanes rests = {};
  each_lane(values, [&](std::size_t lane, double value) {
    const double away = value - mean;
    squares[lane] += away * away;
    rests[lane] += away;
  });
  const double rest = sum_of(rests);
  return std::max(0.0, sum_of(squares) - rest * rest / n) / n;
}

// Sign, exponent and first bits of a value: never less for a greater one.
std::size_t rough(double value) {
  constexpr std::uint64_t kSign = std::uint64_t{1} << 63U;
  const auto bits = std::bit_cast<std::uint64_t>(value);
  return ((bits & kSign) != 0 ? ~bits : bits | kSign) >> 48U;
}

// The value that would stand at this place if all were sorted; a zero has no sign. One pass counts
// the values that are roughly the same, and few are left to select from.
double value_at(std::span<const double> values, std::size_t place) {
  std::vector<std::size_t> counts(std::size_t{1} << 16U);
  for (const double value : values) ++counts[rough(value)];
  std::size_t wanted = 0;
  while (place >= counts[wanted]) place -= counts[wanted++];
  std::vector<double> alike;
  alike.reserve(counts[wanted]);
  std::copy_if(values.begin(), values.end(), std::back_inserter(alike),
               [wanted](double value) { return rough(value) == wanted; });
  const auto at = alike.begin() + static_cast<std::ptrdiff_t>(place);
  std::nth_element(alike.begin(), at, alike.end());
  return *at + 0.0;
}

// The least value that a share of all is not above.
double quantile(std::span<const double> values, double share) {
  const auto n = static_cast<double>(values.size());
  const double above = std::floor(n - n * share);
  return value_at(values, static_cast<std::size_t>(std::max(1.0, n - above)) - 1);
}

double width_or_one(double width) {
  return width > 0 && std::isfinite(width) ? width : 1;
}

Status fit_moments(const Treatment& feature, std::span<const double> values, NumberFit& out) {
  if (feature.missing != Missing::kMean && feature.scale != Scale::kZscore) return {};
  if (!std::isfinite(out.least) || !std::isfinite(out.most)) return infinite(feature);
  // Sums of one value are rounded: it has no width that could be told from that.
  const bool is_constant = out.least == out.most;
  const double mean = is_constant ? out.least : std::clamp(mean_of(values), out.least, out.most);
  if (feature.missing == Missing::kMean) out.fill = mean;
  if (feature.scale != Scale::kZscore) return {};
  out.center = mean;
  out.scale = is_constant ? 1 : width_or_one(std::sqrt(variance_of(values, mean)));
  return {};
}

// `values` are all that are not null, in the order of the rows.
Status fit_one(const Treatment& feature, std::span<const double> values, NumberFit& out) {
  out.values = std::ssize(values);
  out.fill = feature.fill;
  if (values.empty()) {
    const bool needs = feature.missing == Missing::kMedian || feature.missing == Missing::kMean ||
                       feature.scale != Scale::kNone;
    return needs && !feature.is_boolean ? Status(no_value(feature)) : Status();
  }
  const Ends ends = ends_of(values);
  out.least = ends.least;
  out.most = ends.most;
  TRY_STATUS(fit_moments(feature, values, out));
  const bool robust = feature.scale == Scale::kRobust;
  if (feature.missing != Missing::kMedian && !robust) return {};
  const double median = quantile(values, 0.5);
  if (feature.missing == Missing::kMedian) out.fill = median;
  if (!robust) return {};
  out.center = median;
  const double third = quantile(values, 0.75);
  out.scale = width_or_one(third - quantile(values, 0.25));
  return {};
}

struct Range {
  std::size_t first = 0;
  std::size_t last = 0;
};

// The features of the range.
Status fit_some(sql::Session& session, const FitRows& rows, const Numbers& numbers,
                const Range& range) {
  std::vector<std::string> items;
  for (std::size_t i = range.first; i < range.last; ++i) {
    items.push_back(format("{} AS v{}", number_sql(*numbers.features[i]), i));
  }
  std::vector<LargeVector<double>> values(items.size());
  for (auto& each : values) each.reserve(static_cast<std::size_t>(rows.most));
  std::int64_t seen = 0;
  const auto keep = [&](records::Batch& batch) {
    seen += batch.rows;
    for (std::size_t k = 0; k < values.size(); ++k) {
      std::copy_if(batch.columns[k].numbers.begin(), batch.columns[k].numbers.end(),
                   std::back_inserter(values[k]), [](double value) { return !std::isnan(value); });
    }
    return Status();
  };
  TRY_STATUS(stream_in_order(session, {join(items, ", "), rows.from, rows.where}, keep));
  for (std::size_t k = 0; k < values.size(); ++k) {
    NumberFit& fit = *numbers.fits[range.first + k];
    fit.nulls = seen - std::ssize(values[k]);
    TRY_STATUS(fit_one(*numbers.features[range.first + k], values[k], fit));
  }
  return {};
}

// The same in a session of its own.
Status fit_beside(sql::Session& session, const FitRows& rows, const Numbers& numbers,
                  const Range& range) {
  TRY(const auto own, session.beside());
  TRY_STATUS(define_functions(*own));
  return fit_some(*own, rows, numbers, range);
}

}  // namespace

Error blame_for_fit(sql::Session& session, const FitRows& rows,
                    const std::vector<const Treatment*>& all, const Error& error) {
  if (error.id() != "engine.query_failed") return error;
  for (const Treatment* feature : all) {
    const auto alone = session.query(format("SELECT max(({}\n)) AS v FROM {} WHERE {}",
                                            feature->expression.text, rows.from, rows.where));
    if (!alone && alone.error().id() == error.id()) return fit_failed(*feature, alone.error());
  }
  return fit_failed(*all.front(), error);
}

std::string number_sql(const Treatment& feature) {
  std::string value = format("CAST(({}\n) AS DOUBLE)", feature.expression.text);
  if (!feature.clip_min && !feature.clip_max && !feature.log1p) return value;
  value = format("CASE WHEN isnan({0}) THEN NULL ELSE {0} END", value);
  if (feature.clip_min) {
    value = format("CASE WHEN ({0}) < {1} THEN {1} ELSE ({0}) END", value,
                   format("CAST({:.17g} AS DOUBLE)", *feature.clip_min));
  }
  if (feature.clip_max) {
    value = format("CASE WHEN ({0}) > {1} THEN {1} ELSE ({0}) END", value,
                   format("CAST({:.17g} AS DOUBLE)", *feature.clip_max));
  }
  if (feature.log1p) {
    value = format("CASE WHEN ({0}) >= 0 THEN ln(1 + ({0})) END", value);
  }
  return value;
}

Status fit_numbers(sql::Session& session, const FitRows& rows, const Numbers& numbers) {
  if (numbers.features.empty()) return {};
  const std::size_t features = numbers.features.size();
  const std::int64_t most = kValuesAtOnce / std::max<std::int64_t>(1, rows.most);
  const auto at_once =
      std::min(features, static_cast<std::size_t>(std::max<std::int64_t>(1, most)));
  const std::size_t threads =
      std::min(at_once, static_cast<std::size_t>(threads_or_all(rows.threads)));
  const std::size_t size = std::min((features + threads - 1) / threads, at_once / threads);
  std::vector<Range> ranges;
  for (std::size_t first = 0; first < features; first += size) {
    ranges.push_back({first, std::min(features, first + size)});
  }
  std::vector<Status> done(ranges.size());
  const bool is_alone = threads_or_all(rows.threads) == 1;
  parallel(ranges.size(), static_cast<int>(threads), [&](std::size_t i) {
    done[i] = is_alone ? fit_some(session, rows, numbers, ranges[i])
                       : fit_beside(session, rows, numbers, ranges[i]);
  });
  // The error that is told does not depend on the ranges: a query of all would have failed first.
  const auto is_failed = [](const Status& each) { return !each; };
  const auto is_query = [](const Status& each) {
    return !each && each.error().id() == "engine.query_failed";
  };
  auto found = std::find_if(done.begin(), done.end(), is_query);
  if (found == done.end()) found = std::find_if(done.begin(), done.end(), is_failed);
  return found == done.end() ? Status() : std::move(*found);
}

}  // namespace kingpost::steps::extract_features
