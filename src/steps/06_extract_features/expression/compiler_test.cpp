// SPDX-License-Identifier: Apache-2.0
// Each function against the engine on edge values, what is refused and where the caret stands, how
// many nodes are spent, and that the docs list the table.
#include "steps/06_extract_features/expression/compiler.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "base/files.h"
#include "base/text.h"
#include "steps/06_extract_features/expression/functions/functions.h"
#include "support/expression_oracle.h"

namespace kingpost::steps::extract_features {
namespace {

using test::ExpressionOracle;
using testing::HasSubstr;
using Verdict = ExpressionOracle::Verdict;
using Texts = std::vector<std::string>;

constexpr double kNull = std::numeric_limits<double>::quiet_NaN();
constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr std::size_t kRows = 210;

records::Column column_of(const std::string& name, const std::string& type) {
  records::Column out;
  out.name = name;
  out.type = type;
  return out;
}

// Values repeat with strides that share no factor, so that pairs of columns meet in every way.
template <typename T>
std::vector<T> spread(const std::vector<T>& values, std::size_t stride) {
  std::vector<T> out;
  for (std::size_t r = 0; r < kRows; ++r) out.push_back(values[(r / stride) % values.size()]);
  return out;
}

struct Table {
  records::TableSchema schema;
  records::Batch batch;

