// SPDX-License-Identifier: Apache-2.0
// Finds the transitions of a zone by asking the engine: once a day, then halving to the second. The
// engine's own tables are the only source, so the graph cannot disagree with them.
#include "steps/06_extract_features/expression/functions/zones.h"

#include <map>
#include <mutex>
#include <vector>

#include "base/text.h"
#include "engines/sql/dialect.h"

namespace kingpost::steps::extract_features::expression {
namespace {

constexpr std::int64_t kSecondMicros = 1'000'000;
constexpr std::int64_t kDaySeconds = 86'400;
/// 2^53 microseconds, in days.
constexpr std::int64_t kMostDays = 104'249;

/// The offset changes somewhere in (low, high], seconds since 1970.
struct Bracket {
  std::int64_t low = 0;
  std::int64_t high = 0;
  std::int64_t before = 0;
  std::int64_t after = 0;
  /// Where the search started, and the offset there.
  std::int64_t end = 0;
  std::int64_t at_end = 0;
};

class Finder {
 public:
  Finder(sql::Session& session, const std::string& zone, Direction direction)
      : session_(session), zone_(sql::literal(zone)), direction_(direction) {}

  std::optional<Steps> find() {
    std::int64_t first = 0;
    if (!by_day(first)) return std::nullopt;
    std::map<std::int64_t, std::int64_t> changes;
    while (!brackets_.empty()) {
      if (!halve()) return std::nullopt;
      collect(changes);
    }
    Steps out;
    out.leaves.push_back(static_cast<double>(first));
    for (const auto& [second, offset] : changes) {
      out.ends.push_back(static_cast<double>(second * kSecondMicros - 1));
      out.leaves.push_back(static_cast<double>(offset));
    }
    return out;
  }

 private:
  // The offset in microseconds at the second `at`.
  std::string offset_sql(std::string_view at) const {
    const std::string time = format("make_timestamp({} * 1000000)", at);
    const std::string from =
        direction_ == Direction::kToLocal ? format("CAST({} AS TIMESTAMPTZ)", time) : time;
    return format("epoch_us(timezone({}, {})) - {} * 1000000", zone_, from, at);
  }

  bool by_day(std::int64_t& first) {
    const auto rows = session_.query(format(
        "SELECT s, o, before FROM (SELECT s, o, lag(o) OVER (ORDER BY s) AS before FROM (SELECT s, "
        "{} AS o FROM (SELECT unnest(generate_series(CAST({} AS BIGINT), {}, {})) AS s))) WHERE "
        "before IS NULL OR "
        "o <> before ORDER BY s",
        offset_sql("s"), -kMostDays * kDaySeconds, kMostDays * kDaySeconds, kDaySeconds));
    if (!rows || rows->size() == 0) return false;
    first = rows->integer(0, "o");
    for (std::size_t r = 1; r < rows->size(); ++r) {
      const std::int64_t high = rows->integer(r, "s");
      const std::int64_t after = rows->integer(r, "o");
      brackets_.push_back(
          {high - kDaySeconds, high, rows->integer(r, "before"), after, high, after});
    }
    return true;
  }

  // One step of the search in all brackets that are wider than a second.
  bool halve() {
    std::vector<std::string> middles;
    for (const Bracket& each : brackets_) {
      middles.push_back(std::to_string((each.low + each.high) / 2));
    }
    const auto rows =
        session_.query(format("SELECT {} AS o FROM (SELECT unnest(CAST([{}] AS BIGINT[])) AS s, "
                              "unnest(range({})) AS n) ORDER BY n",
                              offset_sql("s"), join(middles, ", "), middles.size()));
    if (!rows || rows->size() != brackets_.size()) return false;
    for (std::size_t r = 0; r < rows->size(); ++r) {
      Bracket& each = brackets_[r];
      const std::int64_t middle = (each.low + each.high) / 2;
      const std::int64_t offset = rows->integer(r, "o");
      if (middle == each.low) continue;
      if (offset == each.before) {
        each.low = middle;
      } else {
        each.high = middle;
        each.after = offset;
      }
    }
    return true;
  }

  // Takes out what is found; a second change within the day is looked for behind it.
  void collect(std::map<std::int64_t, std::int64_t>& changes) {
    std::vector<Bracket> rest;
    for (const Bracket& each : brackets_) {
      if (each.high - each.low > 1) {
        rest.push_back(each);
        continue;
      }
      changes[each.high] = each.after;
      if (each.after == each.at_end || each.high >= each.end) continue;
      rest.push_back({each.high, each.end, each.after, each.at_end, each.end, each.at_end});
    }
    brackets_ = std::move(rest);
  }

  sql::Session& session_;
  const std::string zone_;
  const Direction direction_;
  std::vector<Bracket> brackets_;
};

}  // namespace

std::optional<Steps> zone_offsets(sql::Session& session, const std::string& zone,
                                  Direction direction) {
  static std::mutex mutex;
  static std::map<std::pair<std::string, Direction>, Steps> known;
  const std::lock_guard lock(mutex);
  const auto key = std::make_pair(zone, direction);
  const auto found = known.find(key);
  if (found != known.end()) return found->second;
  auto steps = Finder(session, zone, direction).find();
  if (steps) known.emplace(key, *steps);
  return steps;
}

}  // namespace kingpost::steps::extract_features::expression
