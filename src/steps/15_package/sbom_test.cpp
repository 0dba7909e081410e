// SPDX-License-Identifier: Apache-2.0
#include "steps/15_package/sbom.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

namespace kingpost::steps::package {
namespace {

SbomFacts facts() {
  return {.name = "m",
          .digest = std::string(64, 'a'),
          .task = "number",
          .licence = {},
          .created = {},
          .components = components_of("lightgbm"),
          .sources = parse_json(R"({"rows": [
              {"file": "a.csv", "sha256": "11"}, {"file": "a.csv", "sha256": "22"},
              {"file": "a.csv", "sha256": "22"}, {"file": "a.csv#2", "sha256": "33"}],
              "other": [{"file": "a.csv", "sha256": "11"}]})")
                         .value(),
          .files = {{"model.onnx", std::string(64, 'a'), {}}}};
}

TEST(Sbom, EachPartHasAReferenceOfItsOwn) {
  const Json document = cyclonedx_of(facts());
  std::set<std::string> references;
  std::size_t count = 0;
  for (const Json& each : document["components"].items()) {
    references.insert(each["bom-ref"].text());
    ++count;
  }
  EXPECT_EQ(references.size(), count);
  EXPECT_TRUE(references.contains("data:rows/a.csv"));
  EXPECT_TRUE(references.contains("data:rows/a.csv#3"));
  const Json& card = document["metadata"]["component"]["modelCard"]["modelParameters"];
  ASSERT_EQ(card["datasets"].items().size(), 5U);
  std::set<std::string> datasets;
  for (const Json& each : card["datasets"].items()) {
    EXPECT_TRUE(references.contains(each["ref"].text()));
    datasets.insert(each["ref"].text());
  }
  EXPECT_EQ(datasets.size(), 5U);
}

TEST(Sbom, LicencesOfOnesOwnAreTold) {
  SbomFacts given = facts();
  EXPECT_FALSE(spdx_of(given).has("hasExtractedLicensingInfos"));
  given.licence = "MIT";
  EXPECT_FALSE(spdx_of(given).has("hasExtractedLicensingInfos"));
  given.licence = "(LicenseRef-team-1.0 OR MIT) AND LicenseRef-b AND LicenseRef-team-1.0";
  const Json document = spdx_of(given);
  std::vector<std::string> ids;
  for (const Json& each : document["hasExtractedLicensingInfos"].items()) {
    ids.push_back(each["licenseId"].text());
    // Its text is nowhere known.
    EXPECT_EQ(each["extractedText"].text(), "NOASSERTION");
  }
  EXPECT_THAT(ids, testing::ElementsAre("LicenseRef-b", "LicenseRef-team-1.0"));
}

}  // namespace
}  // namespace kingpost::steps::package