  void numbers(const char* name, const char* type, const std::vector<double>& values,
               std::size_t stride) {
    schema.columns.push_back(column_of(name, type));
    batch.columns.push_back({.name = name, .numbers = spread(values, stride)});
  }
  void texts(const char* name, const std::vector<std::string>& values, std::size_t stride) {
    schema.columns.push_back(column_of(name, "string"));
    batch.columns.push_back({.name = name, .is_text = true, .texts = spread(values, stride)});
  }
};

void add_numbers(Table& table) {
  const std::vector<double> doubles = {kNull,
                                       0,
                                       -0.0,
                                       1,
                                       -1,
                                       2.5,
                                       -2.5,
                                       0.5,
                                       kInf,
                                       -kInf,
                                       1e300,
                                       0.49999999999999994,
                                       9007199254740993.0,
                                       5e-324};
  const std::vector<double> integers = {kNull, 0, 1, -1, 7, -7, 2147483647, -2147483648.0, 100};
  table.numbers("x", "float64", doubles, 1);
  table.numbers("y", "float64", doubles, 14);
  table.numbers("i", "int32", integers, 1);
  table.numbers("j", "int32", integers, 9);
  table.numbers("k", "int8", {kNull, 0, 1, -128, 127}, 3);
  table.numbers("n", "int64", {kNull, 0, 3, -3, 9007199254740991.0, -9007199254740991.0}, 5);
  table.numbers("b", "boolean", {kNull, 0, 1}, 1);
  table.numbers("c", "boolean", {kNull, 0, 1}, 3);
  table.numbers("f", "float32", {kNull, 0.5, -1}, 1);
  table.numbers("m", "decimal", {kNull, 0.5, -1}, 1);
}

// The start of 1970, New York's changes of the clock in 2013, a leap day, centuries, a year's end.
void add_times(Table& table) {
  constexpr double kDay = 86400e6;
  const std::vector<double> times = {kNull,
                                     0,
                                     -1,
                                     1362898800e6,
                                     1362898799999999,
                                     1383458400e6,
                                     951782400e6,
                                     -2203891200500000,
                                     4107542400e6,
                                     1388534399e6,
                                     1356998400e6};
  const std::vector<double> days = {
      kNull, 0, -kDay, 15774 * kDay, 11016 * kDay, -25509 * kDay, 16070 * kDay, 84006 * kDay};
  table.numbers("t", "timestamp", times, 1);
  table.numbers("t2", "timestamp", times, 11);
  table.numbers("z", "timestamp_utc", times, 1);
  table.numbers("d", "date", days, 1);
  table.numbers("d2", "date", days, 8);
}

std::string times(const std::string& text, int count) {
  std::string out;
  for (int i = 0; i < count; ++i) out += text;
  return out;
}

// What the engine trims is Unicode's Zs.
const Texts& blanks() {
  static const Texts list = {" ",
                             "\xC2\xA0",
                             "\xE1\x9A\x80",
                             "\xE2\x80\x80",
                             "\xE2\x80\x81",
                             "\xE2\x80\x82",
                             "\xE2\x80\x83",
                             "\xE2\x80\x84",
                             "\xE2\x80\x85",
                             "\xE2\x80\x86",
                             "\xE2\x80\x87",
                             "\xE2\x80\x88",
                             "\xE2\x80\x89",
                             "\xE2\x80\x8A",
                             "\xE2\x80\xAF",
                             "\xE2\x81\x9F",
                             "\xE3\x80\x80"};
  return list;
}

Texts blank_texts() {
  Texts out = {"", " ", "a", "   ", "\t a\n", " \t ", "a b  c", "  \xC3\xA9 \n  x"};
  for (const std::string& each : blanks()) {
    out.push_back(each);
    out.push_back(each + each + " a" + each + "b" + each + " " + each);
  }
  std::string all;
  for (const std::string& each : blanks()) all += each + " ";
  out.push_back(all + "\xC3\x89" + all);
  for (const int count : {7, 15, 16, 31, 32, 1000, 1984}) {
    out.push_back(times(" ", count) + "a" + times(" ", count - 1));
  }
  out.push_back(times("\xC2\xA0", 64) + "a" + times("\xE3\x80\x80 ", 32));
  return out;
}

ExpressionOracle& oracle() {
  static ExpressionOracle* const out = [] {
    const std::vector<std::string> texts = {"",    "a",
                                            "A",   "abc",
                                            "a%b", "\xC3\xA9t\xC3\x89",
                                            " x ", "a\nb",
                                            "a.b", std::string(300, 'q')};
    Table table;
    table.schema.name = "rows";
    table.batch.rows = kRows;
    add_numbers(table);
    add_times(table);
    table.texts("s", texts, 1);
    table.texts("u", texts, 10);
    table.texts("w", blank_texts(), 1);
    return new ExpressionOracle(table.schema, table.batch);
  }();
  return *out;
}

void expect_equal(const Texts& expressions) {
  for (const std::string& each : expressions) {
    const auto answer = oracle().compare(each);
    EXPECT_EQ(answer.verdict, Verdict::kEqual) << each << "\n  " << answer.words;
  }
}

// The engine stops at some of the values, for which the graph has null.
void expect_equal_or_null(const Texts& expressions) {
  for (const std::string& each : expressions) {
    const auto answer = oracle().compare(each, "TRY(" + each + ")");
    EXPECT_EQ(answer.verdict, Verdict::kEqual) << each << "\n  " << answer.words;
  }
}

std::string refusal(const std::string& text) {
  const auto answer = oracle().compare(text);
  EXPECT_EQ(answer.verdict, Verdict::kRefused) << text;
  return answer.words;
}

TEST(CompiledExpression, AColumnStandsAloneWhateverItsType) {
  expect_equal({"x", "i", "n", "b", "s", "t", "z", "d", "f", "m", "rows.x", "X"});
}

TEST(CompiledExpression, Arithmetic) {
  expect_equal({"x + y",    "x - y",       "x * y",        "x / y",   "i / j",
                "1 / i",    "-x",          "x % y",        "x + 0.5", "x * 2",
                "x + i",    "x / 4",       "7 // j",       "x + 0e0", "1 / nullif(x, 0) * y",
                "i * 0.25", "i * 1.5 + j", "i - 0.25 < x", "i % 2.5", "+x"});
  expect_equal_or_null({"i + j", "i - j", "i * j", "i // j", "-i", "k + 1", "k + 1000", "k * k",
                        "-k", "n + 0", "abs(k)", "abs(i)"});
}

TEST(CompiledExpression, WholeNumbersBeyondAFloat64AreNull) {
  const std::string reference = "CASE WHEN abs(n) < 9007199254740991 THEN n * 2 END";
  const auto answer = oracle().compare("n * 2", reference);
  EXPECT_EQ(answer.verdict, Verdict::kEqual) << answer.words;
}

TEST(CompiledExpression, Comparison) {
  expect_equal({"x = y",
                "x <> y",
                "x < y",
                "x <= y",
                "x > y",
                "x >= y",
                "i < x",
                "i = 1.5",
                "x - y > 15",
                "x - y = y - x",
                "x / nullif(y, 0) >= x",
                "i BETWEEN j AND 100",
                "x NOT BETWEEN 0 AND y",
                "i IN (1, 7, j)",
                "x IN (1, 2.5)",
                "i NOT IN (1, NULL)",
                "s = 'abc'",
                "s <> u",
                "s IN ('a', 'abc')",
                "s NOT IN ('a', u)",
                "b = c",
                "b <> c",
                "t > '2013-01-01'",
                "t = d",
                "z >= TIMESTAMPTZ '2013-03-10 07:00:00+00'",
                "d < d2",
                "t - t2 > interval '36 hours'",
                "x > CAST('nan' AS DOUBLE)"});
}

TEST(CompiledExpression, WholeNumbersMeetDecimalsExactly) {
  expect_equal({"n > 1.25", "1.25 >= n", "n = 3.0", "n <> 3.00", "n <= 90071992547409.5",
                "n BETWEEN -0.01 AND 3.10", "n IN (3.0, 0.1)", "n NOT IN (2.999, i)", "i * 0.1 = j",
                "i * 0.01 < n", "nullif(n, 3.0) IS NULL"});
}

TEST(CompiledExpression, ThreeValuedLogic) {
  expect_equal({"b AND c", "b OR c", "NOT b", "b AND NOT c OR x > 1", "b IS TRUE", "b IS NOT TRUE",
                "b IS FALSE", "x IS NULL", "s IS NOT NULL", "b IS NULL", "(b AND c) IS NULL",
                "x - y IS NULL", "x IS DISTINCT FROM y", "x - y IS NOT DISTINCT FROM y - x",
                "b IS DISTINCT FROM c", "s IS NOT DISTINCT FROM u", "s IS DISTINCT FROM NULL",
                "b AND NULL", "NOT (x > 1 AND b)"});
}

TEST(CompiledExpression, Choice) {
  expect_equal({"CASE WHEN b THEN x ELSE y END",
                "CASE WHEN b THEN i WHEN c THEN j END",
                "CASE i WHEN 1 THEN x WHEN 7 THEN 0.5 ELSE y END",
                "CASE WHEN b THEN 'p' END",
                "CASE WHEN b THEN s ELSE u END",
                "CASE WHEN b THEN c ELSE x > 0 END",
                "if(b, 1, 2.5)",
                "coalesce(x, y, 0)",
                "coalesce(x - y, 1)",
                "coalesce(s, u, '')",
                "coalesce(b, FALSE)",
                "ifnull(i, 0)",
                "nullif(i, 1)",
                "nullif(x, y)",
                "nullif(s, 'a')",
                "nullif(b, TRUE)",
                "coalesce(k, 1) + 1.5",
                "coalesce(d, t)",
                "CASE WHEN b THEN NULL ELSE t END",
                "greatest(x, y)",
                "least(x, y, 1)",
                "greatest(x - y, y)",
                "greatest(i, 0, j)",
                "least(t, d)",
                "greatest(i, NULL)"});
}

TEST(CompiledExpression, Casts) {
  expect_equal({"CAST(i AS DOUBLE)", "CAST(b AS INTEGER)", "CAST(b AS DOUBLE)",
                "CAST(i AS BOOLEAN)", "CAST(x AS BOOLEAN)", "CAST(x - y AS BOOLEAN)",
                "CAST(i AS VARCHAR)", "CAST(b AS VARCHAR)", "CAST(k AS BIGINT)", "CAST(t AS DATE)",
                "CAST(d AS TIMESTAMP)", "CAST(z AS TIMESTAMP)", "CAST(f AS DOUBLE) + 1",
                "TRY_CAST(x AS BIGINT) IS NULL OR TRUE", "CAST(i * 0.5 AS BIGINT)",
                "CAST(i * 0.25 AS DOUBLE)", "x::BOOLEAN"});
  expect_equal_or_null({"CAST(x AS INTEGER)", "CAST(i AS TINYINT)", "CAST(i AS SMALLINT)"});
}

TEST(CompiledExpression, Numbers) {
  expect_equal({"abs(x)", "floor(x)", "ceil(x)", "round(x)", "round(x, 2)", "round(x - y)",
                "trunc(x)", "sign(x)", "sign(x - y)", "floor(i)", "round(i)", "exp(x)", "pow(x, 2)",
                "x ** 0", "floor(i * 0.3)", "ceil(i * 0.3)", "round(i * 0.5)"});
  expect_equal_or_null({"sqrt(x)", "sqrt(x - y)", "ln(x)", "log10(x)", "log2(x)", "log(x - y)"});
}

TEST(CompiledExpression, Text) {
  expect_equal({"lower(s)",
                "upper(s)",
                "s || u",
                "s || '-' || u",
                "s || i",
                "concat(s, u)",
                "concat(s, i, b, 'x')",
                "s || ''",
                "s LIKE 'a%'",
                "s LIKE '%b'",
                "s LIKE '%.%'",
                "s LIKE 'a_b'",
                "s LIKE 'a%b'",
                "s LIKE ''",
                "s LIKE '%'",
                "s NOT LIKE '%a%'",
                "starts_with(s, 'a')",
                "ends_with(s, '\xC3\x89')",
                "prefix(s, 'a.')",
                "suffix(s, '')",
                "contains(s, '.')",
                "coalesce(s || u, '') = ''",
                "CASE WHEN length(s) < 300 THEN length(s) END",
                "concat(s, u) IS NULL"});
}

TEST(CompiledExpression, TrimsAsTheEngine) {
  std::string trimmed;
  const auto asked = oracle().session().stream(
      "SELECT string_agg(chr(CAST(i AS INTEGER)), '' ORDER BY i) AS all_trimmed "
      "FROM range(1, 1114112) AS t(i) WHERE i NOT BETWEEN 55296 AND 57343 AND "
      "trim('a' || chr(CAST(i AS INTEGER))) = 'a'",
      [&](records::Batch& batch) {
        trimmed = batch.columns[0].texts.at(0);
        return Status();
      });
  ASSERT_TRUE(asked) << render(asked.error());
  EXPECT_EQ(trimmed, join(blanks(), ""));
  for (const char* function : {"trim", "ltrim", "rtrim"}) {
    for (const char* column : {"w", "s", "lower(w)", "w || '.'", "nullif(w, 'a')"}) {
      expect_equal({format("{}({})", function, column), format("{}({}) = 'a'", function, column),
                    format("{}({}) IS NULL", function, column)});
    }
    for (const char* set : {" ", "xa", "\xC3\xA9\xC3\x89 \t", "", ".", "aa", "]^-"}) {
      expect_equal({format("{}(w, '{}')", function, set), format("{}(s, '{}')", function, set)});
    }
  }
  expect_equal({"trim(both 'x' from s)", "trim(w) IN ('a', '\t a\n')", "coalesce(trim(w), '?')",
                "trim(CASE WHEN b THEN w ELSE s END)"});
}

// Else a text of blanks could hold up those beside it for hours.
TEST(CompiledExpression, ATextOfCountlessBlanksTrimsToNull) {
  Table table;
  table.schema.name = "rows";
  table.batch.rows = kRows;
  table.texts(
      "s", {"a ", times(" ", 4000) + "a", times(" \xC2\xA0", 65) + "a", times(" ", 1984) + "b"}, 1);
  ExpressionOracle own(table.schema, table.batch);
  const auto answer = own.compare(
      "trim(s)", "CASE WHEN length(s) > 64 AND s NOT LIKE '%b' THEN NULL ELSE trim(s) END");
  EXPECT_EQ(answer.verdict, Verdict::kEqual) << answer.words;
}

TEST(CompiledExpression, TimeParts) {
  for (const std::string column : {"t", "z", "d"}) {
    for (const std::string part :
         {"year", "quarter", "month", "day", "hour", "minute", "second", "millisecond",
          "microsecond", "dayofweek", "isodow", "dayofyear", "week", "isoyear", "epoch"}) {
      expect_equal({format("date_part('{}', {})", part, column)});
    }
  }
  expect_equal({"year(t)", "extract(dow FROM z)", "minute_of_day(t)", "year(d) - k",
                "year(d + 2900000)", "month(d - 2900000)"});
}

TEST(CompiledExpression, Zones) {
  for (const std::string zone : {"America/New_York", "Europe/Berlin", "Australia/Lord_Howe",
                                 "Africa/Casablanca", "Asia/Kolkata", "UTC"}) {
    expect_equal({format("timezone('{}', z)", zone), format("t AT TIME ZONE '{}'", zone),
                  format("minute_of_day(z, '{}')", zone),
                  format("hour(z AT TIME ZONE '{}')", zone)});
  }
}

TEST(CompiledExpression, TimeArithmetic) {
  expect_equal({"t + interval '90 minutes'", "t - interval '2 days'", "z + interval '1 week'",
                "t + k * interval '1 hour'", "t + interval (k) minute", "d + 30", "d - k", "3 + d",
                "d + interval '1 day'", "d - d2", "epoch(t - t2)", "interval '1 hour' + t",
                "epoch(t - d)", "t + to_days(k)"});
  for (const std::string part : {"year", "quarter", "month", "day", "hour", "minute", "second"}) {
    expect_equal({format("date_trunc('{}', t)", part), format("date_diff('{}', t, t2)", part),
                  format("date_diff('{}', d, d2)", part), format("date_trunc('{}', z)", part)});
  }
  expect_equal({"date_trunc('week', t)", "date_sub('day', t, t2)", "date_sub('hour', t, t2)",
                "date_sub('week', d, d2)", "date_sub('second', t2, t)"});
}

TEST(CompiledExpression, ConstantsAreTheEngines) {
  expect_equal({"x + pi()", "x + (1 + 2 * 3)", "t > TIMESTAMP '2013-01-01' + interval '1 month'",
                "s = upper('abc') OR s = trim(' a ')", "i + length('abc')", "x > 1e-300",
                "x + floor(abs(2.5e0))", "i < CAST(2.5e0 AS INTEGER)"});
}

TEST(CompiledExpression, RefusesWhatAGraphCannotSay) {
  EXPECT_THAT(refusal("replace(s, 'a', 'b')"),
              HasSubstr("extract_features.expression_unsupported: replace is not"));
  EXPECT_THAT(refusal("replace(s, 'a', 'b')"), HasSubstr("standardise"));
  EXPECT_THAT(refusal("trim(s, u)"), HasSubstr("constant text"));
  EXPECT_THAT(refusal("left(s, 3) = 'abc'"), HasSubstr("starts_with"));
  EXPECT_THAT(refusal("substring(s, 1, 3)"), HasSubstr("standardise.add"));
  EXPECT_THAT(refusal("right(s, 1)"), HasSubstr("ends_with"));
  EXPECT_THAT(refusal("sin(x)"), HasSubstr("cyclic"));
  EXPECT_THAT(refusal("f + 1"), HasSubstr("CAST(x AS DOUBLE)"));
  EXPECT_THAT(refusal("m + 1"), HasSubstr("decimal"));
  EXPECT_THAT(refusal("s < u"), HasSubstr("compared with = and <> only"));
  EXPECT_THAT(refusal("CAST(s AS INTEGER)"), HasSubstr("ingest.types"));
  EXPECT_THAT(refusal("CAST(x AS VARCHAR)"), HasSubstr("a cast from float64 to string"));
  EXPECT_THAT(refusal("x // 2"), HasSubstr("floor(a / b)"));
  EXPECT_THAT(refusal("s LIKE u"), HasSubstr("constant text"));
  EXPECT_THAT(refusal("t + interval '1 month'"), HasSubstr("no fixed length"));
  EXPECT_THAT(refusal("date_diff('week', d, d2)"), HasSubstr("date_sub"));
  EXPECT_THAT(refusal("epoch(z - t)"), HasSubstr("cast both to TIMESTAMP"));
  EXPECT_THAT(refusal("date_sub('hour', z, z)"), HasSubstr("cast both to TIMESTAMP"));
  EXPECT_THAT(refusal("timezone('Mars/Base', z)"), HasSubstr("time zone"));
  EXPECT_THAT(refusal("minute_of_day(t, 'Europe/Berlin')"), HasSubstr("local already"));
  EXPECT_THAT(refusal("round(x, i)"), HasSubstr("constant number"));
  EXPECT_THAT(refusal("x AND b"), HasSubstr("a condition is wanted"));
  EXPECT_THAT(refusal("i = s"), HasSubstr("do not mix"));
  EXPECT_THAT(refusal("regexp_matches(s, 'a')"), HasSubstr("LIKE"));
}

TEST(CompiledExpression, TheCaretStandsUnderTheToken) {
  const auto source = std::make_shared<SourceText>("p.yaml", "expr: x + round(y, i) * sin(x)\n");
  Node node;
  node.kind = Node::Kind::kScalar;
  node.text = "x + round(y, i) * sin(x)";
  node.value = Json(node.text);
  node.mark.source = source;
  node.mark.line = 1;
  node.mark.column = 7;
  onnx::Graph graph("expression");
  Faults faults;
  ExpressionCompiler compiler(oracle().session(), graph, oracle().schema());
  EXPECT_FALSE(compiler.compile(node, faults));
  ASSERT_EQ(faults.size(), 2U);
  EXPECT_EQ(faults.errors()[0].place().column, 20);
  EXPECT_EQ(faults.errors()[0].id(), "extract_features.expression_unsupported");
  EXPECT_EQ(faults.errors()[1].place().column, 25);
  EXPECT_EQ(faults.errors()[1].place().width, 3);
}

TEST(CompiledExpression, SpendsNoNodesOnWhatCannotBe) {
  EXPECT_EQ(oracle().compare("x").nodes, 2U);
  EXPECT_EQ(oracle().compare("x * 2 + 1").nodes, 4U);
  EXPECT_EQ(oracle().compare("CASE WHEN x > 1 THEN 1 ELSE 0 END").nodes, 2U);
  EXPECT_LE(oracle().compare("year(t) - k").nodes, 14U);
  EXPECT_LE(oracle().compare("minute_of_day(z, 'America/New_York')").nodes, 10U);
}

TEST(CompiledExpression, TheDocsListTheTable) {
  const auto page = read_file("docs/expressions.md");
  ASSERT_TRUE(page);
  EXPECT_NE((*page + "\n").find(expression::documentation()), std::string::npos)
      << "docs/expressions.md must hold:\n"
      << expression::documentation();
}

}  // namespace
}  // namespace kingpost::steps::extract_features
