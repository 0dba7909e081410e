// SPDX-License-Identifier: Apache-2.0
// Local clocks to instants. The engine's own conversion silently picks one of two answers where
// clocks go back, and costs a calendar computation per row.
#include "steps/04_standardise/zones.h"

#include <algorithm>
#include <iterator>

#include "base/format.h"
#include "base/text.h"
#include "engines/sql/dialect.h"

namespace kingpost::steps::standardise {
namespace {

constexpr Micros kSecond = 1'000'000;
constexpr Micros kMinute = 60 * kSecond;
constexpr Micros kDay = 86'400 * kSecond;
constexpr Micros kYear1900 = -2'208'988'800 * kSecond;
constexpr Micros kYear2100 = 4'102'444'800 * kSecond;

// Local time minus UTC at the instant `at`, a timestamp_utc.
std::string offset_sql(const std::string& at, const std::string& zone) {
  return format("(epoch_us({0} AT TIME ZONE {1}) - epoch_us({0}))", at, sql::literal(zone));
}

std::string list_of_numbers(const std::vector<Micros>& numbers) {
  std::vector<std::string> out;
  for (const Micros number : numbers) out.push_back(format("{}", number));
  return format("[{}]", join(out, ", "));
}

// The steps of `size` within `count` steps from each start, over which the offset changes.
Result<std::vector<Transition>> changing_steps(sql::Session& session, const std::string& zone,
                                               const std::vector<Micros>& starts, Micros size,
                                               std::int64_t count) {
  if (starts.empty()) return std::vector<Transition>{};
  TRY(const auto rows,
      session.query(format(
          "SELECT low, before, after FROM (SELECT low, {0} AS before, {1} AS after FROM (SELECT "
          "low, make_timestamptz(low) AS a, make_timestamptz(low + {2}) AS b FROM (SELECT start + "
          "step * {2} AS low FROM (SELECT unnest(CAST({3} AS BIGINT[])) AS start) AS s, range({4}) "
          "AS r(step)))) WHERE before <> after ORDER BY low",
          offset_sql("a", zone), offset_sql("b", zone), size, list_of_numbers(starts), count)));
  std::vector<Transition> out;
  for (std::size_t r = 0; r < rows.size(); ++r) {
    out.push_back({rows.integer(r, "low"), rows.integer(r, "before"), rows.integer(r, "after")});
  }
  return out;
}

std::vector<Micros> starts_of(const std::vector<Transition>& steps) {
  std::vector<Micros> out;
  for (const Transition& step : steps) out.push_back(step.at);
  return out;
}

std::string timestamp_sql(Micros at) {
  return format("make_timestamp({})", at);
}

// The local times from the first to the second clock reading around a transition.
std::string between(const std::string& name, const Transition& each) {
  const auto [low, high] = std::minmax(each.before, each.after);
  return format("({} >= {} AND {} < {})", name, timestamp_sql(each.at + low), name,
                timestamp_sql(each.at + high));
}

std::string any_of(const std::vector<std::string>& conditions) {
  return conditions.empty() ? "false" : "(" + join(conditions, " OR ") + ")";
}

}  // namespace

Result<std::vector<std::string>> zone_names(sql::Session& session) {
  TRY(const auto rows, session.query("SELECT name FROM pg_timezone_names() ORDER BY name"));
  std::vector<std::string> names;
  for (std::size_t r = 0; r < rows.size(); ++r) names.push_back(rows.text(r, "name"));
  return names;
}

Result<ZoneTable> zone_table(sql::Session& session, const std::string& zone, Micros low,
                             Micros high) {
  ZoneTable table;
  table.zone = zone;
  // Whole days, and two more than any offset can need.
  table.from = std::clamp(low, kYear1900, kYear2100) / kDay * kDay - 2 * kDay;
  table.to = std::clamp(high, kYear1900, kYear2100) / kDay * kDay + 3 * kDay;
  TRY(const auto first,
      session.query(format("SELECT {} AS offset",
                           offset_sql(format("make_timestamptz({})", table.from), zone))));
  table.first_offset = first.integer(0, "offset");
  TRY(const auto days,
      changing_steps(session, zone, {table.from}, kDay, (table.to - table.from) / kDay));
  TRY(const auto minutes, changing_steps(session, zone, starts_of(days), kMinute, kDay / kMinute));
  TRY(table.transitions,
      changing_steps(session, zone, starts_of(minutes), kSecond, kMinute / kSecond));
  // A step that changes the offset ends where the new one begins.
  for (Transition& each : table.transitions) each.at += kSecond;
  return table;
}

LocalToUtc local_to_utc(const std::string& name, const ZoneTable& table, Twice twice) {
  LocalToUtc out;
  std::vector<std::string> ambiguous;
  std::vector<std::string> missing;
  std::string offset = "CASE";
  for (auto each = table.transitions.rbegin(); each != table.transitions.rend(); ++each) {
    const bool gap = each->after > each->before;
    (gap ? missing : ambiguous).push_back(between(name, *each));
    const auto [low, high] = std::minmax(each->before, each->after);
    const Micros from = each->at + (!gap && twice == Twice::kSecond ? low : high);
    offset += format(" WHEN {} >= {} THEN {}", name, timestamp_sql(from), each->after);
  }
  offset = table.transitions.empty() ? format("{}", table.first_offset)
                                     : format("{} ELSE {} END", offset, table.first_offset);
  const std::string inside =
      format("{} BETWEEN {} AND {}", name, timestamp_sql(table.from), timestamp_sql(table.to));
  out.value = format(
      "CASE WHEN {} THEN make_timestamptz(epoch_us({}) - ({})) ELSE {} AT TIME ZONE "
      "{} END",
      inside, name, offset, name, sql::literal(table.zone));
  out.ambiguous = any_of(ambiguous);
  out.missing = any_of(missing);
  return out;
}

}  // namespace kingpost::steps::standardise
