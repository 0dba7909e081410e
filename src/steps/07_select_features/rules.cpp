// SPDX-License-Identifier: Apache-2.0
// Columns are taken out of the matrix once; each rule sees what the one before it left.
#include "steps/07_select_features/rules.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <unordered_map>

#include "base/text.h"
#include "steps/metrics.h"

namespace kingpost::steps::select_features {
namespace {

using Values = std::vector<float>;

bool same(float a, float b) {
  return a == b || (std::isnan(a) && std::isnan(b));
}

bool same(const Values& a, const Values& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](float x, float y) { return same(x, y); });
}

// Equal columns have equal hashes (FNV-1a).
std::uint64_t hash_of(const Values& values) {
  std::uint64_t out = 0xcbf29ce484222325;
  for (const float value : values) {
    std::uint32_t bits = 0x7fc00000;
    if (value == 0) {
      bits = 0;
    } else if (!std::isnan(value)) {
      std::memcpy(&bits, &value, sizeof bits);
    }
    out = (out ^ bits) * 0x100000001b3;
  }
  return out;
}

bool has_nan(const Values& values) {
  return std::any_of(values.begin(), values.end(), [](float x) { return std::isnan(x); });
}

struct Moments {
  double mean = 0;
  /// 0 where the column cannot be correlated: constant, or not finite.
  double deviation = 0;
};

Moments moments_of(const Values& values) {
  Sum sum;
  for (const float value : values) sum.add(static_cast<double>(value));
  const double mean = sum.value() / static_cast<double>(values.size());
  Sum squares;
  for (const float value : values) {
    const double off = static_cast<double>(value) - mean;
    squares.add(off * off);
  }
  const double deviation = std::sqrt(squares.value() / static_cast<double>(values.size()));
  return {mean, std::isfinite(deviation) ? deviation : 0};
}

// Over rows where neither is missing.
double pair_correlation(const Values& a, const Values& b) {
  Values left;
  Values right;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (std::isnan(a[i]) || std::isnan(b[i])) continue;
    left.push_back(a[i]);
    right.push_back(b[i]);
  }
  if (left.size() < 2) return 0;
  const Moments x = moments_of(left);
  const Moments y = moments_of(right);
  if (!(x.deviation > 0) || !(y.deviation > 0)) return 0;
  Sum sum;
  for (std::size_t i = 0; i < left.size(); ++i) {
    sum.add((static_cast<double>(left[i]) - x.mean) * (static_cast<double>(right[i]) - y.mean));
  }
  return sum.value() / static_cast<double>(left.size()) / (x.deviation * y.deviation);
}

/// All correlations of columns without NaN, in one pass over the rows.
class Correlations {
 public:
  explicit Correlations(const std::vector<const Values*>& columns)
      : size_(columns.size()), sums_(size_ * size_, 0) {
    std::vector<Moments> moments;
    for (const Values* column : columns) moments.push_back(moments_of(*column));
    const std::size_t rows = columns.empty() ? 0 : columns.front()->size();
    std::vector<double> row(size_);
    for (std::size_t r = 0; r < rows; ++r) {
      for (std::size_t i = 0; i < size_; ++i) {
        const Moments& of = moments[i];
        const double off = static_cast<double>((*columns[i])[r]) - of.mean;
        row[i] = of.deviation > 0 ? off / of.deviation : 0;
      }
      // One sum per pair: the inner loop has no dependence, and the order is that of the rows.
      for (std::size_t i = 0; i < size_; ++i) {
        double* sums = &sums_[i * size_];
        for (std::size_t j = 0; j < i; ++j) sums[j] += row[i] * row[j];
      }
    }
    for (double& each : sums_) each /= static_cast<double>(std::max<std::size_t>(rows, 1));
  }
  /// Requires: later > earlier.
  double of(std::size_t later, std::size_t earlier) const { return sums_[later * size_ + earlier]; }

 private:
  std::size_t size_;
  std::vector<double> sums_;
};

class Judge {
 public:
  Judge(const Matrices& matrices, std::int32_t fold, const Rules& rules)
      : matrices_(matrices), fold_(fold), rules_(rules), numbers_(matrices.fitted(fold)) {
    for (const records::FeatureColumn& column : matrices.features(fold).columns) {
      columns_.push_back(&column);
      verdicts_.push_back({column.name, column.feature, true, "", std::nullopt, ""});
    }
    values_.resize(columns_.size());
  }

