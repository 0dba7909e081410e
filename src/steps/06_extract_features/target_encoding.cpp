// SPDX-License-Identifier: Apache-2.0
// Sums per category and inner fold, in the order of the rows.
#include "steps/06_extract_features/target_encoding.h"

#include <unordered_map>

#include "base/text.h"
#include "steps/ordered_rows.h"

namespace kingpost::steps::extract_features {
namespace {

// Sum and number of labels, by code and inner fold.
class Tally {
 public:
  Tally(std::size_t codes, std::size_t outputs) : codes_(codes), outputs_(outputs) {
    sums_.assign(static_cast<std::size_t>(kInnerFolds) * codes * outputs, 0);
    counts_.assign(static_cast<std::size_t>(kInnerFolds) * codes, 0);
  }

  void add(int fold, std::size_t code, double label) {
    const std::size_t cell = static_cast<std::size_t>(fold) * codes_ + code;
    counts_[cell] += 1;
    if (outputs_ == 1) {
      sums_[cell] += label;
    } else {
      sums_[cell * outputs_ + static_cast<std::size_t>(label)] += 1;
    }
  }

  /// The smoothed means by code, without one fold; -1 for none.
  std::vector<std::vector<double>> means(int without, double smoothing) const {
    std::vector<std::vector<double>> out(codes_, std::vector<double>(outputs_, 0));
    for (std::size_t o = 0; o < outputs_; ++o) {
      double sum = 0;
      double count = 0;
      for (std::size_t c = 0; c < codes_; ++c) {
        const auto [s, n] = of(without, c, o);
        sum += s;
        count += n;
      }
      const double prior = count > 0 ? sum / count : 0;
      for (std::size_t c = 0; c < codes_; ++c) {
        const auto [s, n] = of(without, c, o);
        const double weight = n + smoothing;
        out[c][o] = weight > 0 ? (s + smoothing * prior) / weight : prior;
      }
    }
    return out;
  }

 private:
  std::pair<double, double> of(int without, std::size_t code, std::size_t output) const {
    double sum = 0;
    double count = 0;
    for (int fold = 0; fold < kInnerFolds; ++fold) {
      if (fold == without) continue;
      const std::size_t cell = static_cast<std::size_t>(fold) * codes_ + code;
      sum += sums_[cell * outputs_ + output];
      count += counts_[cell];
    }
    return {sum, count};
  }

  std::size_t codes_;
  std::size_t outputs_;
  std::vector<double> sums_;
  std::vector<double> counts_;
};

// Codes of one feature's values.
class Coder {
 public:
  Coder(const Treatment& feature, const CategoryFit& fit) : missing_(feature.missing_is_other) {
    for (std::size_t i = 0; i < fit.levels.size(); ++i) {
      codes_.emplace(fit.levels[i].text, static_cast<std::int32_t>(i + 2));
    }
  }
  std::int32_t code(const std::string& text) const {
    if (text.empty()) return missing_ ? 1 : 0;
    const auto found = codes_.find(text);
    return found == codes_.end() ? 1 : found->second;
  }

 private:
  bool missing_;
  std::unordered_map<std::string, std::int32_t> codes_;
};

// One feature's counting.
struct Counted {
  Coder coder;
  Tally tally;
  CategoryFit& fit;
  double smoothing;
};

// Columns: the row's number, the label, then the value of each feature.
void count_batch(const records::Batch& batch, std::vector<Counted>& counted) {
  for (std::size_t r = 0; r < static_cast<std::size_t>(batch.rows); ++r) {
    const int fold = inner_fold(static_cast<std::int64_t>(batch.columns[0].numbers[r]));
    for (std::size_t k = 0; k < counted.size(); ++k) {
      const std::int32_t code = counted[k].coder.code(batch.columns[k + 2].texts[r]);
      counted[k].fit.codes.push_back(code);
      counted[k].tally.add(fold, static_cast<std::size_t>(code), batch.columns[1].numbers[r]);
    }
  }
}

}  // namespace

std::size_t target_outputs(const records::Target& target) {
  return target.task == records::Task::kMulticlass ? target.classes.size() : 1;
}

Status encode_targets(sql::Session& session, const FitRows& rows, const records::Target& target,
                      const std::string& label, const std::vector<Treatment>& features,
                      std::vector<Fit>& fits) {
  std::vector<std::string> items = {"CAST(file_row_number AS DOUBLE) AS r",
                                    format("CAST({} AS DOUBLE) AS y", label)};
  std::vector<Counted> counted;
  for (std::size_t i = 0; i < features.size(); ++i) {
    if (features[i].kind != Kind::kCategory || features[i].encode != Encode::kTarget) continue;
    items.push_back(format("CAST(({}\n) AS VARCHAR) AS x{}", features[i].expression.text, i));
    CategoryFit& fit = fits[i].category;
    counted.push_back({Coder(features[i], fit),
                       Tally(fit.levels.size() + 2, target_outputs(target)), fit,
                       features[i].smoothing});
  }
  if (counted.empty()) return {};
  const auto count = [&](records::Batch& batch) {
    count_batch(batch, counted);
    return Status();
  };
  TRY_STATUS(stream_in_order(session, {join(items, ", "), rows.from, rows.where}, count));
  for (Counted& each : counted) {
    each.fit.encoded = each.tally.means(-1, each.smoothing);
    for (int fold = 0; fold < kInnerFolds; ++fold) {
      each.fit.held_out.push_back(each.tally.means(fold, each.smoothing));
    }
  }
  return {};
}

}  // namespace kingpost::steps::extract_features
