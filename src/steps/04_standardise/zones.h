// SPDX-License-Identifier: Apache-2.0
// Local clocks to instants: the zone's transitions are looked up once and become constants, so that
// times which occur twice or never are told apart for each row.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "engines/sql/session.h"

namespace kingpost::steps::standardise {

/// The clocks change at `at`; offsets are local time minus UTC.
struct Transition {
  Micros at = 0;
  Micros before = 0;
  Micros after = 0;
  bool operator==(const Transition& other) const = default;
};

/// What holds in a zone between two instants.
struct ZoneTable {
  std::string zone;
  Micros from = 0;
  Micros to = 0;
  /// The offset at `from`.
  Micros first_offset = 0;
  /// In order of time.
  std::vector<Transition> transitions;
};

/// The names of all zones that the engine knows.
Result<std::vector<std::string>> zone_names(sql::Session& session);

/// Looks the zone up for local times between `low` and `high`. Before 1900 and after 2100 there is
/// no table: laws of that time are not known.
Result<ZoneTable> zone_table(sql::Session& session, const std::string& zone, Micros low,
                             Micros high);

enum class Twice { kFirst, kSecond, kReject };

struct LocalToUtc {
  /// timestamp_utc; a missing time is shifted by the gap.
  std::string value;
  /// Conditions: the local time occurs twice, or never.
  std::string ambiguous;
  std::string missing;
};

/// SQL for the timestamp column `name` (quoted).
LocalToUtc local_to_utc(const std::string& name, const ZoneTable& table, Twice twice);

}  // namespace kingpost::steps::standardise
