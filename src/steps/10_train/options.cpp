// SPDX-License-Identifier: Apache-2.0
// Reading the section `train`.
#include "steps/10_train/options.h"

#include <array>

#include "base/text.h"

namespace kingpost::steps::train {

std::optional<std::int64_t> bytes_of_amount(std::string_view text) {
  struct Unit {
    std::string_view name;
    double bytes;
  };
  constexpr std::array kUnits = {
      Unit{"kib", 1024}, Unit{"mib", 1048576}, Unit{"gib", 1073741824}, Unit{"tib", 1099511627776},
      Unit{"kb", 1e3},   Unit{"mb", 1e6},      Unit{"gb", 1e9},         Unit{"tb", 1e12}};
  const std::string word = lower(trim(text));
  for (const Unit& unit : kUnits) {
    if (!word.ends_with(unit.name)) continue;
    const auto number = parse_number(trim(word.substr(0, word.size() - unit.name.size())));
    if (!number || !(*number > 0) || *number * unit.bytes > 1e18) return std::nullopt;
    return static_cast<std::int64_t>(*number * unit.bytes);
  }
  return std::nullopt;
}

Options options_of(const Node& section, records::Task task) {
  Options out;
  out.metric = section.text_at("metric");
  if (out.metric.empty()) out.metric = default_metric(task);
  const Node& search = section.at("search");
  if (search.has("trials")) out.trials = search.integer("trials");
  if (search.has("seed")) out.seed = search.integer("seed");
  if (section.has("rounds")) out.rounds = static_cast<std::int32_t>(section.integer("rounds"));
  if (section.has("early_stopping")) {
    out.early_stopping = static_cast<std::int32_t>(section.integer("early_stopping"));
  }
  out.weight = section.text_at("weight");
  out.threads = static_cast<std::int32_t>(section.integer("threads"));
  out.memory = bytes_of_amount(section.text_at("memory")).value_or(0);
  out.refit = section.text_at("refit") == "train_and_validation";
  const std::string calibrate = section.text_at("calibrate");
  if (calibrate == "sigmoid") out.calibrate = Calibrate::kSigmoid;
  if (calibrate == "isotonic") out.calibrate = Calibrate::kIsotonic;
  const Node& threshold = section.at("threshold");
  const std::string by = threshold.text_at("by");
  if (by == "f1") out.threshold_by = ThresholdBy::kF1;
  if (by == "accuracy") out.threshold_by = ThresholdBy::kAccuracy;
  if (by == "youden") out.threshold_by = ThresholdBy::kYouden;
  if (threshold.has("value")) out.threshold = threshold.number("value");
  return out;
}

}  // namespace kingpost::steps::train
