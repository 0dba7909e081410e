// SPDX-License-Identifier: Apache-2.0
// Chance comes from SHA-256, so it is the same on every machine.
#include "steps/10_train/draw.h"

#include <algorithm>
#include <cmath>

#include "base/digest.h"
#include "base/text.h"

namespace kingpost::steps::train {
namespace {

// The first 13 hex digits of the digest of all that the number goes by: 52 bits.
std::int64_t bits_of(const TrialId& trial, std::string_view name) {
  const std::string digest =
      sha256_of(format("{}\n{}\n{}\n{}", trial.seed, trial.candidate, trial.number, name));
  std::int64_t out = 0;
  for (const char c : digest.substr(0, 13)) {
    out = out * 16 + (c <= '9' ? c - '0' : c - 'a' + 10);
  }
  return out;
}

// From 0 to below 1.
double share_of(const TrialId& trial, std::string_view name) {
  if (trial.number == 0) return 0.5;
  return static_cast<double>(bits_of(trial, name)) / 0x1p52;
}

// Rounding hides the last bits, in which libraries of mathematics differ.
double six_digits(double value) {
  return parse_number(format("{:.6g}", value)).value_or(value);
}

Json from_range(const Json& range, double share) {
  const bool is_log = range["scale"].text() == "log";
  const bool is_whole = range["integer"].boolean();
  const double from = range["from"].number();
  double to = range["to"].number();
  // Each whole number has its own piece of the range.
  if (is_whole && !is_log) to += 1;
  const double value = is_log ? std::exp(std::log(from) + share * (std::log(to) - std::log(from)))
                              : from + share * (to - from);
  if (!is_whole) {
    return std::clamp(six_digits(value), range["from"].number(), range["to"].number());
  }
  const double whole = is_log ? std::round(six_digits(value)) : std::floor(six_digits(value));
  return static_cast<std::int64_t>(
      std::clamp(whole, std::ceil(from), std::floor(range["to"].number())));
}

Json one(const Json& space, const TrialId& trial, const std::string& name) {
  if (space.has("value")) return space["value"];
  const auto& values = space["values"].items();
  if (values.empty()) return from_range(space, share_of(trial, name));
  if (trial.number == 0) return values.front();
  const double place = share_of(trial, name) * static_cast<double>(values.size());
  return values[std::min(static_cast<std::size_t>(place), values.size() - 1)];
}

}  // namespace

Json draw(const Json& space, const TrialId& trial) {
  Json out = Json::object();
  for (const auto& [name, each] : space.entries()) out.set(name, one(each, trial, name));
  return out;
}

bool has_choice(const Json& space) {
  return std::any_of(space.entries().begin(), space.entries().end(), [](const auto& entry) {
    return !entry.second.has("value") && entry.second["values"].items().size() != 1;
  });
}

std::int64_t seed_of(const TrialId& trial) {
  return bits_of(trial, "the trainer's own seed") & 0x7fffffff;
}

}  // namespace kingpost::steps::train
