// SPDX-License-Identifier: Apache-2.0
// A value or an Error. Names follow std::expected, so that it can become an alias of it.
#pragma once

#include <optional>
#include <utility>
#include <variant>

#include "base/error.h"

namespace kingpost {

template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}

  bool has_value() const { return state_.index() == 0; }
  explicit operator bool() const { return has_value(); }

  /// Requires: has_value().
  T& value() & { return std::get<0>(state_); }
  const T& value() const& { return std::get<0>(state_); }
  T&& value() && { return std::get<0>(std::move(state_)); }
  T* operator->() { return &std::get<0>(state_); }
  const T* operator->() const { return &std::get<0>(state_); }
  T& operator*() & { return std::get<0>(state_); }
  const T& operator*() const& { return std::get<0>(state_); }

  /// Requires: !has_value().
  Error& error() & { return std::get<1>(state_); }
  const Error& error() const& { return std::get<1>(state_); }
  Error&& error() && { return std::get<1>(std::move(state_)); }

 private:
  std::variant<T, Error> state_;
};

template <>
class [[nodiscard]] Result<void> {
 public:
  Result() = default;
  Result(Error error) : error_(std::move(error)) {}

  bool has_value() const { return !error_.has_value(); }
  explicit operator bool() const { return has_value(); }
  /// Requires: !has_value().
  Error& error() & { return *error_; }
  const Error& error() const& { return *error_; }
  Error&& error() && { return std::move(*error_); }

 private:
  std::optional<Error> error_;
};

/// Success or an Error, for functions that return nothing else.
using Status = Result<void>;

}  // namespace kingpost

#define KINGPOST_JOIN_INNER(a, b) a##b
#define KINGPOST_JOIN(a, b) KINGPOST_JOIN_INNER(a, b)

/// Returns from the enclosing function when the expression holds an error.
#define TRY_STATUS(expression)                         \
  do {                                                 \
    if (auto try_status = (expression); !try_status) { \
      return std::move(try_status).error();            \
    }                                                  \
  } while (false)

#define KINGPOST_TRY_INTO(temporary, target, expression) \
  auto temporary = (expression);                         \
  if (!temporary) {                                      \
    return std::move(temporary).error();                 \
  }                                                      \
  target = std::move(temporary).value()

/// `TRY(auto x, f());` declares x from the value, or returns the error.
#define TRY(target, expression) \
  KINGPOST_TRY_INTO(KINGPOST_JOIN(try_result_, __COUNTER__), target, expression)
