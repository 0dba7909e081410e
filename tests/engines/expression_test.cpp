// SPDX-License-Identifier: Apache-2.0
// Expressions of the pipeline file: what is taken, what is refused, and where the caret stands.
#include "engines/sql/expression.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "engines/sql/dialect.h"
#include "engines/sql/plain_functions.h"
#include "engines/yaml/yaml.h"
#include "support/step_harness.h"

namespace kingpost {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class Expression : public ::testing::Test {
 protected:
  Expression() {
    scope.name = "flights";
    scope.columns = {{"dep_delay", "float64", {{"time_hour", 5}}, ""},
                     {"air time", "int32", {{"time_hour", 7}, {"landing", 1}}, ""},
                     {"origin", "string", {}, ""},
                     {"time_hour", "timestamp_utc", {}, ""}};
  }
  std::optional<sql::Expression> check(const std::string& text) {
    const auto source = std::make_shared<const SourceText>("x.yaml", "- " + text);
    const auto tree = yaml::parse(source, faults);
    return sql::check_expression(*harness.session, tree->items.at(0), scope, "test", faults);
  }
  // The fault's id and what the caret underlines.
  std::pair<std::string, std::string> refusal(const std::string& text) {
    faults = {};
    EXPECT_FALSE(check(text).has_value()) << text;
    if (faults.empty()) return {};
    const Place& place = faults.errors()[0].place();
    const std::string at = place.source_line.substr(static_cast<std::size_t>(place.column - 1),
                                                    static_cast<std::size_t>(place.width));
    return {faults.errors()[0].id(), at};
  }

  test::StepHarness harness;
  records::TableSchema scope;
  Faults faults;
};

TEST_F(Expression, PlainFunctionsAreWhatTheEngineSaysOfThem) {
  EXPECT_TRUE(std::is_sorted(sql::kPlainFunctions.begin(), sql::kPlainFunctions.end()));
  for (const std::string_view name : sql::kPlainFunctions) {
    const auto rows = harness.session->query(
        "SELECT count(*) FILTER (function_type NOT IN ('scalar', 'macro')) AS others, count(*) "
        "FILTER (stability <> 'CONSISTENT') AS unstable, count(*) AS n FROM duckdb_functions() "
        "WHERE function_name = " +
        sql::literal(name));
    ASSERT_TRUE(rows.has_value());
    EXPECT_GT(rows->integer(0, "n"), 0) << name;
    EXPECT_EQ(rows->integer(0, "others"), 0) << name;
    EXPECT_EQ(rows->integer(0, "unstable"), 0) << name;
  }
}

TEST_F(Expression, AMacroOfTheProgramIsAFunctionWhereItIsDefined) {
  ASSERT_TRUE(sql::define_macro(*harness.session, "twice_of", "(x) AS x * 2"));
  const auto expression = check("twice_of(dep_delay)");
  ASSERT_TRUE(expression.has_value());
  EXPECT_EQ(expression->type, "float64");
  const auto beside = harness.session->beside();
  ASSERT_TRUE(beside.has_value());
  EXPECT_FALSE((*beside)->query("SELECT twice_of(1)").has_value());
}

TEST_F(Expression, ColumnsTypeAndKnowledge) {
  const auto expression = check("'dep_delay + \"air time\" * 2'");
  ASSERT_TRUE(expression.has_value());
  EXPECT_EQ(expression->type, "float64");
  EXPECT_THAT(expression->columns, ElementsAre("dep_delay", "air time"));
  EXPECT_EQ(expression->known_at, (records::Knowledge{{"time_hour", 7}, {"landing", 1}}));
}

TEST_F(Expression, NamesMayBeQualifiedAndInAnyCase) {
  EXPECT_THAT(check("flights.ORIGIN || '-'")->columns, ElementsAre("origin"));
}

TEST_F(Expression, TypesOfResults) {
  EXPECT_EQ(check("dep_delay > 15")->type, "boolean");
  EXPECT_EQ(check("time_hour + interval '2 hours'")->type, "timestamp_utc");
  EXPECT_EQ(check("CASE WHEN origin = 'EWR' THEN 1 END")->type, "int32");
}

TEST_F(Expression, RefusalsPointAtTheToken) {
  using Refusal = std::pair<std::string, std::string>;
  EXPECT_EQ(refusal("dep_delay + arr_dely"), Refusal("test.column_missing", "arr_dely"));
  EXPECT_EQ(refusal("dep_delay - 2h"), Refusal("test.expression_alias", "h"));
  EXPECT_EQ(refusal("dep_delay, origin"), Refusal("test.expression_not_scalar", "o"));
  EXPECT_EQ(refusal("dep_delay + sum(dep_delay)"), Refusal("test.expression_aggregate", "sum"));
  EXPECT_EQ(refusal("random() < 0.5"), Refusal("test.expression_unstable", "random"));
  EXPECT_EQ(refusal("1 + (SELECT 2)"), Refusal("test.expression_refused", "("));
  EXPECT_EQ(refusal("planes.origin"), Refusal("test.column_missing", "planes"));
  EXPECT_EQ(refusal("origin LIKE"), Refusal("test.expression_syntax", "E"));
  EXPECT_EQ(refusal("lenght(origin)").first, "test.expression_invalid");
  EXPECT_EQ(refusal("origin + dep_delay").first, "test.expression_invalid");
  EXPECT_EQ(refusal("row_number() OVER ()").first, "test.expression_refused");
  EXPECT_EQ(refusal("origin FROM flights").first, "test.expression_not_scalar");
  EXPECT_EQ(refusal("\"1; DROP TABLE flights\"").first, "test.expression_not_scalar");
}

TEST_F(Expression, ASuggestionForAMisspelling) {
  EXPECT_FALSE(check("dep_dealy > 1").has_value());
  EXPECT_THAT(faults.errors()[0].hint(), HasSubstr("did you mean \"dep_delay\"?"));
}

TEST_F(Expression, ConditionsAreBoolean) {
  const auto source = std::make_shared<const SourceText>("x.yaml", "dep_delay + 1");
  const auto tree = yaml::parse(source, faults);
  EXPECT_FALSE(sql::check_condition(*harness.session, *tree, scope, "test", faults).has_value());
  EXPECT_EQ(faults.errors()[0].id(), "test.condition_not_boolean");
}

TEST_F(Expression, CommentsCannotEscapeTheParentheses) {
  const auto expression = check("'dep_delay -- and no more'");
  ASSERT_TRUE(expression.has_value());
  EXPECT_TRUE(
      harness.session->query("SELECT " + expression->sql() + " FROM " + sql::empty_table(scope)));
}

}  // namespace
}  // namespace kingpost
