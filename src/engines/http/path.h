// SPDX-License-Identifier: Apache-2.0
// Paths of requests.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace kingpost::http {

/// What stands between the slashes of a path, percent-decoded (RFC 3986, 2.1); `/v2/` is `/v2`.
/// Nothing where it begins with no slash, or a percent sign has no two digits behind it.
std::optional<std::vector<std::string>> parts_of(std::string_view path);

}  // namespace kingpost::http
