// SPDX-License-Identifier: Apache-2.0
// Text to typed values without loss, as SQL: the one rule by which steps read texts.
#pragma once

#include <string>
#include <string_view>

namespace kingpost::steps {

/// Patterns of a date, of the time of day behind it, and of the zone behind that.
inline constexpr std::string_view kDatePattern = "[0-9]{4}-[0-9]{2}-[0-9]{2}";
inline constexpr std::string_view kClockPattern =
    "[ T][0-9]{2}:[0-9]{2}(:[0-9]{2}([.][0-9]{1,6})?)?";
inline constexpr std::string_view kZonePattern = "(Z|[+-][0-9]{2}(:?[0-9]{2})?)";

/// SQL that turns the text expression `text` into the type, or into null when it does not convert:
/// `1.5` is no integer, `2013-02-30` no date, a timestamp with a zone no `timestamp` without one.
std::string conversion(std::string_view type, const std::string& text);

}  // namespace kingpost::steps
