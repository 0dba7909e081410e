// SPDX-License-Identifier: Apache-2.0
#include "steps/cell_reader.h"

#include <algorithm>
#include <charconv>
#include <limits>

#include "base/clock.h"
#include "base/text.h"
#include "records/schema.h"

namespace kingpost::steps {
namespace {

constexpr std::int64_t kExact = std::int64_t{1} << 53;

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

}  // namespace

CellReader::CellReader(std::string_view type) : type_(type) {
  if (records::is_integer(type)) {
    kind_ = Kind::kInteger;
    most_ = kExact;
    if (type == "int8") most_ = std::numeric_limits<std::int8_t>::max();
    if (type == "int16") most_ = std::numeric_limits<std::int16_t>::max();
    if (type == "int32") most_ = std::numeric_limits<std::int32_t>::max();
  }
  if (type == "float64") kind_ = Kind::kNumber;
  if (type == "float32") kind_ = Kind::kSingle;
  if (type == "decimal") kind_ = Kind::kDecimal;
  if (type == "boolean") kind_ = Kind::kBoolean;
  if (type == "date") kind_ = Kind::kDate;
  if (starts_with(type, "timestamp")) kind_ = Kind::kTimestamp;
}

bool CellReader::read(std::string_view text, double& out) const {
  switch (kind_) {
    case Kind::kInteger:
      return read_integer(text, out);
    case Kind::kNumber:
    case Kind::kSingle:
    case Kind::kDecimal:
      return read_number(text, out);
    case Kind::kBoolean:
      if (text != "true" && text != "false") return false;
      out = text == "true" ? 1 : 0;
      return true;
    case Kind::kDate:
    case Kind::kTimestamp:
      return read_time(text, out);
    case Kind::kOther:
      return false;
  }
  return false;
}

bool CellReader::read_integer(std::string_view text, double& out) const {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return false;
  // The least value of a type is left to the engine.
  if (value > most_ || value < -most_) return false;
  out = static_cast<double>(value);
  return true;
}

bool CellReader::read_number(std::string_view text, double& out) const {
  const std::size_t first = text[0] == '-' ? 1 : 0;
  // "inf" and "nan" are values, but not plain; so is a number without digits before the point.
  if (text.size() <= first || !is_digit(text[first])) return false;
  // A point wants a digit behind it.
  const std::size_t dot = text.find('.');
  if (dot != std::string_view::npos && (dot + 1 == text.size() || !is_digit(text[dot + 1]))) {
    return false;
  }
  const char* last = text.data() + text.size();
  if (kind_ == Kind::kSingle) {
    float value = 0;
    const auto [end, error] = std::from_chars(text.data(), last, value);
    out = static_cast<double>(value);
    return error == std::errc() && end == last;
  }
  if (kind_ == Kind::kDecimal) {
    // Within these a decimal of the engine and its nearest float64 are what is read here.
    const std::size_t decimals = dot == std::string_view::npos ? 0 : text.size() - dot - 1;
    if (text.size() > 15 || decimals > 6) return false;
    if (text.find_first_of("eE") != std::string_view::npos) return false;
  }
  const auto [end, error] = std::from_chars(text.data(), last, out);
  return error == std::errc() && end == last;
}

bool CellReader::read_time(std::string_view text, double& out) const {
  constexpr std::size_t kDay = 10;
  if (kind_ == Kind::kDate && text.size() != kDay) return false;
  // The engine takes six decimals of a second.
  const std::size_t point = text.find('.');
  if (point != std::string_view::npos) {
    const std::size_t end = text.find_first_not_of("0123456789", point + 1);
    if (std::min(end, text.size()) - point > 7) return false;
  }
  bool zoned = false;
  const auto time = parse_timestamp(text, &zoned);
  if (!time || (zoned && type_ != "timestamp_utc")) return false;
  out = static_cast<double>(*time);
  return static_cast<Micros>(out) == *time;
}

}  // namespace kingpost::steps
