// SPDX-License-Identifier: Apache-2.0
// Text formatting checked at compile time. The one place where a third-party header is visible
// through ours, because g++ 12 has no std::format; it becomes an alias of it later.
#pragma once

#include <fmt/core.h>

namespace kingpost {

template <typename... Args>
using FormatString = fmt::format_string<Args...>;

// The same entity, so that argument-dependent lookup finds one candidate.
using fmt::format;

}  // namespace kingpost
