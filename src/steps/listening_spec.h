// SPDX-License-Identifier: Apache-2.0
// The keys that every section has that listens.
#pragma once

#include <string_view>

#include "base/spec.h"

namespace kingpost::steps {

inline Field address_field() {
  return {.name = "address",
          .kind = FieldKind::kText,
          .doc = "where to listen; 0.0.0.0 is every network",
          .fallback = "127.0.0.1"};
}

/// `doc` must outlive the field.
inline Field port_field(std::string_view doc) {
  return {.name = "http",
          .kind = FieldKind::kInteger,
          .doc = doc,
          .fallback = "8080",
          .least = 0,
          .most = 65535};
}

/// The same; without it there is none.
inline Field grpc_field(std::string_view doc) {
  return {.name = "grpc", .kind = FieldKind::kInteger, .doc = doc, .least = 0, .most = 65535};
}

}  // namespace kingpost::steps
