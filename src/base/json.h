// SPDX-License-Identifier: Apache-2.0
// A JSON value of our own: objects keep the order in which keys were set, integers stay exact.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/result.h"

namespace kingpost {

class Json {
 public:
  using Array = std::vector<Json>;
  using Object = std::vector<std::pair<std::string, Json>>;

  Json() = default;
  Json(std::nullptr_t) {}
  Json(bool value) : value_(value) {}
  Json(int value) : value_(static_cast<std::int64_t>(value)) {}
  Json(std::int64_t value) : value_(value) {}
  Json(std::size_t value) : value_(static_cast<std::int64_t>(value)) {}
  Json(double value) : value_(value) {}
  Json(const char* value) : value_(std::string(value)) {}
  Json(std::string_view value) : value_(std::string(value)) {}
  Json(std::string value) : value_(std::move(value)) {}
  Json(Array value) : value_(std::move(value)) {}
  Json(Object value) : value_(std::move(value)) {}
  static Json array() { return Json(Array{}); }
  static Json object() { return Json(Object{}); }

  bool is_null() const { return value_.index() == 0; }
  bool is_boolean() const { return std::holds_alternative<bool>(value_); }
  bool is_integer() const { return std::holds_alternative<std::int64_t>(value_); }
  bool is_number() const { return is_integer() || std::holds_alternative<double>(value_); }
  bool is_string() const { return std::holds_alternative<std::string>(value_); }
  bool is_array() const { return std::holds_alternative<Array>(value_); }
  bool is_object() const { return std::holds_alternative<Object>(value_); }

  /// Readers answer the empty value of their type when the value is of another type.
  bool boolean() const;
  std::int64_t integer() const;
  double number() const;
  const std::string& text() const;
  const Array& items() const;
  const Object& entries() const;

  /// The value under `key`, or a null value.
  const Json& operator[](std::string_view key) const;
  bool has(std::string_view key) const;
  /// Sets `key` of an object (a null value becomes an object). Returns *this for chaining.
  Json& set(std::string_view key, Json value);
  /// Appends to an array (a null value becomes an array).
  void push(Json value);

  /// Compact text. Numbers round-trip; NaN and infinities become null.
  std::string dump() const;
  /// Indented text for people.
  std::string pretty() const;
  /// Compact text with the keys of every object in byte order: equal values give equal bytes.
  std::string canonical() const;

  bool operator==(const Json& other) const = default;

 private:
  std::variant<std::nullptr_t, bool, std::int64_t, double, std::string, Array, Object> value_;
};

/// Parses one JSON text. Fails with `json.malformed` naming the byte; duplicate keys and a nesting
/// of more than 512 are refused.
Result<Json> parse_json(std::string_view text);

}  // namespace kingpost
