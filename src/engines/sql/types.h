// SPDX-License-Identifier: Apache-2.0
// The pipeline file's types in the engine's words and back.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace kingpost::sql {

/// "timestamp_utc" -> "TIMESTAMP WITH TIME ZONE". Requires: a word of records::type_words.
std::string engine_type(std::string_view word);
/// "BIGINT" -> "int64"; unsigned and huge integers widen; nothing for nested types.
std::optional<std::string> type_word(std::string_view engine_type);

}  // namespace kingpost::sql