  std::vector<Verdict> run() {
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      if (names(rules_.always, *columns_[i])) verdicts_[i].rule = "always";
      if (names(rules_.never, *columns_[i])) drop(i, "never", std::nullopt, "the file says so");
    }
    near_empty();
    load();
    constant();
    duplicated();
    correlated();
    return std::move(verdicts_);
  }

 private:
  bool is_open(std::size_t i) const { return verdicts_[i].kept && verdicts_[i].rule.empty(); }
  bool asked(const char* rule) const { return rules_.drop.contains(rule); }

  void drop(std::size_t i, std::string rule, std::optional<double> number, std::string words) {
    verdicts_[i].kept = false;
    verdicts_[i].rule = std::move(rule);
    verdicts_[i].number = number;
    verdicts_[i].words = std::move(words);
  }

  // The fit that the column was made with: "temp" of "temp:missing", "carrier" of "carrier=UA".
  const Json* fit_of(const records::FeatureColumn& column) const {
    const Json* best = nullptr;
    std::size_t longest = 0;
    for (const Json& fit : matrices_.fits(fold_).items()) {
      const std::string& name = fit["feature"].text();
      if (!starts_with(column.name, name) || name.size() < longest) continue;
      const bool ends = column.name.size() == name.size() || column.name[name.size()] == ':' ||
                        column.name[name.size()] == '=';
      if (!ends) continue;
      best = &fit;
      longest = name.size();
    }
    return best;
  }

  void near_empty() {
    if (!asked("near_empty") || numbers_.empty()) return;
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      const Json* fit = fit_of(*columns_[i]);
      if (!is_open(i) || fit == nullptr || !fit->has("nulls")) continue;
      const double share = 1 - (*fit)["nulls"].number() / static_cast<double>(numbers_.size());
      if (share >= rules_.near_empty_below) continue;
      drop(i, "near_empty", share, format("{:.4g} of the train rows have a value", share));
    }
  }

  void load() {
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      if (!verdicts_[i].kept) continue;
      values_[i] = matrices_.column(fold_, numbers_, static_cast<std::int64_t>(i));
    }
  }

  void constant() {
    if (!asked("constant")) return;
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      if (!is_open(i)) continue;
      const Values& values = values_[i];
      const bool is_constant = std::all_of(
          values.begin(), values.end(), [&](float value) { return same(value, values.front()); });
      if (!is_constant) continue;
      const double value = values.empty() ? 0 : static_cast<double>(values.front());
      drop(i, "constant", std::isnan(value) ? std::nullopt : std::optional<double>(value),
           std::isnan(value) ? std::string("no train row has a value")
                             : format("every train row has {:.6g}", value));
    }
  }

  /// Of two columns the later goes; the earlier where only the later must stay; none where both.
  std::optional<std::size_t> loser(std::size_t earlier, std::size_t later) const {
    if (is_open(later)) return later;
    if (is_open(earlier)) return earlier;
    return std::nullopt;
  }

  void duplicated() {
    if (!asked("duplicated")) return;
    std::unordered_map<std::uint64_t, std::vector<std::size_t>> seen;
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      if (!verdicts_[i].kept) continue;
      auto& equals = seen[hash_of(values_[i])];
      for (const std::size_t other : equals) {
        if (!verdicts_[other].kept || !verdicts_[i].kept || !same(values_[other], values_[i])) {
          continue;
        }
        const auto goes = loser(other, i);
        if (!goes) continue;
        const std::size_t stays = *goes == i ? other : i;
        drop(*goes, "duplicated", std::nullopt,
             format("equal to \"{}\" in every train row", shown(columns_[stays]->name)));
      }
      equals.push_back(i);
    }
  }

  void correlated() {
    if (!asked("correlated")) return;
    std::vector<std::size_t> open;
    std::vector<const Values*> columns;
    std::vector<std::size_t> place(columns_.size(), columns_.size());
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      // A code says nothing by its size.
      if (!verdicts_[i].kept || columns_[i]->categorical) continue;
      open.push_back(i);
      if (has_nan(values_[i])) continue;
      place[i] = columns.size();
      columns.push_back(&values_[i]);
    }
    const Correlations all(columns);
    for (const std::size_t later : open) {
      for (const std::size_t earlier : open) {
        if (earlier >= later) break;
        if (!verdicts_[earlier].kept || !verdicts_[later].kept) continue;
        const bool both = place[earlier] < columns_.size() && place[later] < columns_.size();
        const double r = both ? all.of(place[later], place[earlier])
                              : pair_correlation(values_[earlier], values_[later]);
        if (!(std::abs(r) > rules_.correlated_above)) continue;
        const auto goes = loser(earlier, later);
        if (!goes) continue;
        const std::size_t stays = *goes == later ? earlier : later;
        drop(*goes, "correlated", r,
             format("correlated with \"{}\" by {:.4f}", shown(columns_[stays]->name), r));
      }
    }
  }

  const Matrices& matrices_;
  std::int32_t fold_;
  const Rules& rules_;
  std::vector<std::int64_t> numbers_;
  std::vector<const records::FeatureColumn*> columns_;
  std::vector<Values> values_;
  std::vector<Verdict> verdicts_;
};

std::set<std::string> set_of(const Node& section, std::string_view key) {
  const auto texts = section.texts(key);
  return {texts.begin(), texts.end()};
}

}  // namespace

bool names(const std::set<std::string>& list, const records::FeatureColumn& column) {
  return list.contains(column.feature) || list.contains(column.name);
}

Rules rules_of(const Node& section) {
  Rules out;
  if (!section.is_map()) return out;
  if (section.has("drop")) out.drop = set_of(section, "drop");
  if (section.has("near_empty_below")) out.near_empty_below = section.number("near_empty_below");
  if (section.has("correlated_above")) out.correlated_above = section.number("correlated_above");
  out.always = set_of(section, "always");
  out.never = set_of(section, "never");
  if (section.at("keep").has("max")) out.most = section.at("keep").integer("max");
  if (section.has("alarm_share")) out.alarm_share = section.number("alarm_share");
  return out;
}

std::vector<Verdict> judge_columns(const Matrices& matrices, std::int32_t fold,
                                   const Rules& rules) {
  return Judge(matrices, fold, rules).run();
}

}  // namespace kingpost::steps::select_features
