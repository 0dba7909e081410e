// SPDX-License-Identifier: Apache-2.0
// Parameters of a trial. A value depends on the seed, the candidate, the trial and the parameter's
// own name alone: more trials, or one more parameter, change no other value.
#pragma once

#include <cstdint>
#include <string>

#include "base/json.h"

namespace kingpost::steps::train {

/// Which trial of which candidate.
struct TrialId {
  std::int64_t seed = 0;
  std::string candidate;
  std::int64_t number = 0;
};

/// `space` as in candidates.json. Trial 0 takes the middle of each range and the first of each
/// list; later ones draw (random search; Bergstra and Bengio 2012). Numbers have six digits.
Json draw(const Json& space, const TrialId& trial);

/// Whether any trial could differ from another.
bool has_choice(const Json& space);

/// What the trainer draws from in this trial: 0 to 2^31 - 1.
std::int64_t seed_of(const TrialId& trial);

}  // namespace kingpost::steps::train
