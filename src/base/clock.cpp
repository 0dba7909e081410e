// SPDX-License-Identifier: Apache-2.0
// Time: the wall clock, timestamps and durations of the pipeline file.
#include "base/clock.h"

#include <array>
#include <chrono>
#include <cstdlib>

#include "base/format.h"
#include "base/text.h"

namespace kingpost {
namespace {

constexpr Micros kSecond = 1'000'000;

struct Unit {
  std::string_view word;
  Micros size;
};
constexpr std::array<Unit, 7> kUnits = {{{"w", 7 * 86'400 * kSecond},
                                         {"d", 86'400 * kSecond},
                                         {"h", 3'600 * kSecond},
                                         {"m", 60 * kSecond},
                                         {"s", kSecond},
                                         {"ms", 1'000},
                                         {"us", 1}}};

// Reads digits and separators from left to right; `ok` turns false at the first surprise.
struct Reader {
  std::string_view text;
  bool ok = true;

  int digits(std::size_t count) {
    if (text.size() < count) return refuse();
    int value = 0;
    for (std::size_t i = 0; i < count; ++i) {
      if (text[i] < '0' || text[i] > '9') return refuse();
      value = value * 10 + (text[i] - '0');
    }
    text.remove_prefix(count);
    return value;
  }
  bool accept(char c) {
    if (text.empty() || text.front() != c) return false;
    text.remove_prefix(1);
    return true;
  }
  void expect(char c) {
    if (!accept(c)) refuse();
  }
  int refuse() {
    ok = false;
    return 0;
  }
};

Micros fraction(Reader& reader) {
  Micros value = 0;
  Micros place = 100'000;
  bool any = false;
  while (!reader.text.empty() && reader.text.front() >= '0' && reader.text.front() <= '9') {
    value += place * (reader.text.front() - '0');
    place /= 10;
    any = true;
    reader.text.remove_prefix(1);
  }
  if (!any) reader.refuse();
  return value;
}

Micros zone_offset(Reader& reader, bool* zoned) {
  if (reader.text.empty()) return 0;
  if (zoned != nullptr) *zoned = true;
  if (reader.accept('Z')) return 0;
  const bool minus = reader.accept('-');
  if (!minus) reader.expect('+');
  const int hours = reader.digits(2);
  reader.accept(':');
  const int minutes = reader.text.empty() ? 0 : reader.digits(2);
  if (hours > 15 || minutes > 59) reader.refuse();
  const Micros size = (hours * 3'600 + minutes * 60) * kSecond;
  return minus ? -size : size;
}

}  // namespace

Micros wall_clock() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::microseconds>(now).count();
}

Micros monotonic_micros() {
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::microseconds>(now).count();
}

double monotonic_seconds() {
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  return std::chrono::duration<double>(now).count();
}

std::optional<Micros> parse_timestamp(std::string_view text, bool* zoned) {
  using std::chrono::day;
  using std::chrono::month;
  using std::chrono::sys_days;
  using std::chrono::year;
  if (zoned != nullptr) *zoned = false;
  Reader reader{text};
  const int years = reader.digits(4);
  reader.expect('-');
  const int months = reader.digits(2);
  reader.expect('-');
  const int days = reader.digits(2);
  const std::chrono::year_month_day date{year{years}, month{static_cast<unsigned>(months)},
                                         day{static_cast<unsigned>(days)}};
  if (!reader.ok || !date.ok()) return std::nullopt;
  const Micros midnight = sys_days{date}.time_since_epoch().count() * 86'400 * kSecond;
  if (reader.text.empty()) return midnight;
  if (!reader.accept('T')) reader.expect(' ');
  const int hours = reader.digits(2);
  reader.expect(':');
  const int minutes = reader.digits(2);
  const int seconds = reader.accept(':') ? reader.digits(2) : 0;
  const Micros part = reader.accept('.') ? fraction(reader) : 0;
  const Micros offset = zone_offset(reader, zoned);
  if (!reader.ok || !reader.text.empty() || hours > 23 || minutes > 59 || seconds > 59) {
    return std::nullopt;
  }
  return midnight + (hours * 3'600 + minutes * 60 + seconds) * kSecond + part - offset;
}

std::string second_text(Micros time) {
  return timestamp_text(time / kSecond * kSecond);
}

std::string timestamp_text(Micros time) {
  const std::chrono::sys_time<std::chrono::microseconds> point{std::chrono::microseconds{time}};
  const auto days = std::chrono::floor<std::chrono::days>(point);
  const std::chrono::year_month_day date{days};
  const Micros rest = (point - days).count();
  std::string out =
      format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}", static_cast<int>(date.year()),
             static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
             rest / (3'600 * kSecond), rest / (60 * kSecond) % 60, rest / kSecond % 60);
  if (rest % kSecond != 0) out += format(".{:06}", rest % kSecond);
  return out + "Z";
}

std::optional<Micros> parse_duration(std::string_view text) {
  if (text == "0") return 0;
  const std::size_t unit_at = text.find_first_not_of("+-0123456789");
  if (unit_at == std::string_view::npos || unit_at == 0) return std::nullopt;
  std::string_view number = text.substr(0, unit_at);
  if (number.front() == '+') {
    number.remove_prefix(1);
    if (starts_with(number, "-")) return std::nullopt;
  }
  const auto count = parse_integer(number);
  if (!count) return std::nullopt;
  for (const Unit& unit : kUnits) {
    if (unit.word != text.substr(unit_at)) continue;
    Micros value = 0;
    if (__builtin_mul_overflow(*count, unit.size, &value)) return std::nullopt;
    return value;
  }
  return std::nullopt;
}

std::string duration_text(Micros duration) {
  if (duration == 0) return "0";
  for (const Unit& unit : kUnits) {
    if (unit.word != "w" && duration % unit.size == 0) {
      return format("{}{}", duration / unit.size, unit.word);
    }
  }
  return format("{}us", duration);
}

std::string elapsed_text(double seconds) {
  if (seconds < 0.9995) return format("{:.0f} ms", seconds * 1'000);
  if (seconds < 60) return format("{:.1f} s", seconds);
  const auto whole = static_cast<std::int64_t>(seconds);
  return format("{} m {:02} s", whole / 60, whole % 60);
}

}  // namespace kingpost
