// SPDX-License-Identifier: Apache-2.0
#include "steps/18_deploy/traffic.h"

#include "base/text.h"

namespace kingpost::steps::deploy {
namespace {

constexpr std::int64_t kMostCopies = 64;

// Versions are numbers: 01 is 1.
bool serves(const std::shared_ptr<Backend>& backend, const Named& named) {
  if (backend == nullptr || backend->source().model != named.name) return false;
  const auto number = parse_integer(named.version);
  return number && number == parse_integer(backend->source().version);
}

}  // namespace

// FNV-1a, http://www.isthe.com/chongo/tech/comp/fnv.
void Share::add(std::string_view part) {
  for (const char c : part) {
    hash_ ^= static_cast<unsigned char>(c);
    hash_ *= 1099511628211U;
  }
}

// From 0 to 99.99 percent, in steps of a hundredth. The low bits of FNV of short texts are not
// even.
bool Share::is_within(std::uint64_t hash, int percent) {
  constexpr std::uint64_t kMix = 0x9E3779B97F4A7C15U;
  return (hash * kMix >> 32U) % 10'000 < static_cast<std::uint64_t>(percent) * 100;
}

bool Share::is_copied(int percent) const {
  return is_within(hash_ >> 7U, percent);
}

void Traffic::set_route(Route route) {
  const std::lock_guard lock(mutex_);
  route_ = std::move(route);
}

Route Traffic::route() const {
  const std::lock_guard lock(mutex_);
  return route_;
}

Traffic::Choice Traffic::choose(const std::function<Named()>& named,
                                const std::function<Share()>& share) const {
  const Route route = this->route();
  if (route.candidate == nullptr) return {.backend = route.stable};
  if (Named one = named(); !one.version.empty()) {
    const bool is_stable = serves(route.stable, one);
    const bool is_candidate = serves(route.candidate, one);
    if (!is_stable && !is_candidate) return {.backend = route.stable};
    if (is_stable != is_candidate) {
      return {.backend = is_candidate ? route.candidate : route.stable,
              .is_new = is_candidate,
              .named = std::move(one)};
    }
  }
  if (route.percent == 0 && route.shadow_percent == 0) return {.backend = route.stable};
  const Share of_it = share();
  const bool is_new = of_it.is_within(route.percent);
  return {.backend = is_new ? route.candidate : route.stable,
          .is_new = is_new,
          .is_copied = of_it.is_copied(route.shadow_percent)};
}

std::shared_ptr<Backend> Traffic::serving(const Named& named) const {
  const Route route = this->route();
  const bool is_candidate = !serves(route.stable, named) && serves(route.candidate, named);
  return is_candidate ? route.candidate : route.stable;
}

std::shared_ptr<Backend> Traffic::begin_copy() {
  const Route route = this->route();
  // A stream may be older than the trial, which has no shadow now.
  std::shared_ptr<Backend> candidate = route.shadow_percent > 0 ? route.candidate : nullptr;
  const bool is_there = candidate != nullptr && candidate->port() != 0;
  if (candidate != nullptr && !is_there) candidate->count_unsent();
  if (!is_there || copies_.load() >= kMostCopies) {
    drop_copy();
    return nullptr;
  }
  copies_.fetch_add(1);
  sent_.fetch_add(1);
  return candidate;
}

void Traffic::end_copy(Likeness likeness) {
  copies_.fetch_sub(1);
  if (likeness == Likeness::kDifferent) different_.fetch_add(1);
  if (likeness == Likeness::kUnknown) uncompared_.fetch_add(1);
}

}  // namespace kingpost::steps::deploy
