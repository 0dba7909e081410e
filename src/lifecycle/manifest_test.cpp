// SPDX-License-Identifier: Apache-2.0
// Manifests: what is written is what is read.
#include "lifecycle/manifest.h"

#include <gtest/gtest.h>

#include "support/step_harness.h"

namespace kingpost::lifecycle {
namespace {

Manifest sample() {
  records::Column column{"at", "timestamp_utc", {{"seen", 3'600'000'000}}, "weather.at"};
  records::Table table{
      "weather", std::string(64, 'a'), 7, 1234, {"weather", {column}, {"at"}, true}};
  Manifest out;
  out.step = "clean";
  out.output.put(table);
  table.name = "weather.rejected";
  table.digest = std::string(64, 'b');
  out.beside.put(table);
  out.report.set("rules", Json::array());
  out.counts = {{"rows", 7}, {"rejected", 336'776}};
  out.warnings = {"a \"quoted\" warning"};
  return out;
}

TEST(ManifestTest, IsReadBackAsItWasWritten) {
  const test::TempFolder folder;
  auto objects = store::Objects::open(folder.path() + "/s", folder.path() + "/s/objects");
  ASSERT_TRUE(objects);
  const Manifest written = sample();
  const auto sealed = objects->seal_text(to_text(written));
  ASSERT_TRUE(sealed);
  const auto read = read_manifest(*objects, sealed->digest);
  ASSERT_TRUE(read);
  EXPECT_EQ(to_text(*read), to_text(written));
  EXPECT_EQ(read->output.tables.front().schema, written.output.tables.front().schema);
  EXPECT_EQ(read->digests(),
            (std::vector<std::string>{std::string(64, 'a'), std::string(64, 'b')}));
  EXPECT_EQ(read->bytes(), 2468);
}

TEST(ManifestTest, CountsAreGrouped) {
  EXPECT_EQ(counts_text(sample().counts), "7 rows, 336,776 rejected");
}

}  // namespace
}  // namespace kingpost::lifecycle
