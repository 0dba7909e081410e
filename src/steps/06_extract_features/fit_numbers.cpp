// SPDX-License-Identifier: Apache-2.0
// The values of a feature stand in memory while its fit is made: moments in the order of the rows,
// then quantiles by selection.
#include "steps/06_extract_features/fit_numbers.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <optional>

#include "base/parallel.h"
#include "base/text.h"
#include "steps/ordered_rows.h"

namespace kingpost::steps::extract_features {
namespace {

// So many values are kept at once: 32 million doubles.
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

struct Moments {
  double n = 0;
  double mean = 0;
  double squares = 0;

  // Welford (1962), in the order of the rows.
  void add(double value) {
    n += 1;
    const double delta = value - mean;
    mean += delta / n;
    squares += delta * (value - mean);
  }
};

// Sign, exponent and first bits of a value: never less for a greater one.
std::size_t rough(double value) {
  constexpr std::uint64_t kSign = std::uint64_t{1} << 63U;
  const auto bits = std::bit_cast<std::uint64_t>(value);
  return ((bits & kSign) != 0 ? ~bits : bits | kSign) >> 48U;
}

// The value that would stand at this place if all were sorted; a zero has no sign. One pass counts
// the values that are roughly the same, and few are left to select from.
double value_at(const std::vector<double>& values, std::size_t place) {
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
double quantile(const std::vector<double>& values, double share) {
  const auto n = static_cast<double>(values.size());
  const double above = std::floor(n - n * share);
  return value_at(values, static_cast<std::size_t>(std::max(1.0, n - above)) - 1);
}

double width_or_one(double width) {
  return width > 0 && std::isfinite(width) ? width : 1;
}

Status fit_moments(const Treatment& feature, const std::vector<double>& values, NumberFit& out) {
  if (feature.missing != Missing::kMean && feature.scale != Scale::kZscore) return {};
  if (!std::isfinite(out.least) || !std::isfinite(out.most)) return infinite(feature);
  Moments moments;
  for (const double value : values) moments.add(value);
  if (feature.missing == Missing::kMean) out.fill = moments.mean;
  if (feature.scale != Scale::kZscore) return {};
  out.center = moments.mean;
  out.scale = width_or_one(std::sqrt(moments.squares / moments.n));
  return {};
}

// `values` are all that are not null, in the order of the rows.
Status fit_one(const Treatment& feature, const std::vector<double>& values, NumberFit& out) {
  out.values = std::ssize(values);
  out.fill = feature.fill;
  if (values.empty()) {
    const bool needs = feature.missing == Missing::kMedian || feature.missing == Missing::kMean ||
                       feature.scale != Scale::kNone;
    return needs && !feature.is_boolean ? Status(no_value(feature)) : Status();
  }
  const auto [least, most] = std::minmax_element(values.begin(), values.end());
  out.least = *least;
  out.most = *most;
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

// The features from `first` to before `last`, of about `count` rows.
Status fit_some(sql::Session& session, const FitRows& rows, const Numbers& numbers,
                std::size_t first, std::size_t last, std::int64_t count) {
  std::vector<std::string> items;
  for (std::size_t i = first; i < last; ++i) {
    items.push_back(format("{} AS v{}", number_sql(*numbers.features[i]), i));
  }
  std::vector<std::vector<double>> values(last - first);
  for (auto& each : values) each.reserve(static_cast<std::size_t>(count));
  std::int64_t seen = 0;
  const auto keep = [&](records::Batch& batch) {
    seen += batch.rows;
    for (std::size_t k = 0; k < values.size(); ++k) {
      std::copy_if(batch.columns[k].numbers.begin(), batch.columns[k].numbers.end(),
                   std::back_inserter(values[k]), [](double value) { return !std::isnan(value); });
    }
    return Status();
  };
  const Status kept = stream_in_order(session, {join(items, ", "), rows.from, rows.where}, keep);
  if (!kept) return blame_for_fit(session, rows, numbers.features, kept.error());
  std::vector<Status> fitted(values.size());
  parallel(values.size(), rows.threads, [&](std::size_t k) {
    NumberFit& fit = *numbers.fits[first + k];
    fit.nulls = seen - std::ssize(values[k]);
    fitted[k] = fit_one(*numbers.features[first + k], values[k], fit);
  });
  for (const Status& each : fitted) TRY_STATUS(each);
  return {};
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
  TRY(const auto counted,
      session.query(format("SELECT count(*) AS n FROM {} WHERE {}", rows.from, rows.where)));
  const std::int64_t n = counted.integer(0, "n");
  const std::int64_t most = kValuesAtOnce / std::max<std::int64_t>(1, n);
  const auto at_once = static_cast<std::size_t>(std::max<std::int64_t>(1, most));
  for (std::size_t first = 0; first < numbers.features.size(); first += at_once) {
    const std::size_t last = std::min(numbers.features.size(), first + at_once);
    TRY_STATUS(fit_some(session, rows, numbers, first, last, n));
  }
  return {};
}

}  // namespace kingpost::steps::extract_features
