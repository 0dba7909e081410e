// SPDX-License-Identifier: Apache-2.0
#include "engines/onnx/columns/lookup_tables.h"

#include <gtest/gtest.h>

#include <string>

namespace kingpost::onnx {
namespace {

TEST(TextTable, TellsTextsOfAnySizeApart) {
  // All texts of up to three of these bytes, and longer ones that begin or end alike.
  std::vector<std::string> all = {""};
  for (std::size_t i = 0; all[i].size() < 3; ++i) {
    for (const char byte : {'\0', 'a', '\xff'}) all.push_back(all[i] + byte);
  }
  for (std::size_t size = 4; size <= 20; ++size) {
    for (std::size_t at = 0; at < size; ++at) {
      all.emplace_back(size, 'a');
      all.back()[at] = 'b';
    }
  }
  // Every second one is a key.
  std::vector<std::string> keys;
  std::vector<float> values;
  for (std::size_t i = 0; i < all.size(); i += 2) {
    keys.push_back(all[i]);
    values.push_back(static_cast<float>(i));
  }
  const TextTable table(keys, values);
  for (std::size_t i = 0; i < all.size(); ++i) {
    EXPECT_EQ(table.find(all[i], -1), i % 2 == 0 ? static_cast<float>(i) : -1) << i;
  }
}

TEST(TextTable, TheFirstOfEqualKeysCounts) {
  const std::vector<std::string> keys = {"EUR", "a long name", "EUR", "a long name"};
  const TextTable table(keys, {1, 2, 3, 4});
  EXPECT_EQ(table.find("EUR", 0), 1);
  EXPECT_EQ(table.find("a long name", 0), 2);
}

TEST(TextTable, MayBeEmpty) {
  const TextTable table(std::vector<std::string>{}, {});
  EXPECT_EQ(table.find("", 7), 7);
  EXPECT_EQ(table.find("EUR", 7), 7);
  EXPECT_EQ(table.find("a long name", 7), 7);
}

}  // namespace
}  // namespace kingpost::onnx
