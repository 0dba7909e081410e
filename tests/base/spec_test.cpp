// SPDX-License-Identifier: Apache-2.0
// Field tables against trees: defaults, types, ids and places of every fault.
#include "base/spec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engines/yaml/yaml.h"

namespace kingpost {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

Field table() {
  Shape inner{
      .fields = {
          {.name = "size", .kind = FieldKind::kInteger, .doc = "a size", .least = 1, .most = 9}}};
  Shape check;
  check.tag = "check";
  check.fields = {{.name = "severity",
                   .kind = FieldKind::kChoice,
                   .fallback = "critical",
                   .choices = {"critical", "warning"}}};
  check.variants = {{.name = "not_null",
                     .fields = {{.name = "column", .kind = FieldKind::kColumn, .required = true}},
                     .aliases = {"expect_column_values_to_not_be_null"}},
                    {.name = "unique",
                     .fields = {list_of({.name = "columns", .required = true, .least = 1},
                                        {.kind = FieldKind::kColumn})}}};
  Shape top{.fields = {
                {.name = "name", .kind = FieldKind::kName, .doc = "a name", .required = true},
                {.name = "flag", .kind = FieldKind::kBoolean, .fallback = "false"},
                {.name = "share", .kind = FieldKind::kNumber, .least = 0, .most = 1},
                {.name = "after", .kind = FieldKind::kDuration, .least = 0},
                {.name = "from", .kind = FieldKind::kTimestamp},
                {.name = "text", .kind = FieldKind::kText, .fallback = "\"\"\""},
                list_of({.name = "nulls", .fallback = "[\"\"]"}, {.kind = FieldKind::kText}),
                map_of({.name = "vars"}, {.kind = FieldKind::kScalar}),
                object_of({.name = "inner", .fallback = "{}"}, std::move(inner)),
                list_of({.name = "checks"}, object_of({}, std::move(check))),
            }};
  return object_of({.name = "top"}, std::move(top));
}

class Spec : public testing::Test {
 protected:
  Node read(const std::string& text) {
    faults = Faults();
    const auto tree = yaml::parse(std::make_shared<const SourceText>("t.yaml", text), faults);
    return resolve(*tree, table(), "top", faults);
  }

  // "id line:column" of every fault.
  std::vector<std::string> found(const std::string& text) {
    read(text);
    std::vector<std::string> out;
    for (const Error& error : faults.errors()) {
      out.push_back(format("{} {}:{}", error.id(), error.place().line, error.place().column));
    }
    return out;
  }

  Faults faults;
};

TEST_F(Spec, DefaultsAreFilledInAndScalarsTyped) {
  const Node node = read("name: a\nshare: 0.5\nafter: 2h\nvars: {a: 1, b: \"1\", c: true, d: x}\n");
  EXPECT_THAT(faults.errors(), IsEmpty());
  EXPECT_FALSE(node.flag("flag"));
  EXPECT_EQ(node.number("share"), 0.5);
  EXPECT_EQ(node.integer("after"), 7'200'000'000);
  EXPECT_EQ(node.text_at("text"), "\"");
  EXPECT_THAT(node.texts("nulls"), ElementsAre(""));
  EXPECT_TRUE(node.at("inner").is_map());
  EXPECT_FALSE(node.has("from")) << "a key without a default stays away";
  EXPECT_EQ(node.at("vars").json().dump(), R"({"a":1,"b":"1","c":true,"d":"x"})");
}

TEST_F(Spec, AliasesTakeTheShortName) {
  const Node node =
      read("name: a\nchecks:\n  - {check: expect_column_values_to_not_be_null, column: x}\n");
  EXPECT_THAT(faults.errors(), IsEmpty());
  EXPECT_EQ(node.list("checks")[0].text_at("check"), "not_null");
  EXPECT_EQ(node.list("checks")[0].text_at("severity"), "critical");
}

TEST_F(Spec, FaultsHaveIdsAndPlaces) {
  const std::pair<const char*, const char*> cases[] = {
      {"flag: true\n", "top.missing_key 1:1"},
      {"name: a\nnmae: b\n", "top.unknown_key 2:1"},
      {"name: [a]\n", "top.wrong_type 1:7"},
      {"name: 2a\n", "top.wrong_type 1:7"},
      {"name: a\nflag: yes\n", "top.wrong_type 2:7"},
      {"name: a\nshare: much\n", "top.wrong_type 2:8"},
      {"name: a\nshare: NaN\n", "top.wrong_type 2:8"},
      {"name: a\nshare: 1.5\n", "top.out_of_range 2:8"},
      {"name: a\nafter: 2\n", "top.wrong_type 2:8"},
      {"name: a\nafter: -2h\n", "top.out_of_range 2:8"},
      {"name: a\nfrom: 2013-02-30\n", "top.wrong_type 2:7"},
      {"name: a\nnulls: x\n", "top.wrong_type 2:8"},
      {"name: a\nnulls:\nflag: true\n", "top.wrong_type 2:1"},
      {"name: a\nvars: x\n", "top.wrong_type 2:7"},
      {"name: a\nvars: {a: [1]}\n", "top.wrong_type 2:11"},
      {"name: a\ninner: {size: 10}\n", "top.out_of_range 2:15"},
      {"name: a\ninner: {size: 1.0}\n", "top.wrong_type 2:15"},
      {"name: a\nchecks: [{column: x}]\n", "top.missing_key 2:10"},
      {"name: a\nchecks: [{check: nonnull}]\n", "top.unknown_value 2:18"},
      {"name: a\nchecks: [{check: not_null}]\n", "top.missing_key 2:10"},
      {"name: a\nchecks: [{check: unique, columns: []}]\n", "top.too_few 2:35"},
      {"name: a\nchecks: [{check: unique, columns: [x], column: y}]\n", "top.unknown_key 2:40"},
  };
  for (const auto& [text, fault] : cases) {
    EXPECT_THAT(found(text), ElementsAre(std::string(fault))) << text;
  }
}

TEST_F(Spec, AllFaultsAreFoundAtOnce) {
  EXPECT_THAT(found("flag: no\nshare: 2\nother: 1\n"),
              ElementsAre("top.unknown_key 3:1", "top.missing_key 1:1", "top.wrong_type 1:7",
                          "top.out_of_range 2:8"));
}

TEST(SchemaText, NamesEveryKey) {
  const std::string schema = json_schema(table()).dump();
  for (const char* key : {"name", "flag", "share", "inner", "checks", "not_null"}) {
    EXPECT_THAT(schema, testing::HasSubstr(format("\"{}\"", key)));
    EXPECT_THAT(help_text(table()), testing::HasSubstr(key));
  }
}

}  // namespace
}  // namespace kingpost
