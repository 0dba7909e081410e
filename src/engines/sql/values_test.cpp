// SPDX-License-Identifier: Apache-2.0
// Which texts are values of which type.
#include "engines/sql/values.h"

#include <gtest/gtest.h>

#include <tuple>
#include <vector>

#include "records/schema.h"

namespace kingpost::sql {
namespace {

TEST(TypedLiteral, HoldsExactlyTheValueOrNothing) {
  const std::vector<std::tuple<const char*, const char*, const char*>> cases = {
      {"127", "int8", "CAST('127' AS TINYINT)"},
      {"-128", "int8", "CAST('-128' AS TINYINT)"},
      {"128", "int8", ""},
      {"1.5", "int64", ""},
      {"9223372036854775807", "int64", "CAST('9223372036854775807' AS BIGINT)"},
      {"9223372036854775808", "int64", ""},
      {"-9223372036854775808", "int64", "CAST('-9223372036854775808' AS BIGINT)"},
      {"1e-3", "float64", "CAST('1e-3' AS DOUBLE)"},
      {"nan", "float32", "CAST('nan' AS FLOAT)"},
      {"x", "float64", ""},
      {"-0.123456789", "decimal", "CAST('-0.123456789' AS DECIMAL(38,9))"},
      {"0.1234567891", "decimal", ""},
      {"true", "boolean", "CAST('true' AS BOOLEAN)"},
      {"yes", "boolean", ""},
      {"o'clock", "string", "CAST('o''clock' AS VARCHAR)"},
      {"", "string", "CAST('' AS VARCHAR)"},
      {"2012-02-29", "date", "CAST('2012-02-29' AS DATE)"},
      {"2013-02-29", "date", ""},
      {"2013-02-28T10:00:00", "date", ""},
      {"07:30", "time", "CAST('07:30' AS TIME)"},
      {"25:00", "time", ""},
      {"2013-10-01T07:30:00", "timestamp", "CAST('2013-10-01T07:30:00' AS TIMESTAMP)"},
      {"2013-10-01T07:30:00Z", "timestamp", ""},
      {"2013-10-01T07:30:00+02:00", "timestamp_utc",
       "CAST('2013-10-01T05:30:00Z' AS TIMESTAMP WITH TIME ZONE)"},
  };
  for (const auto& [text, type, wanted] : cases) {
    EXPECT_EQ(typed_literal(text, type).value_or(""), wanted) << text << " as " << type;
  }
}

TEST(TypedLiteral, EveryTypeSaysWhatItWants) {
  for (const std::string_view type : records::type_words()) {
    EXPECT_FALSE(wanted_text(type).empty()) << type;
    EXPECT_TRUE(type == "string" || !typed_literal("?", type)) << type;
  }
}

}  // namespace
}  // namespace kingpost::sql
