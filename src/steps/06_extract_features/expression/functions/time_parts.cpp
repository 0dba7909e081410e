// SPDX-License-Identifier: Apache-2.0
// Parts of a time by name.
#include "steps/06_extract_features/expression/functions/time_parts.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "base/text.h"
#include "steps/06_extract_features/expression/functions/calendar.h"

namespace kingpost::steps::extract_features::expression {
namespace {

using Maker = Value (*)(Builder&, const Calendar&);

struct Part {
  /// Synonyms with blanks between.
  std::string_view names;
  double least;
  double most;
  Maker make;
};

Value minute_of_day(Builder& b, const Calendar& c) {
  return b.floor_div(c.time_of_day(), kMinute);
}

Value micros_of_minute(Builder& b, const Calendar& c) {
  return b.op("Sub", c.time_of_day(), b.times(minute_of_day(b, c), kMinute));
}

Value minute(Builder& b, const Calendar& c) {
  const Value minutes = minute_of_day(b, c);
  return b.op("Sub", minutes, b.times(b.floor_div(minutes, 60), 60));
}

Value sunday_first(Builder& b, const Calendar& c) {
  // 1970-01-01 was a Thursday.
  const Value since = b.plus(c.day(), 4);
  return b.op("Sub", since, b.times(b.floor_div(since, 7), 7));
}

constexpr double kMostYears = 1e6;
constexpr std::array<Part, 15> kParts = {{
    {"year years y yr", -kMostYears, kMostYears,
     [](Builder&, const Calendar& c) { return c.year(); }},
    {"quarter quarters", 1, 4, [](Builder&, const Calendar& c) { return c.quarter(); }},
    {"month months mon", 1, 12, [](Builder&, const Calendar& c) { return c.month(); }},
    {"day days d dayofmonth", 1, 31, [](Builder&, const Calendar& c) { return c.day_of_month(); }},
    {"hour hours h hr", 0, 23,
     [](Builder& b, const Calendar& c) { return b.floor_div(c.time_of_day(), kHour); }},
    {"minute minutes m min", 0, 59, minute},
    {"second seconds s sec", 0, 59,
     [](Builder& b, const Calendar& c) { return b.floor_div(micros_of_minute(b, c), kSecond); }},
    {"millisecond milliseconds ms", 0, 59'999,
     [](Builder& b, const Calendar& c) {
       return b.floor_div(micros_of_minute(b, c), kMillisecond);
     }},
    {"microsecond microseconds us", 0, 59'999'999, micros_of_minute},
    {"dayofweek dow weekday", 0, 6, sunday_first},
    {"isodow", 1, 7,
     [](Builder& b, const Calendar& c) { return b.plus(c.days_since_monday(), 1); }},
    {"dayofyear doy", 1, 366, [](Builder&, const Calendar& c) { return c.day_of_year(); }},
    {"week weekofyear", 1, 53, [](Builder&, const Calendar& c) { return c.iso_week(); }},
    {"isoyear", -kMostYears, kMostYears, [](Builder&, const Calendar& c) { return c.iso_year(); }},
    {"epoch", 0, 0, nullptr},
}};

bool is_among(std::string_view names, std::string_view name) {
  const auto all = split(names, ' ');
  return std::find(all.begin(), all.end(), name) != all.end();
}

std::string_view main_name(std::string_view names) {
  return names.substr(0, names.find(' '));
}

// The part's main name; empty when there is no such part.
std::string_view part_named(const std::string& name) {
  for (const Part& each : kParts) {
    if (is_among(each.names, lower(name))) return main_name(each.names);
  }
  return {};
}

std::string part_list() {
  std::vector<std::string> names;
  for (const Part& each : kParts) names.emplace_back(main_name(each.names));
  return join(names, ", ");
}

// Micros of a unit of fixed length; 0 for others.
double unit_of(std::string_view part) {
  constexpr std::array<std::pair<std::string_view, double>, 6> kUnits = {
      {{"day", kDay},
       {"hour", kHour},
       {"minute", kMinute},
       {"second", kSecond},
       {"millisecond", kMillisecond},
       {"microsecond", 1}}};
  for (const auto& [name, unit] : kUnits) {
    if (name == part) return unit;
  }
  return 0;
}

MaybeTerm no_such_part(Builder& builder, const std::string& name, const Span& span,
                       std::string_view doing, std::string hint) {
  return builder.refuse(span, format("{} by \"{}\" is not supported in a feature", doing, name),
                        std::move(hint));
}

// The engine counts the whole milliseconds of an instant, and the whole days of an interval, by
// themselves, and so rounds twice.
Value epoch_of(Builder& builder, const Term& time) {
  const Value second = builder.number(kSecond);
  if (time.type.kind == Kind::kDate || time.type.kind == Kind::kTimestamp) {
    return builder.op("Div", time.value, second);
  }
  if (time.type.kind == Kind::kInterval) {
    const Value rest = builder.graph.node("Mod", {time.value, builder.number(kDay)},
                                          TensorType::kDouble, {{"fmod", std::int64_t{1}}});
    const Value days = builder.op("Div", builder.op("Sub", time.value, rest), second);
    return builder.op("Add", days, builder.op("Div", rest, second));
  }
  const Value millis = builder.floor_div(time.value, kMillisecond);
  const Value rest = builder.op("Sub", time.value, builder.times(millis, kMillisecond));
  return builder.op("Add", builder.op("Div", millis, builder.number(1e3)),
                    builder.op("Div", rest, second));
}

// Years, quarters or months since year 0; nothing for other parts.
std::optional<Value> count_of(Builder& builder, std::string_view part, const Value& micros) {
  const Calendar calendar(builder, micros);
  if (part == "year") return calendar.year();
  if (part == "month") return calendar.months();
  if (part != "quarter") return std::nullopt;
  const Value of_years = builder.times(calendar.year(), 4);
  return builder.op("Add", of_years, calendar.quarter());
}

}  // namespace

const std::vector<std::pair<std::string_view, std::string_view>>& part_functions() {
  static const std::vector<std::pair<std::string_view, std::string_view>> list = {
      {"year", "year(t)"},
      {"quarter", "quarter(t)"},
      {"month", "month(t)"},
      {"day dayofmonth", "day(t)"},
      {"hour", "hour(t)"},
      {"minute", "minute(t)"},
      {"second", "second(t)"},
      {"millisecond", "millisecond(t), seconds included"},
      {"microsecond", "microsecond(t), seconds included"},
      {"dayofweek weekday", "dayofweek(t), 0 is Sunday"},
      {"isodow", "isodow(t), 1 is Monday and 7 Sunday"},
      {"dayofyear", "dayofyear(t)"},
      {"week weekofyear", "week(t), of ISO 8601"},
      {"isoyear", "isoyear(t)"},
      {"epoch", "epoch(t), epoch(interval)"}};
  return list;
}

MaybeTerm time_part(Builder& builder, const std::string& name, const Span& span, const Term& time) {
  const std::string_view wanted = part_named(name);
  if (wanted.empty()) return no_such_part(builder, name, span, "a part", "parts: " + part_list());
  const bool is_epoch = wanted == "epoch";
  const bool is_interval = time.type.kind == Kind::kInterval && time.months == 0;
  if (!is_time(time.type) && !(is_epoch && is_interval)) {
    return builder.refuse(
        time.span, format("{} wants a date or timestamp but this is {}", name, word_of(time.type)),
        is_interval ? "epoch gives the seconds of an interval" : "");
  }
  if (is_epoch) {
    return builder.strict(Type{Kind::kDouble}, epoch_of(builder, time), {time}, false);
  }
  const Calendar calendar(builder, time.value);
  for (const Part& each : kParts) {
    if (main_name(each.names) != wanted) continue;
    return builder.whole(Kind::kInt64, each.make(builder, calendar), time, each.least, each.most);
  }
  return std::nullopt;
}

MaybeTerm truncated(Builder& builder, const std::string& name, const Span& span, const Term& time) {
  const std::string_view part = part_named(name);
  const Calendar calendar(builder, time.value);
  std::optional<Value> days;
  if (part == "week") days = builder.op("Sub", calendar.day(), calendar.days_since_monday());
  if (part == "month") days = calendar.first_of_month();
  if (part == "quarter") days = calendar.first_of_quarter();
  if (part == "year") days = calendar.first_of_year();
  const double unit = unit_of(part);
  if (!days && unit == 0) {
    return no_such_part(builder, name, span, "truncation",
                        "use year, quarter, month, week, day, hour, minute or second");
  }
  const Type type = time.type.kind == Kind::kDate ? Type{Kind::kTimestamp} : time.type;
  const Value value =
      days ? builder.times(*days, kDay) : builder.times(builder.floor_div(time.value, unit), unit);
  return builder.strict(type, value, {time}, false);
}

MaybeTerm boundaries_between(Builder& builder, const std::string& name, const Span& span,
                             const Terms& times) {
  const std::string_view part = part_named(name);
  const double unit = unit_of(part);
  const auto count = [&](const Term& time) -> std::optional<Value> {
    if (unit == 1) return time.value;
    if (unit > 0) return builder.floor_div(time.value, unit);
    return count_of(builder, part, time.value);
  };
  const auto from = count(times[0]);
  const auto to = count(times[1]);
  if (!from || !to) {
    return no_such_part(builder, name, span, "date_diff",
                        part == "week" ? "write date_sub('week', a, b), or divide the days by 7"
                                       : "use year, quarter, month, day, hour, minute or second");
  }
  Term out = builder.strict(Type{Kind::kInt64}, builder.op("Sub", *to, *from), times, false);
  out.least = -2 * kExactLimit / std::max(unit, 1.0);
  out.most = -out.least;
  return builder.checked(out);
}

MaybeTerm whole_units_between(Builder& builder, const std::string& name, const Span& span,
                              const Terms& times) {
  const std::string_view part = part_named(name);
  const double unit = part == "week" ? kWeek : unit_of(part);
  if (unit == 0) {
    return no_such_part(builder, name, span, "date_sub",
                        "use week, day, hour, minute or second; date_diff has months and years");
  }
  if (times[0].type.kind == Kind::kInstant && unit >= kHour) {
    // The engine goes by a calendar of milliseconds here, and is one off within the last of them.
    return no_such_part(builder, name, span, "date_sub of timestamp_utc",
                        "cast both to TIMESTAMP, which is in UTC");
  }
  const Value between = builder.op("Sub", times[1].value, times[0].value);
  const Value units = unit == 1 ? between : builder.op("Div", between, builder.number(unit));
  const Value below = builder.test("Less", units, builder.number(0));
  const Value value = builder.where(below, builder.op("Ceil", units), builder.op("Floor", units));
  Term out = builder.strict(Type{Kind::kInt64}, value, times, false);
  out.least = -2 * kExactLimit / unit;
  out.most = -out.least;
  out.signed_zero = true;
  return builder.checked(out);
}

}  // namespace kingpost::steps::extract_features::expression
