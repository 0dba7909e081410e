// SPDX-License-Identifier: Apache-2.0
#include "engines/parquet/writer.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "base/files.h"
#include "base/scratch.h"
#include "engines/archive/coding.h"
#include "engines/sql/session.h"

namespace kingpost::parquet {
namespace {

std::string gzip(std::string_view bytes) {
  return archive::compress(bytes, archive::Coding::kGzip);
}

// What the SQL engine reads of a file of these bytes, as a text a row.
std::vector<std::string> read(const std::string& bytes, const std::string& columns) {
  const auto folder = Scratch::make("parquet");
  const std::string path = folder->path() + "/a.parquet";
  EXPECT_TRUE(write_file(path, bytes));
  sql::EngineConfig config;
  config.temp_folder = folder->path();
  const auto session = sql::Session::open(config).value();
  std::vector<std::string> out;
  const auto done = session->stream(
      "SELECT concat_ws('|', " + columns + ") AS line FROM read_parquet('" + path + "')",
      [&](records::Batch& batch) {
        for (const auto& each : batch.columns[0].texts) out.emplace_back(each);
        return Status();
      });
  EXPECT_TRUE(done) << done.error().what();
  return out;
}

TEST(ParquetWriter, EveryTypeWithAndWithoutNulls) {
  Writer writer({{"b", Type::kBoolean},
                 {"i", Type::kInt64},
                 {"f", Type::kFloat},
                 {"d", Type::kDouble},
                 {"t", Type::kText},
                 {"at", Type::kTimestamp}},
                gzip);
  std::string bytes = writer.head();
  for (int group = 0; group < 2; ++group) {
    std::vector<Values> values = {Values(Type::kBoolean), Values(Type::kInt64),
                                  Values(Type::kFloat),   Values(Type::kDouble),
                                  Values(Type::kText),    Values(Type::kTimestamp)};
    for (int row = 0; row < 20; ++row) {
      // The second group has a null in every column of each third row.
      if (group == 1 && row % 3 == 0) {
        for (Values& each : values) each.null();
        continue;
      }
      values[0].put(row % 2 == 0);
      values[1].put(std::int64_t{9'007'199'254'740'993} + row);
      values[2].put(0.5F);
      values[3].put(row == 1 ? std::numeric_limits<double>::infinity() : 0.1);
      values[4].put(std::string_view(row == 2 ? "" : "\xC3\xA4 \"x\""));
      values[5].put(std::int64_t{1'372'680'000'000'000});
    }
    bytes += writer.row_group(values);
  }
  bytes += writer.tail();
  const auto lines = read(bytes,
                          "coalesce(b::TEXT, 'null'), coalesce(i::TEXT, 'null'), "
                          "coalesce(f::TEXT, 'null'), coalesce(d::TEXT, 'null'), "
                          "coalesce(t, 'null'), coalesce(\"at\"::TEXT, 'null')");
  ASSERT_EQ(lines.size(), 40U);
  EXPECT_EQ(lines[0], "true|9007199254740993|0.5|0.1|\xC3\xA4 \"x\"|2013-07-01 12:00:00");
  EXPECT_EQ(lines[1].substr(0, 33), "false|9007199254740994|0.5|inf|\xC3\xA4");
  EXPECT_EQ(lines[2].find("||2013"), lines[2].size() - 21);
  EXPECT_EQ(lines[20], "null|null|null|null|null|null");
  EXPECT_EQ(lines[21].substr(0, 22), "false|9007199254740994");
}

TEST(ParquetWriter, AFileWithoutRows) {
  Writer writer({{"i", Type::kInt64}});
  EXPECT_TRUE(read(writer.head() + writer.tail(), "i::TEXT").empty());
}

TEST(ParquetWriter, ManyColumnsAndGroups) {
  std::vector<Column> columns;
  for (int i = 0; i < 40; ++i) columns.push_back({"column " + std::to_string(i), Type::kInt64});
  Writer writer(columns, gzip);
  std::string bytes = writer.head();
  for (int group = 0; group < 30; ++group) {
    std::vector<Values> values(columns.size(), Values(Type::kInt64));
    for (Values& each : values) {
      for (std::int64_t row = 0; row < 100; ++row) each.put(row);
    }
    bytes += writer.row_group(values);
  }
  const auto lines = read(bytes + writer.tail(), "\"column 39\"::TEXT");
  ASSERT_EQ(lines.size(), 3000U);
  EXPECT_EQ(lines[2999], "99");
}

}  // namespace
}  // namespace kingpost::parquet
