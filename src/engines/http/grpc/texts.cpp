// SPDX-License-Identifier: Apache-2.0
// What gRPC writes as text: fields of a call, timeouts, messages and names of statuses.
#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "base/format.h"
#include "engines/http/grpc/session.h"

namespace kingpost::grpc {

std::string_view status_name(StatusCode code) {
  constexpr std::array<std::string_view, 17> kNames = {"OK",
                                                       "CANCELLED",
                                                       "UNKNOWN",
                                                       "INVALID_ARGUMENT",
                                                       "DEADLINE_EXCEEDED",
                                                       "NOT_FOUND",
                                                       "ALREADY_EXISTS",
                                                       "PERMISSION_DENIED",
                                                       "RESOURCE_EXHAUSTED",
                                                       "FAILED_PRECONDITION",
                                                       "ABORTED",
                                                       "OUT_OF_RANGE",
                                                       "UNIMPLEMENTED",
                                                       "INTERNAL",
                                                       "UNAVAILABLE",
                                                       "DATA_LOSS",
                                                       "UNAUTHENTICATED"};
  return kNames.at(static_cast<std::size_t>(code));
}

bool is_fault(StatusCode code) {
  switch (code) {
    case StatusCode::kUnknown:
    case StatusCode::kDeadlineExceeded:
    case StatusCode::kUnimplemented:
    case StatusCode::kInternal:
    case StatusCode::kUnavailable:
    case StatusCode::kDataLoss:
      return true;
    default:
      return false;
  }
}

std::string_view Head::find(std::string_view name) const {
  for (const auto& [key, value] : metadata) {
    if (key == name) return value;
  }
  return {};
}

std::optional<std::chrono::microseconds> timeout_of(std::string_view text) {
  // At most eight digits and a unit.
  if (text.size() < 2 || text.size() > 9) return std::nullopt;
  std::int64_t count = 0;
  const char* const last = text.data() + text.size() - 1;
  const auto [end, error] = std::from_chars(text.data(), last, count);
  if (error != std::errc() || end != last || count < 0) return std::nullopt;
  constexpr std::int64_t kSecond = 1'000'000;
  switch (*last) {
    case 'H':
      return std::chrono::microseconds(count * 3600 * kSecond);
    case 'M':
      return std::chrono::microseconds(count * 60 * kSecond);
    case 'S':
      return std::chrono::microseconds(count * kSecond);
    case 'm':
      return std::chrono::microseconds(std::max<std::int64_t>(1, count * 1000));
    case 'u':
      return std::chrono::microseconds(std::max<std::int64_t>(1, count));
    case 'n':
      return std::chrono::microseconds(std::max<std::int64_t>(1, count / 1000));
    default:
      return std::nullopt;
  }
}

std::string timeout_text(std::chrono::microseconds timeout) {
  constexpr std::int64_t kMost = 99'999'999;
  std::int64_t count = std::max<std::int64_t>(1, timeout.count());
  for (const auto& [unit, size] : {std::pair{'u', 1000}, {'m', 1000}, {'S', 60}, {'M', 60}}) {
    if (count <= kMost) return format("{}{}", count, unit);
    count = count / size + (count % size == 0 ? 0 : 1);
  }
  return format("{}H", std::min(count, kMost));
}

std::string encoded_text(std::string_view text) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte < 0x7F && c != '%') {
      out += c;
      continue;
    }
    out += '%';
    out += kDigits[byte >> 4U];
    out += kDigits[byte & 15U];
  }
  return out;
}

std::string decoded_text(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    unsigned byte = 0;
    const char* const digits = text.data() + i + 1;
    const bool is_encoded = text[i] == '%' && i + 2 < text.size() &&
                            std::from_chars(digits, digits + 2, byte, 16).ptr == digits + 2;
    out += is_encoded ? static_cast<char>(byte) : text[i];
    if (is_encoded) i += 2;
  }
  return out;
}

}  // namespace kingpost::grpc
