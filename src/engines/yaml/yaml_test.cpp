// SPDX-License-Identifier: Apache-2.0
// YAML, strictly: the tree with its places, and everything that is refused.
#include "engines/yaml/yaml.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace kingpost::yaml {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class Yaml : public testing::Test {
 protected:
  std::optional<Node> read(const std::string& text) {
    faults = Faults();
    return parse(std::make_shared<const SourceText>("t.yaml", text), faults);
  }

  std::vector<std::string> found(const std::string& text) {
    read(text);
    std::vector<std::string> out;
    for (const Error& error : faults.errors()) {
      out.push_back(format("{} {}:{}", error.id(), error.place().line, error.place().column));
    }
    return out;
  }

  // The place of a part of the scalar under `key`, as line:column.
  std::string place_of(const std::string& text, const std::string& part) {
    const auto tree = read(text);
    const Node& node = tree->at("e");
    const Place place = node.mark.place_within(node.text.find(part), part.size());
    return format("{}:{}", place.line, place.column);
  }

  Faults faults;
};

TEST_F(Yaml, KeepsPlacesAndQuotes) {
  const auto tree = read("a: 1\nb: [x, \"y\"]\nc:\n  d: 'z'\n");
  ASSERT_TRUE(tree);
  EXPECT_THAT(faults.errors(), IsEmpty());
  EXPECT_TRUE(tree->at("a").plain);
  EXPECT_FALSE(tree->at("b").items[1].plain);
  EXPECT_EQ(tree->at("b").items[1].mark.column, 8);
  EXPECT_EQ(tree->entries[2].key_mark.line, 3);
  EXPECT_EQ(tree->at("c").at("d").text, "z");
}

TEST_F(Yaml, EmptyTextIsAnEmptyMap) {
  for (const char* text : {"", "\n", "# only a comment\n"}) {
    const auto tree = read(text);
    ASSERT_TRUE(tree) << text;
    EXPECT_TRUE(tree->is_map());
    EXPECT_THAT(faults.errors(), IsEmpty());
  }
}

TEST_F(Yaml, NothingIsReportedAtItsKey) {
  const auto tree = read("a:\n  b:\n\nc: ~\n");
  EXPECT_EQ(tree->at("a").at("b").mark.line, 2);
  EXPECT_EQ(tree->at("c").mark.column, 1);
}

TEST_F(Yaml, PartsOfScalarsAreFound) {
  EXPECT_EQ(place_of("e: a + bcd\n", "bcd"), "1:8");
  EXPECT_EQ(place_of("e: \"a + bcd\"\n", "bcd"), "1:9");
  EXPECT_EQ(place_of("e: \"\xC3\xBC + bcd\"\n", "bcd"), "1:10") << "columns count bytes";
  EXPECT_EQ(place_of("e: a +\n   bcd\n", "bcd"), "2:4");
  EXPECT_EQ(place_of("e: >\n  a +\n  bcd + x\n", "x"), "3:9");
  EXPECT_EQ(place_of("e: |\n  a +\n  bcd\n", "a"), "2:3");
}

TEST_F(Yaml, RefusesWhatHidesMeaning) {
  const std::pair<const char*, const char*> cases[] = {
      {"a: 1\na: 2\n", "yaml.duplicate_key 2:1"},
      {"x: {a: 1, 'a': 2}\n", "yaml.duplicate_key 1:11"},
      {"a: &x 1\n", "yaml.anchor 1:4"},
      {"a: &x {b: 1}\n", "yaml.anchor 1:4"},
      {"a: !!str 1\n", "yaml.tag 1:4"},
      {"a: !x [1]\n", "yaml.tag 1:4"},
      {"a: {<<: {b: 1}}\n", "yaml.merge 1:5"},
      {"? [a]\n: 1\n", "yaml.key 1:3"},
      {"a: 1\n---\nb: 2\n", "yaml.several_documents 3:1"},
      {"a:\n\tb: 1\n", "yaml.syntax 2:1"},
      {"a: {b: 1\n", "yaml.syntax 1:4"},
      {"a: [b\n", "yaml.syntax 1:4"},
  };
  for (const auto& [text, fault] : cases) {
    EXPECT_THAT(found(text), ElementsAre(std::string(fault))) << text;
  }
  EXPECT_THAT(found("a: &x 1\nb: *x\n"), ElementsAre("yaml.anchor 1:4", "yaml.alias 2:4"));
  for (const char* open : {"a: 'x\n", "a: \"x\n", "a: 'it''s\nb: 1\n", "a: \"x\\\"\n"}) {
    EXPECT_THAT(found(open), ElementsAre("yaml.syntax 1:4")) << open;
  }
  EXPECT_THAT(found("a: 'it''s'\nb: \"x\\\"\"\nc: ''\n"), IsEmpty());
}

TEST_F(Yaml, OtherEncodingsAreRefused) {
  EXPECT_THAT(found("a: 1\nb: \xFC\n"), ElementsAre("yaml.syntax 0:0"));
  EXPECT_EQ(faults.errors()[0].what(), "line 2 is not valid UTF-8 text");
  EXPECT_THAT(found(std::string("a: \0\n", 5)), ElementsAre("yaml.syntax 0:0"));
  EXPECT_THAT(found(std::string("\xFF\xFE"
                                "a\0:\0",
                                6)),
              ElementsAre("yaml.syntax 0:0"));
  EXPECT_THAT(found("\xEF\xBB\xBF"
                    "a: \xC3\xBC\r\n"),
              IsEmpty());
}

TEST_F(Yaml, KeysOfAMergeAreNotMissing) {
  const auto tree = read("<<: {a: 1, b: 2}\nb: 3\n");
  EXPECT_EQ(tree->at("a").text, "1");
  EXPECT_FALSE(tree->has("<<"));
}

TEST_F(Yaml, SizeAndDepthAreBounded) {
  EXPECT_THAT(found("a: \"" + std::string(1U << 20U, 'x') + "\"\n"),
              ElementsAre("yaml.too_large 0:0"));
  EXPECT_TRUE(read(std::string(60, '[') + std::string(60, ']')));
  EXPECT_FALSE(read(std::string(10'000, '[')));
  EXPECT_THAT(faults.errors(), testing::SizeIs(1));
}

}  // namespace
}  // namespace kingpost::yaml
