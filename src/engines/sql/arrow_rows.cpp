// SPDX-License-Identifier: Apache-2.0
// Cells out of Arrow C data arrays.
#include "engines/sql/arrow_rows.h"

#include <arrow-adbc/adbc.h>

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "base/clock.h"
#include "base/text.h"

namespace kingpost::sql {
namespace {

__extension__ using Int128 = __int128;
__extension__ using Uint128 = unsigned __int128;

template <typename T>
T element(const ArrowArray& array, int buffer, std::int64_t index) {
  T value;
  const auto* base = static_cast<const char*>(array.buffers[buffer]);
  std::memcpy(&value, base + static_cast<std::size_t>(index) * sizeof(T), sizeof(T));
  return value;
}

bool bit(const void* bits, std::int64_t index) {
  const auto* bytes = static_cast<const unsigned char*>(bits);
  return ((bytes[index / 8] >> static_cast<unsigned>(index % 8)) & 1U) != 0;
}

bool is_null(const ArrowArray& array, std::int64_t index) {
  return array.buffers[0] != nullptr && !bit(array.buffers[0], index);
}

template <typename Offset>
Json text_cell(const ArrowArray& array, std::int64_t index) {
  const auto from = element<Offset>(array, 1, index);
  const auto to = element<Offset>(array, 1, index + 1);
  const auto* base = static_cast<const char*>(array.buffers[2]);
  return Json(std::string(base + from, static_cast<std::size_t>(to - from)));
}

Json decimal_cell(const ArrowArray& array, std::int64_t index, int scale) {
  auto value = element<Int128>(array, 1, index);
  // count_if and sums of integers come as HUGEINT, which is decimal without a fraction.
  if (scale == 0 && value >= INT64_MIN && value <= INT64_MAX) {
    return Json(static_cast<std::int64_t>(value));
  }
  const bool minus = value < 0;
  auto rest = minus ? -static_cast<Uint128>(value) : static_cast<Uint128>(value);
  std::string digits;
  do {
    digits.push_back(static_cast<char>('0' + static_cast<int>(rest % 10)));
    rest /= 10;
  } while (rest != 0 || static_cast<int>(digits.size()) <= scale);
  std::reverse(digits.begin(), digits.end());
  if (scale > 0) digits.insert(digits.size() - static_cast<std::size_t>(scale), ".");
  return Json(minus ? "-" + digits : digits);
}

Json timestamp_cell(const ArrowArray& array, std::int64_t index, char unit, bool zoned) {
  auto value = element<std::int64_t>(array, 1, index);
  if (unit == 's') value *= 1'000'000;
  if (unit == 'm') value *= 1'000;
  if (unit == 'n') value /= 1'000;
  std::string text = timestamp_text(value);
  if (!zoned) text.pop_back();
  return Json(std::move(text));
}

Json unsigned_cell(std::uint64_t value) {
  if (value > static_cast<std::uint64_t>(INT64_MAX)) return Json(format("{}", value));
  return Json(static_cast<std::int64_t>(value));
}

Result<Json> cell(const char* type, const ArrowArray& array, std::int64_t index) {
  if (type[0] == 'n' || is_null(array, index)) return Json();
  switch (type[0]) {
    case 'b':
      return Json(bit(array.buffers[1], index));
    case 'c':
      return Json(std::int64_t{element<std::int8_t>(array, 1, index)});
    case 'C':
      return Json(std::int64_t{element<std::uint8_t>(array, 1, index)});
    case 's':
      return Json(std::int64_t{element<std::int16_t>(array, 1, index)});
    case 'S':
      return Json(std::int64_t{element<std::uint16_t>(array, 1, index)});
    case 'i':
      return Json(std::int64_t{element<std::int32_t>(array, 1, index)});
    case 'I':
      return Json(std::int64_t{element<std::uint32_t>(array, 1, index)});
    case 'l':
      return Json(element<std::int64_t>(array, 1, index));
    case 'L':
      return unsigned_cell(element<std::uint64_t>(array, 1, index));
    case 'f':
      return Json(static_cast<double>(element<float>(array, 1, index)));
    case 'g':
      return Json(element<double>(array, 1, index));
    case 'u':
      return text_cell<std::int32_t>(array, index);
    case 'U':
      return text_cell<std::int64_t>(array, index);
    case 'd': {
      const auto parts = split(std::string_view(type).substr(2), ',');
      const auto scale = parts.size() > 1 ? parse_integer(parts[1]).value_or(0) : 0;
      return decimal_cell(array, index, static_cast<int>(scale));
    }
    case 't': {
      if (std::strncmp(type, "tdD", 3) == 0) {
        const std::int64_t days = element<std::int32_t>(array, 1, index);
        return Json(timestamp_text(days * 86'400'000'000).substr(0, 10));
      }
      if (std::strncmp(type, "ttu", 3) == 0) {
        return Json(timestamp_text(element<std::int64_t>(array, 1, index)).substr(11, 8));
      }
      if (type[1] == 's') return timestamp_cell(array, index, type[2], std::strlen(type) > 4);
      break;
    }
    default:
      break;
  }
  return fail(Code::kInternal, "engine.type_unsupported", "cannot read a column of Arrow type {}",
              type);
}

}  // namespace

Status append_rows(const ArrowSchema& schema, const ArrowArray& array, Rows& out) {
  const auto first = out.rows.size();
  out.rows.resize(first + static_cast<std::size_t>(array.length));
  for (std::int64_t c = 0; c < schema.n_children; ++c) {
    const ArrowArray& column = *array.children[c];
    const char* type = schema.children[c]->format;
    for (std::int64_t r = 0; r < array.length; ++r) {
      TRY(Json value, cell(type, column, r + array.offset + column.offset));
      out.rows[first + static_cast<std::size_t>(r)].push_back(std::move(value));
    }
  }
  return {};
}

}  // namespace kingpost::sql
