// SPDX-License-Identifier: Apache-2.0
// The calendar as search trees over an era of 400 years.
#include "steps/06_extract_features/expression/functions/calendar.h"

#include <array>
#include <chrono>

namespace kingpost::steps::extract_features::expression {
namespace {

constexpr int kEraYears = 400;
constexpr double kEraDays = 146097;
constexpr int kEraStart = 2000;
constexpr int kMonths = 12;
constexpr double kLeapOffset = 366;
constexpr std::array<int, kMonths> kMonthDays = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

bool is_leap(int year) {
  return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

// A step per year of the era, over days since its start; `leaf` sees the year and its first day.
template <typename Leaf>
Steps per_year(const Leaf& leaf) {
  Steps out;
  double first = 0;
  for (int year = kEraStart; year < kEraStart + kEraYears; ++year) {
    out.leaves.push_back(leaf(year, first));
    first += is_leap(year) ? 366 : 365;
    out.ends.push_back(first - 1);
  }
  out.ends.pop_back();
  return out;
}

// A step per month over the day's code (see day_code), 24 of them.
Steps per_month(const std::vector<double>& common, const std::vector<double>& leap) {
  Steps out;
  for (int i = 0; i < 2 * kMonths; ++i) {
    const bool in_leap = i >= kMonths;
    const auto month = static_cast<std::size_t>(i % kMonths);
    const double before = out.ends.empty() ? -1 : out.ends.back();
    const double from = in_leap && month == 0 ? kLeapOffset - 1 : before;
    out.leaves.push_back(in_leap ? leap[month] : common[month]);
    out.ends.push_back(from + kMonthDays[month] + (in_leap && month == 1 ? 1 : 0));
  }
  out.ends.pop_back();
  return out;
}

// The day in the year, from 0, at which each month (or its quarter) begins.
std::vector<double> firsts(bool leap, int months) {
  std::vector<double> out;
  double first = 0;
  double at = 0;
  for (int i = 0; i < kMonths; ++i) {
    if (i % months == 0) first = at;
    out.push_back(first);
    at += kMonthDays[static_cast<std::size_t>(i)] + (leap && i == 1 ? 1 : 0);
  }
  return out;
}

}  // namespace

double days_from_civil(int year, int month, int day) {
  using namespace std::chrono;
  const auto date = std::chrono::year(year) / month / day;
  return static_cast<double>(sys_days(date).time_since_epoch().count());
}

Value Calendar::kept_null(const Value& value) const {
  return builder_.where(builder_.test("IsNaN", micros_), micros_, value);
}

Value Calendar::day() const {
  return builder_.floor_div(micros_, kDay);
}

Value Calendar::time_of_day() const {
  return builder_.op("Sub", micros_, builder_.times(day(), kDay));
}

Value Calendar::day_of_era(const Value& day) const {
  static const double start = days_from_civil(kEraStart, 1, 1);
  const Value since = builder_.plus(day, -start);
  const Value era = builder_.floor_div(since, kEraDays);
  return builder_.op("Sub", since, builder_.times(era, kEraDays));
}

Value Calendar::year_of(const Value& day) const {
  static const double start = days_from_civil(kEraStart, 1, 1);
  const Value era = builder_.floor_div(builder_.plus(day, -start), kEraDays);
  const Value in_era = builder_.step_function(
      day_of_era(day), per_year([](int year, double) { return static_cast<double>(year); }));
  return builder_.op("Add", in_era, builder_.times(era, kEraYears));
}

Value Calendar::day_in_year(const Value& day) const {
  const Value of_era = day_of_era(day);
  const Value first =
      builder_.step_function(of_era, per_year([](int, double from) { return from; }));
  return builder_.op("Sub", of_era, first);
}

Value Calendar::day_code() const {
  const Value of_era = day_of_era(day());
  const Value first = builder_.step_function(of_era, per_year([](int year, double from) {
                                               return is_leap(year) ? from - kLeapOffset : from;
                                             }));
  return builder_.op("Sub", of_era, first);
}

Value Calendar::by_month(const std::vector<double>& of_months) const {
  return kept_null(builder_.step_function(day_code(), per_month(of_months, of_months)));
}

Value Calendar::year() const {
  return year_of(day());
}

Value Calendar::month() const {
  return by_month({1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12});
}

Value Calendar::quarter() const {
  return by_month({1, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4, 4});
}

Value Calendar::day_of_year() const {
  return builder_.plus(day_in_year(day()), 1);
}

Value Calendar::day_of_month() const {
  std::vector<double> common = firsts(false, 1);
  std::vector<double> leap = firsts(true, 1);
  for (double& each : common) each -= 1;
  for (double& each : leap) each += kLeapOffset - 1;
  const Value code = day_code();
  return builder_.op("Sub", code, builder_.step_function(code, per_month(common, leap)));
}

Value Calendar::first_of_year() const {
  return builder_.op("Sub", day(), day_in_year(day()));
}

Value Calendar::first_of_month() const {
  return builder_.plus(builder_.op("Sub", day(), day_of_month()), 1);
}

Value Calendar::first_of_quarter() const {
  std::vector<double> leap = firsts(true, 3);
  for (double& each : leap) each += kLeapOffset;
  const Value code = day_code();
  const Value first = builder_.step_function(code, per_month(firsts(false, 3), leap));
  return builder_.op("Sub", day(), builder_.op("Sub", code, first));
}

Value Calendar::months() const {
  const Value of_years = builder_.times(year(), kMonths);
  return builder_.plus(builder_.op("Add", of_years, month()), -1);
}

Value Calendar::days_since_monday() const {
  // 1970-01-01 was a Thursday.
  const Value since = builder_.plus(day(), 3);
  return builder_.op("Sub", since, builder_.times(builder_.floor_div(since, 7), 7));
}

// A week belongs to the year of its Thursday.
Value Calendar::iso_week() const {
  const Value thursday = builder_.plus(builder_.op("Sub", day(), days_since_monday()), 3);
  return builder_.plus(builder_.floor_div(day_in_year(thursday), 7), 1);
}

Value Calendar::iso_year() const {
  return year_of(builder_.plus(builder_.op("Sub", day(), days_since_monday()), 3));
}

}  // namespace kingpost::steps::extract_features::expression
