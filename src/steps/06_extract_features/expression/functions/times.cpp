// SPDX-License-Identifier: Apache-2.0
// Functions of dates, timestamps and intervals.
#include <array>
#include <cmath>

#include "base/text.h"
#include "steps/06_extract_features/expression/functions/calendar.h"
#include "steps/06_extract_features/expression/functions/functions.h"
#include "steps/06_extract_features/expression/functions/time_parts.h"
#include "steps/06_extract_features/expression/functions/zones.h"

namespace kingpost::steps::extract_features::expression {
namespace {

constexpr std::string_view kZoneHint = "a name of the tz database is wanted, e.g. 'Europe/Paris'";

bool want_time(Builder& builder, const Call& call, std::size_t argument) {
  const Term& term = call.args[argument];
  if (is_time(term.type)) return true;
  builder.refuse(
      span_of(call, argument),
      format("{} wants a date or timestamp but this is {}", call.name, word_of(term.type)), {});
  return false;
}

MaybeTerm moved_to_zone(Builder& builder, const Call& call, const Term& time) {
  const auto zone = constant_text(builder, call, call.name == "timezone" ? 0 : 1);
  if (!zone) return std::nullopt;
  const bool to_local = time.type.kind == Kind::kInstant;
  const auto steps =
      zone_offsets(builder.session, *zone, to_local ? Direction::kToLocal : Direction::kToUtc);
  if (!steps) {
    return builder.refuse(span_of(call, call.name == "timezone" ? 0 : 1),
                          format("there is no time zone \"{}\"", *zone), std::string(kZoneHint));
  }
  const Value value = steps->ends.empty() ? builder.plus(time.value, steps->leaves.front())
                                          : builder.op("Add", time.value,
                                                       builder.step_function(time.value, *steps));
  return builder.strict(Type{to_local ? Kind::kTimestamp : Kind::kInstant}, value, {time}, false);
}

MaybeTerm timezone_of(Builder& builder, const Call& call) {
  if (call.args.size() == 1) {
    return builder.refuse(call.span, "timezone with one argument is not supported in a feature",
                          "write timezone('Europe/Paris', t) or t AT TIME ZONE 'Europe/Paris'");
  }
  if (!want_time(builder, call, 1)) return std::nullopt;
  return moved_to_zone(builder, call, call.args[1]);
}

MaybeTerm minute_of_day_of(Builder& builder, const Call& call) {
  if (!want_time(builder, call, 0)) return std::nullopt;
  Term time = call.args[0];
  if (call.args.size() == 2) {
    if (time.type.kind != Kind::kInstant) {
      return builder.refuse(span_of(call, 0),
                            format("{} has no zone to be moved from", word_of(time.type)),
                            "write minute_of_day(t) for a time that is local already");
    }
    const auto local = moved_to_zone(builder, call, time);
    if (!local) return std::nullopt;
    time = *local;
  }
  const Value value = builder.floor_div(Calendar(builder, time.value).time_of_day(), kMinute);
  return builder.whole(Kind::kInt64, value, time, 0, 1439);
}

MaybeTerm part_of(Builder& builder, const Call& call) {
  const auto name = constant_text(builder, call, 0);
  if (!name) return std::nullopt;
  return time_part(builder, *name, span_of(call, 0), call.args[1]);
}

// year(t) and the like: the function is called as the part.
MaybeTerm named_part(Builder& builder, const Call& call) {
  return time_part(builder, call.name, call.span, call.args[0]);
}

MaybeTerm date_trunc_of(Builder& builder, const Call& call) {
  const auto name = constant_text(builder, call, 0);
  if (!name || !want_time(builder, call, 1)) return std::nullopt;
  return truncated(builder, *name, span_of(call, 0), call.args[1]);
}

// Both times of one type, behind the part's name.
std::optional<Terms> two_times(Builder& builder, const Call& call) {
  auto times = builder.unify({call.args[1], call.args[2]});
  if (!times) return std::nullopt;
  if (!is_time(times->front().type)) {
    want_time(builder, call, 1);
    return std::nullopt;
  }
  return times;
}

MaybeTerm date_diff_of(Builder& builder, const Call& call) {
  const auto name = constant_text(builder, call, 0);
  const auto times = name ? two_times(builder, call) : std::nullopt;
  if (!times) return std::nullopt;
  return boundaries_between(builder, *name, span_of(call, 0), *times);
}

MaybeTerm date_sub_of(Builder& builder, const Call& call) {
  const auto name = constant_text(builder, call, 0);
  const auto times = name ? two_times(builder, call) : std::nullopt;
  if (!times) return std::nullopt;
  return whole_units_between(builder, *name, span_of(call, 0), *times);
}

bool want_fixed(Builder& builder, const Term& interval) {
  if (interval.months == 0) return true;
  builder.refuse(
      interval.span, "an interval of months has no fixed length",
      "use days or hours, or the columns' difference in months: date_diff('month', a, b)");
  return false;
}

MaybeTerm interval_of(Builder& builder, const Call& call, double unit) {
  const Term& count = call.args[0];
  if (!is_integer(count.type)) {
    return builder.refuse(span_of(call, 0), format("{} wants an integer here", call.name),
                          "an interval is written interval '2 hours'");
  }
  Term out =
      builder.strict(Type{Kind::kInterval}, builder.times(count.value, unit), {count}, false);
  out.least = count.least * unit;
  out.most = count.most * unit;
  return builder.checked(out);
}

MaybeTerm to_weeks_of(Builder& builder, const Call& call) {
  return interval_of(builder, call, kWeek);
}
MaybeTerm to_days_of(Builder& builder, const Call& call) {
  return interval_of(builder, call, kDay);
}
MaybeTerm to_hours_of(Builder& builder, const Call& call) {
  return interval_of(builder, call, kHour);
}
MaybeTerm to_minutes_of(Builder& builder, const Call& call) {
  return interval_of(builder, call, kMinute);
}
MaybeTerm to_seconds_of(Builder& builder, const Call& call) {
  return interval_of(builder, call, kSecond);
}

Type with_interval(const Type& time) {
  return time.kind == Kind::kDate ? Type{Kind::kTimestamp} : time;
}

bool is_interval(const Term& term) {
  return term.type.kind == Kind::kInterval;
}

MaybeTerm no_such_sum(Builder& builder, const Call& call) {
  return builder.refuse(call.span,
                        format("{} {} {} has no meaning", word_of(call.args[0].type), call.name,
                               word_of(call.args[1].type)),
                        "add an interval: t + interval '2 hours'");
}

MaybeTerm shifted(Builder& builder, const Call& call, const Term& time, const Term& by,
                  bool minus) {
  const std::string_view op = minus ? "Sub" : "Add";
  if (is_interval(by)) {
    if (!want_fixed(builder, by)) return std::nullopt;
    return builder.strict(with_interval(time.type), builder.op(op, time.value, by.value),
                          {time, by}, false);
  }
  const bool fits = is_integer(by.type) && by.type.kind != Kind::kInt64;
  if (time.type.kind != Kind::kDate || !fits) return no_such_sum(builder, call);
  const Value days = builder.times(by.value, kDay);
  return builder.strict(time.type, builder.op(op, time.value, days), {time, by}, false);
}

Term summed_intervals(Builder& builder, const Term& a, const Term& b, bool minus) {
  Term out =
      builder.strict(a.type, builder.op(minus ? "Sub" : "Add", a.value, b.value), {a, b}, false);
  return builder.checked(out);
}

}  // namespace

MaybeTerm add_times(Builder& builder, const Call& call) {
  const Term& a = call.args[0];
  const Term& b = call.args.back();
  if (call.args.size() != 2) return no_such_sum(builder, call);
  if (is_interval(a) && is_interval(b)) {
    if (!want_fixed(builder, a) || !want_fixed(builder, b)) return std::nullopt;
    return summed_intervals(builder, a, b, false);
  }
  if (is_time(a.type)) return shifted(builder, call, a, b, false);
  if (is_time(b.type)) return shifted(builder, call, b, a, false);
  return no_such_sum(builder, call);
}

MaybeTerm subtract_times(Builder& builder, const Call& call) {
  const Term& a = call.args[0];
  const Term& b = call.args.back();
  if (is_interval(a) && is_interval(b)) {
    if (!want_fixed(builder, a) || !want_fixed(builder, b)) return std::nullopt;
    return summed_intervals(builder, a, b, true);
  }
  if (!is_time(a.type)) return no_such_sum(builder, call);
  if (!is_time(b.type) && b.text() == nullptr) return shifted(builder, call, a, b, true);
  const auto times = builder.unify({a, b});
  if (!times) return std::nullopt;
  if (times->front().type.kind == Kind::kInstant) {
    // The engine goes by a calendar of milliseconds here, and may be one off.
    return builder.refuse(call.span, "timestamp_utc - timestamp_utc is not supported in a feature",
                          "cast both to TIMESTAMP, which is in UTC, or use date_diff");
  }
  const Value micros = builder.op("Sub", times->at(0).value, times->at(1).value);
  if (times->front().type.kind != Kind::kDate) {
    return builder.strict(Type{Kind::kInterval}, micros, *times, false);
  }
  Term out = builder.strict(Type{Kind::kInt64}, builder.op("Div", micros, builder.number(kDay)),
                            *times, false);
  out.least = -1e10;
  out.most = 1e10;
  return out;
}

MaybeTerm multiply_interval(Builder& builder, const Call& call) {
  const bool first = is_interval(call.args[0]);
  const Term& interval = call.args[first ? 0 : 1];
  const Term& count = call.args[first ? 1 : 0];
  if (!is_interval(interval) || !is_integer(count.type)) {
    return builder.refuse(call.span,
                          format("{} * {} is not supported in a feature",
                                 word_of(call.args[0].type), word_of(call.args[1].type)),
                          "an interval is multiplied by an integer");
  }
  if (!want_fixed(builder, interval)) return std::nullopt;
  Term out = builder.strict(interval.type, builder.op("Mul", interval.value, count.value),
                            {interval, count}, false);
  return builder.checked(out);
}

std::vector<Function> time_functions() {
  constexpr std::string_view kAny = "null when an argument is null";
  constexpr std::string_view kPart = "part of a date, timestamp or timestamp_utc (in UTC)";
  std::vector<Function> out = {{"date_part datepart", "extract(part FROM t), date_part('part', t)",
                                "int64; epoch: float64", kAny,
                                "a part as below, also of epoch of an interval", 2, 2, part_of}};
  for (const auto& [names, usage] : part_functions()) {
    out.push_back(
        {names, usage, names == "epoch" ? "float64" : "int64", kAny, kPart, 1, 1, named_part});
  }
  const std::vector<Function> rest = {
      {"date_trunc datetrunc", "date_trunc('part', t)", "timestamp, or timestamp_utc of one", kAny,
       "start of the second, minute, hour, day, week, month, quarter or year", 2, 2, date_trunc_of},
      {"date_diff datediff", "date_diff('part', a, b)", "int64", kAny,
       "boundaries crossed from a to b: year to microsecond, no weeks", 3, 3, date_diff_of},
      {"date_sub datesub", "date_sub('part', a, b)", "int64", kAny,
       "whole units from a to b: week, day, hour, minute, second; of timestamp_utc the last two", 3,
       3, date_sub_of},
      {"timezone", "t AT TIME ZONE 'zone', timezone('zone', t)",
       "timestamp of a timestamp_utc, and back", kAny,
       "local time in a named zone, daylight saving included; the zone is a constant", 1, 2,
       timezone_of},
      {"minute_of_day", "minute_of_day(t), minute_of_day(t, 'zone')", "int64", kAny,
       "minutes since local midnight, 0 to 1439; a zone for a timestamp_utc", 1, 2,
       minute_of_day_of},
      {"to_weeks", "to_weeks(n)", "interval", kAny, "n is an integer", 1, 1, to_weeks_of},
      {"to_days", "to_days(n), interval (n) day", "interval", kAny, "n is an integer", 1, 1,
       to_days_of},
      {"to_hours", "to_hours(n), interval (n) hour", "interval", kAny, "n is an integer", 1, 1,
       to_hours_of},
      {"to_minutes", "to_minutes(n), interval (n) minute", "interval", kAny, "n is an integer", 1,
       1, to_minutes_of},
      {"to_seconds", "to_seconds(n)", "interval", kAny, "n is an integer", 1, 1, to_seconds_of},
  };
  out.insert(out.end(), rest.begin(), rest.end());
  return out;
}

}  // namespace kingpost::steps::extract_features::expression
