// SPDX-License-Identifier: Apache-2.0
// Knowledge time: may a value be used for a prediction made at `predict_at`?
#pragma once

#include <optional>
#include <string>

#include "base/node.h"
#include "records/schema.h"

namespace kingpost::steps {

/// The moment of prediction as the file declares it: column + offset.
struct PredictAt {
  std::string column;
  Micros offset = 0;

  std::string text() const;
};
/// Nothing when the section has no predict_at.
std::optional<PredictAt> predict_at_of(const Node& curate_section);

/// True when every time at which the value becomes known can be shown, from the file alone, not to
/// lie behind the moment of prediction. Times of different columns cannot be compared, so they
/// count as later.
bool known_in_time(const records::Knowledge& knowledge, const std::optional<PredictAt>& predict_at);

/// "dep_delay (from flights.dep_delay) is known at time_hour + 24h; it is needed at sched_dep -
/// 2h".
std::string leak_text(const records::Column& column, const PredictAt& predict_at);

}  // namespace kingpost::steps
