// SPDX-License-Identifier: Apache-2.0
// The proleptic Gregorian calendar as nodes of a graph. The 400 years from 2000-01-01 on, which
// repeat for ever, are search trees, so that each part of a date costs few nodes.
#pragma once

#include "steps/06_extract_features/expression/builder.h"

namespace kingpost::steps::extract_features::expression {

constexpr double kMillisecond = 1e3;
constexpr double kSecond = 1e6;
constexpr double kMinute = 60 * kSecond;
constexpr double kHour = 60 * kMinute;
constexpr double kDay = 24 * kHour;
constexpr double kWeek = 7 * kDay;

/// Parts of a time in microseconds since 1970, where NaN gives NaN.
class Calendar {
 public:
  Calendar(Builder& builder, Value micros) : builder_(builder), micros_(std::move(micros)) {}

  /// Whole days since 1970-01-01, and microseconds since midnight.
  Value day() const;
  Value time_of_day() const;
  Value year() const;
  Value quarter() const;
  Value month() const;
  Value day_of_month() const;
  /// From 1.
  Value day_of_year() const;
  /// Days since Monday, 0 to 6.
  Value days_since_monday() const;
  Value iso_week() const;
  Value iso_year() const;
  /// Whole days since 1970-01-01 of the first day of the year, quarter or month.
  Value first_of_year() const;
  Value first_of_quarter() const;
  Value first_of_month() const;
  /// Months since year 0.
  Value months() const;

 private:
  Value day_of_era(const Value& day) const;
  Value year_of(const Value& day) const;
  /// From 0; and the same with 366 more in leap years.
  Value day_in_year(const Value& day) const;
  Value day_code() const;
  Value by_month(const std::vector<double>& of_months) const;
  /// NaN where the time is: a search tree takes NaN for a number.
  Value kept_null(const Value& value) const;

  Builder& builder_;
  Value micros_;
};

/// Days since 1970-01-01 of a date of the Gregorian calendar.
double days_from_civil(int year, int month, int day);

}  // namespace kingpost::steps::extract_features::expression
