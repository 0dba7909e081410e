// SPDX-License-Identifier: Apache-2.0
// Time: the wall clock, timestamps and durations of the pipeline file.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace kingpost {

/// Microseconds since 1970-01-01T00:00:00Z.
using Micros = std::int64_t;

/// The wall clock now.
Micros wall_clock();
/// Of a clock that nobody sets, from a beginning that means nothing: for what is to happen later.
Micros monotonic_micros();
/// Seconds of a monotonic clock, for measuring.
double monotonic_seconds();

/// `2013-10-01` or `2013-10-01[T ]hh:mm[:ss[.ffffff]][Z|+hh:mm]`; a text without zone reads as UTC.
/// Dates that do not exist (30 February) are refused. `zoned` is set when a zone was written.
std::optional<Micros> parse_timestamp(std::string_view text, bool* zoned = nullptr);
/// `2013-10-01T00:00:00Z`, with six digits of fraction when there is one.
std::string timestamp_text(Micros time);
/// The same, whole seconds alone.
std::string second_text(Micros time);

/// `500us`, `20ms`, `30s`, `5m`, `2h`, `1d` (24 hours), `2w`, optionally signed; `0` needs no unit.
std::optional<Micros> parse_duration(std::string_view text);
/// The shortest text that parse_duration reads back: 7200000000 -> "2h".
std::string duration_text(Micros duration);
/// Measured seconds for people: "12 ms", "3.4 s", "2 m 05 s".
std::string elapsed_text(double seconds);

}  // namespace kingpost
