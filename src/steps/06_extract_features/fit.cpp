// SPDX-License-Identifier: Apache-2.0
// What is learnt from the training rows of a fold.
#include "steps/06_extract_features/fit.h"

#include <algorithm>
#include <array>

#include "base/parallel.h"
#include "base/text.h"
#include "engines/sql/dialect.h"
#include "steps/06_extract_features/fit_numbers.h"
#include "steps/06_extract_features/target_encoding.h"

namespace kingpost::steps::extract_features {
namespace {

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
  if (!found) return blame_for_fit(session, rows, {&feature}, found.error());
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

Status fit_categories(sql::Session& session, const FitRows& rows,
                      const std::vector<Treatment>& features, std::vector<Fit>& fits) {
  for (std::size_t i = 0; i < features.size(); ++i) {
    const Treatment& feature = features[i];
    if (feature.kind != Kind::kCategory) continue;
    CategoryFit& fit = fits[i].category;
    TRY_STATUS(fit_levels(session, rows, feature, fit));
    if (feature.encode == Encode::kOrdinal) encode_ranks(fit);
    if (feature.encode == Encode::kFrequency) encode_shares(fit);
  }
  return {};
}

// Takes out of `features` the categories that are none.
void leave_out(std::vector<Treatment>& features, std::vector<Fit>& fits,
               std::vector<LeftOut>& left_out) {
  std::size_t kept = 0;
  for (std::size_t i = 0; i < features.size(); ++i) {
    if (is_no_category(features[i], fits[i].category)) {
      left_out.push_back({features[i].name, "nearly every row has a value of its own"});
      continue;
    }
    if (kept != i) {
      features[kept] = std::move(features[i]);
      fits[kept] = std::move(fits[i]);
    }
    ++kept;
  }
  features.resize(kept);
  fits.resize(kept);
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

Result<std::vector<Fit>> fit_features(sql::Session& session, const FitRows& rows,
                                      const records::Target& target, const std::string& label,
                                      std::vector<Treatment>& features,
                                      std::vector<LeftOut>& left_out) {
  std::vector<Fit> fits(features.size());
  Numbers numbers;
  for (std::size_t i = 0; i < features.size(); ++i) {
    if (features[i].kind != Kind::kNumber) continue;
    numbers.features.push_back(&features[i]);
    numbers.fits.push_back(&fits[i].number);
  }
  std::array<Status, 2> done;
  parallel(done.size(), rows.threads, [&](std::size_t i) {
    done[i] = i == 0 ? fit_categories(session, rows, features, fits)
                     : fit_numbers(session, rows, numbers);
  });
  TRY_STATUS(std::move(done[0]));
  if (!done[1]) return blame_for_fit(session, rows, numbers.features, done[1].error());
  leave_out(features, fits, left_out);
  TRY_STATUS(encode_targets(session, rows, target, label, features, fits));
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
