// SPDX-License-Identifier: Apache-2.0
// What is learnt from the training rows of a fold.
#include "steps/06_extract_features/fit.h"

#include <algorithm>
#include <cmath>

#include "base/text.h"
#include "engines/sql/dialect.h"
#include "steps/06_extract_features/target_encoding.h"

namespace kingpost::steps::extract_features {
namespace {

// So many values are kept by one query for quantiles: 32 million doubles.
constexpr std::int64_t kValuesAtOnce = 32'000'000;

Error fit_failed(const Treatment& feature, const Error& error) {
  return fail(Code::kDataRejected, "extract_features.fit_failed",
              "the feature \"{}\" cannot be computed on the training rows: {}", feature.name,
              shown(split(error.what(), '\n')[0], 300))
      .at(feature.expression.mark.place())
      .hint("repair the values in clean, or write TRY_CAST, which answers null");
}

// Names the first feature whose values alone make the query fail.
Error blame(sql::Session& session, const FitRows& rows, const std::vector<const Treatment*>& all,
            const Error& error) {
  if (error.id() != "engine.query_failed") return error;
  for (const Treatment* feature : all) {
    const auto alone = session.query(format("SELECT max(({}\n)) AS v FROM {} WHERE {}",
                                            feature->expression.text, rows.from, rows.where));
    if (!alone && alone.error().id() == error.id()) return fit_failed(*feature, alone.error());
  }
  return fit_failed(*all.front(), error);
}

// Number features and where their fits go, in the same order.
struct Numbers {
  std::vector<const Treatment*> features;
  std::vector<NumberFit*> fits;
};

Error no_value(const Treatment& feature) {
  return fail(Code::kDataRejected, "extract_features.no_value",
              "the feature \"{}\" has no value in any training row", feature.name)
      .at(feature.expression.mark.place())
      .hint("leave it out, or give it missing: constant");
}

Status read_number(const Treatment& feature, const sql::Rows& rows, std::size_t i, NumberFit& out) {
  const auto cell = [&](const char* what) { return rows.at(0, format("{}{}", what, i)); };
  out.values = cell("n").integer();
  out.nulls = cell("nulls").integer();
  if (out.values == 0) {
    const bool needs = feature.missing == Missing::kMedian || feature.missing == Missing::kMean ||
                       feature.scale != Scale::kNone;
    out.fill = feature.fill;
    return needs && !feature.is_boolean ? Status(no_value(feature)) : Status();
  }
  out.least = cell("least").number();
  out.most = cell("most").number();
  out.fill = feature.missing == Missing::kMedian ? cell("q50_").number() : feature.fill;
  if (feature.scale == Scale::kRobust) {
    out.center = cell("q50_").number();
    const double width = cell("q75_").number() - cell("q25_").number();
    out.scale = width > 0 && std::isfinite(width) ? width : 1;
  }
  return {};
}

// Median, quartiles and ends of the features from `first` to before `last`.
Status fit_some_quantiles(sql::Session& session, const FitRows& rows, const Numbers& numbers,
                          std::size_t first, std::size_t last) {
  std::vector<std::string> values;
  std::vector<std::string> items;
  for (std::size_t i = first; i < last; ++i) {
    values.push_back(format("{} AS v{}", number_sql(*numbers.features[i]), i));
    items.push_back(
        format("count(v{0}) AS n{0}, count(*) - count(v{0}) AS nulls{0}, min(v{0}) AS least{0}, "
               "max(v{0}) AS most{0}, quantile_disc(v{0}, 0.25) AS q25_{0}, quantile_disc(v{0}, "
               "0.5) AS q50_{0}, quantile_disc(v{0}, 0.75) AS q75_{0}",
               i));
  }
  auto found = session.query(format("SELECT {} FROM (SELECT {} FROM {} WHERE {}) AS t",
                                    join(items, ", "), join(values, ", "), rows.from, rows.where));
  if (!found) return blame(session, rows, numbers.features, found.error());
  for (std::size_t i = first; i < last; ++i) {
    TRY_STATUS(read_number(*numbers.features[i], *found, i, *numbers.fits[i]));
  }
  return {};
}

// As many features at once as memory allows.
Status fit_quantiles(sql::Session& session, const FitRows& rows, const Numbers& numbers) {
  TRY(const auto counted,
      session.query(format("SELECT count(*) AS n FROM {} WHERE {}", rows.from, rows.where)));
  const std::int64_t n = std::max<std::int64_t>(1, counted.integer(0, "n"));
  const auto at_once = static_cast<std::size_t>(std::max<std::int64_t>(1, kValuesAtOnce / n));
  for (std::size_t first = 0; first < numbers.features.size(); first += at_once) {
    const std::size_t last = std::min(numbers.features.size(), first + at_once);
    TRY_STATUS(fit_some_quantiles(session, rows, numbers, first, last));
  }
  return {};
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

// The features that need a mean; an error where it would be of infinite values.
Result<std::vector<std::size_t>> with_mean(const Numbers& numbers) {
  std::vector<std::size_t> out;
  for (std::size_t i = 0; i < numbers.features.size(); ++i) {
    const Treatment& feature = *numbers.features[i];
    if (feature.missing != Missing::kMean && feature.scale != Scale::kZscore) continue;
    out.push_back(i);
    if (std::isfinite(numbers.fits[i]->least) && std::isfinite(numbers.fits[i]->most)) continue;
    return fail(Code::kDataRejected, "extract_features.infinite",
                "the feature \"{}\" has infinite values, so it has no mean", feature.name)
        .at(feature.expression.mark.place())
        .hint("give it clip_min and clip_max, or use the median and scale: robust");
  }
  return out;
}

void add_batch(const records::Batch& batch, std::vector<Moments>& moments) {
  for (std::size_t k = 0; k < moments.size(); ++k) {
    for (const double value : batch.columns[k].numbers) {
      if (!std::isnan(value)) moments[k].add(value);
    }
  }
}

Status fit_moments(sql::Session& session, const FitRows& rows, const Numbers& numbers) {
  TRY(const auto picked, with_mean(numbers));
  if (picked.empty()) return {};
  std::vector<std::string> values;
  for (const std::size_t i : picked) {
    values.push_back(format("{} AS v{}", number_sql(*numbers.features[i]), i));
  }
  std::vector<Moments> moments(picked.size());
  const auto add = [&](records::Batch& batch) {
    add_batch(batch, moments);
    return Status();
  };
  TRY_STATUS(session.stream(format("SELECT {} FROM {} WHERE {} ORDER BY file_row_number",
                                   join(values, ", "), rows.from, rows.where),
                            add));
  for (std::size_t k = 0; k < picked.size(); ++k) {
    NumberFit& fit = *numbers.fits[picked[k]];
    const Treatment& feature = *numbers.features[picked[k]];
    if (feature.missing == Missing::kMean) fit.fill = moments[k].mean;
    if (feature.scale != Scale::kZscore) continue;
    const double deviation = std::sqrt(moments[k].squares / moments[k].n);
    fit.center = moments[k].mean;
    fit.scale = deviation > 0 && std::isfinite(deviation) ? deviation : 1;
  }
  return {};
}

Status fit_levels(sql::Session& session, const FitRows& rows, const Treatment& feature,
                  CategoryFit& out) {
  const std::string value = "(" + feature.expression.text + "\n)";
  TRY(const auto types, session.query(format("DESCRIBE SELECT {} AS v FROM {}", value, rows.from)));
  out.is_number = types.text(0, "column_type") != "VARCHAR";
  const std::string text =
      out.is_number ? format("CAST({} AS VARCHAR)", value) : format("nullif({}, '')", value);
  auto found = session.query(
      format("SELECT level, count(*) AS n{} FROM (SELECT {} AS level FROM {} WHERE {}) AS t GROUP "
             "BY level ORDER BY n DESC, level",
             out.is_number ? ", CASE level WHEN 'true' THEN 1 WHEN 'false' THEN 0 ELSE "
                             "TRY_CAST(level AS BIGINT) END AS number"
                           : "",
             text, rows.from, rows.where));
  if (!found) return blame(session, rows, {&feature}, found.error());
  for (std::size_t r = 0; r < found->size(); ++r) {
    const std::int64_t n = found->integer(r, "n");
    if (found->at(r, "level").is_null()) {
      out.nulls = n;
      continue;
    }
    const bool full = static_cast<std::int64_t>(out.levels.size()) >= feature.max_levels;
    if (n < feature.min_count || full) {
      out.other_rows += n;
      ++out.other_levels;
      continue;
    }
    out.levels.push_back({found->text(r, "level"), found->integer(r, "number"), n});
  }
  return {};
}

// Suggested only: nearly every row has a category of its own, as in names and free text.
bool is_no_category(const Treatment& feature, const CategoryFit& fit) {
  if (!feature.suggested || feature.kind != Kind::kCategory) return false;
  std::int64_t rows = fit.other_rows;
  for (const Level& level : fit.levels) rows += level.rows;
  const auto distinct = static_cast<std::int64_t>(fit.levels.size()) + fit.other_levels;
  return distinct > 20 && distinct * 2 > rows;
}

void encode_ranks(CategoryFit& fit) {
  std::vector<std::size_t> order(fit.levels.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return fit.is_number ? fit.levels[a].number < fit.levels[b].number
                         : fit.levels[a].text < fit.levels[b].text;
  });
  fit.encoded.assign(fit.levels.size() + 2, {0.0});
  fit.encoded[0] = {-1.0};
  for (std::size_t rank = 0; rank < order.size(); ++rank) {
    fit.encoded[order[rank] + 2] = {static_cast<double>(rank + 1)};
  }
}

void encode_shares(CategoryFit& fit) {
  std::int64_t rows = fit.nulls + fit.other_rows;
  for (const Level& level : fit.levels) rows += level.rows;
  const auto share = [&](std::int64_t n) {
    return std::vector<double>{static_cast<double>(n) /
                               static_cast<double>(std::max<std::int64_t>(1, rows))};
  };
  fit.encoded = {share(fit.nulls), share(fit.other_rows)};
  for (const Level& level : fit.levels) fit.encoded.push_back(share(level.rows));
}

Result<Fit> fit_category(sql::Session& session, const FitRows& rows, const Treatment& feature) {
  Fit out;
  if (feature.kind != Kind::kCategory) return out;
  TRY_STATUS(fit_levels(session, rows, feature, out.category));
  if (feature.encode == Encode::kOrdinal) encode_ranks(out.category);
  if (feature.encode == Encode::kFrequency) encode_shares(out.category);
  return out;
}

// Categories that are none are taken out of `features`.
Result<std::vector<Fit>> fit_categories(sql::Session& session, const FitRows& rows,
                                        std::vector<Treatment>& features,
                                        std::vector<LeftOut>& left_out) {
  std::vector<Treatment> kept;
  std::vector<Fit> fits;
  for (Treatment& feature : features) {
    TRY(Fit fit, fit_category(session, rows, feature));
    if (is_no_category(feature, fit.category)) {
      left_out.push_back({feature.name, "nearly every row has a value of its own"});
      continue;
    }
    kept.push_back(std::move(feature));
    fits.push_back(std::move(fit));
  }
  features = std::move(kept);
  return fits;
}

}  // namespace

int inner_fold(std::int64_t row) {
  // SplitMix64 (Steele, Lea and Flood 2014): a fixed function of the row's number.
  std::uint64_t x = static_cast<std::uint64_t>(row) + 0x9e3779b97f4a7c15ULL;
  x = (x ^ (x >> 30U)) * 0xbf58476d1ce4e5b9ULL;
  x = (x ^ (x >> 27U)) * 0x94d049bb133111ebULL;
  x ^= x >> 31U;
  return static_cast<int>(x % static_cast<std::uint64_t>(kInnerFolds));
}

std::string number_sql(const Treatment& feature) {
  std::string value = format("CAST(({}\n) AS DOUBLE)", feature.expression.text);
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

Result<std::vector<Fit>> fit_features(sql::Session& session, const FitRows& rows,
                                      const records::Target& target, const std::string& label,
                                      std::vector<Treatment>& features,
                                      std::vector<LeftOut>& left_out) {
  TRY(auto fits, fit_categories(session, rows, features, left_out));
  TRY_STATUS(encode_targets(session, rows, target, label, features, fits));
  Numbers numbers;
  for (std::size_t i = 0; i < features.size(); ++i) {
    if (features[i].kind != Kind::kNumber) continue;
    numbers.features.push_back(&features[i]);
    numbers.fits.push_back(&fits[i].number);
  }
  if (numbers.features.empty()) return fits;
  TRY_STATUS(fit_quantiles(session, rows, numbers));
  TRY_STATUS(fit_moments(session, rows, numbers));
  return fits;
}

Json fit_json(const Treatment& feature, const Fit& fit) {
  Json out = Json::object();
  out.set("feature", feature.name).set("expr", feature.expression.text);
  if (feature.kind == Kind::kNumber) {
    out.set("type", feature.is_boolean ? "boolean" : "number");
    out.set("values", fit.number.values).set("nulls", fit.number.nulls);
    out.set("min", fit.number.least).set("max", fit.number.most).set("fill", fit.number.fill);
    if (feature.scale != Scale::kNone) {
      out.set("center", fit.number.center).set("scale", fit.number.scale);
    }
  } else if (feature.kind == Kind::kCyclic) {
    out.set("type", "cyclic").set("period", feature.period);
  } else {
    out.set("type", "category").set("nulls", fit.category.nulls);
    out.set("other_levels", fit.category.other_levels).set("other_rows", fit.category.other_rows);
    Json levels = Json::array();
    for (std::size_t i = 0; i < fit.category.levels.size(); ++i) {
      const Level& level = fit.category.levels[i];
      Json each = Json::object();
      each.set("level", level.text).set("rows", level.rows).set("code", i + 2);
      if (!fit.category.encoded.empty()) {
        Json values = Json::array();
        for (const double value : fit.category.encoded[i + 2]) values.push(value);
        each.set("encoded", std::move(values));
      }
      levels.push(std::move(each));
    }
    out.set("levels", std::move(levels));
  }
  return out;
}

}  // namespace kingpost::steps::extract_features
