// SPDX-License-Identifier: Apache-2.0
// The pipeline file's types in the engine's words and back.
#include "engines/sql/types.h"

#include <array>

#include "base/text.h"

namespace kingpost::sql {
namespace {

struct Pair {
  std::string_view word;
  std::string_view engine;
};

constexpr std::array<Pair, 13> kPairs = {{{"boolean", "BOOLEAN"},
                                          {"int8", "TINYINT"},
                                          {"int16", "SMALLINT"},
                                          {"int32", "INTEGER"},
                                          {"int64", "BIGINT"},
                                          {"float32", "FLOAT"},
                                          {"float64", "DOUBLE"},
                                          {"decimal", "DECIMAL(38,9)"},
                                          {"string", "VARCHAR"},
                                          {"date", "DATE"},
                                          {"time", "TIME"},
                                          {"timestamp", "TIMESTAMP"},
                                          {"timestamp_utc", "TIMESTAMP WITH TIME ZONE"}}};

constexpr std::array<Pair, 10> kOthers = {{{"int16", "UTINYINT"},
                                           {"int32", "USMALLINT"},
                                           {"int64", "UINTEGER"},
                                           {"decimal", "UBIGINT"},
                                           {"decimal", "HUGEINT"},
                                           {"string", "UUID"},
                                           {"timestamp", "TIMESTAMP_S"},
                                           {"timestamp", "TIMESTAMP_MS"},
                                           {"timestamp", "TIMESTAMP_NS"},
                                           {"string", "\"NULL\""}}};

}  // namespace

std::string engine_type(std::string_view word) {
  for (const Pair& pair : kPairs) {
    if (pair.word == word) return std::string(pair.engine);
  }
  return "VARCHAR";
}

std::optional<std::string> type_word(std::string_view engine_type) {
  if (starts_with(engine_type, "DECIMAL(")) {
    return engine_type.find('[') == std::string_view::npos ? std::optional<std::string>("decimal")
                                                           : std::nullopt;
  }
  if (starts_with(engine_type, "ENUM(")) return "string";
  for (const Pair& pair : kPairs) {
    if (pair.engine == engine_type) return std::string(pair.word);
  }
  for (const Pair& pair : kOthers) {
    if (pair.engine == engine_type) return std::string(pair.word);
  }
  return std::nullopt;
}

}  // namespace kingpost::sql
