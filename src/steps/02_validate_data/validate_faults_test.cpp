// SPDX-License-Identifier: Apache-2.0
// Every fault is found before any data is read, with its place and all at once.
#include <gtest/gtest.h>

#include <ostream>

#include "base/digest.h"
#include "steps/02_validate_data/validate_data.h"
#include "support/step_harness.h"

namespace kingpost::steps::validate_data {
namespace {

using test::StepHarness;

void add_tables(StepHarness& harness) {
  harness.add_table(
      "flights",
      "SELECT 1::BIGINT AS flight, 1.5::DOUBLE AS delay, 'UA' AS carrier, true AS late, DATE "
      "'2013-01-01' AS day, TIMESTAMPTZ '2013-01-01 00:00:00+00' AS hour, TIME '10:00:00' AS "
      "clock");
  harness.add_table("airports", "SELECT 'EWR' AS faa, 1::BIGINT AS number");
}

std::vector<std::string> ids_of(const std::string& yaml) {
  StepHarness harness;
  add_tables(harness);
  harness.section(yaml, spec(), "validate_data");
  EXPECT_TRUE(harness.faults.empty()) << render(harness.faults.errors().at(0));
  harness.check(check);
  for (const Error& error : harness.faults.errors()) {
    EXPECT_GT(error.place().line, 0) << render(error);
  }
  return test::fault_ids(harness.faults);
}

struct Fault {
  std::string name;
  std::string check;
  /// Empty when there is none.
  std::string id;
};

void PrintTo(const Fault& each, std::ostream* out) {
  *out << each.check;
}

class ValidateOneFault : public ::testing::TestWithParam<Fault> {};

TEST_P(ValidateOneFault, IsFound) {
  std::vector<std::string> wanted;
  if (!GetParam().id.empty()) wanted.push_back(GetParam().id);
  EXPECT_EQ(ids_of("flights: [{check: " + GetParam().check + "}]\n"), wanted);
}

const auto kName = [](const auto& each) { return each.param.name; };

INSTANTIATE_TEST_SUITE_P(
    Columns, ValidateOneFault,
    ::testing::Values(
        Fault{"misspelt", "not_null, column: carier", "validate_data.column_missing"},
        Fault{"misspelt_in_list", "unique, columns: [flight, dya]", "validate_data.column_missing"},
        Fault{"twice", "unique, columns: [flight, day, flight]", "validate_data.column_twice"},
        Fault{"asked_for_is_none", "columns_exist, columns: [nowhere]", ""},
        Fault{"order_is_none", "column_order, columns: [nowhere]", ""},
        Fault{"condition", "not_null, column: carrier, where: dely > 3",
              "validate_data.column_missing"},
        Fault{"condition_of_number", "not_null, column: carrier, where: delay + 1",
              "validate_data.condition_not_boolean"},
        Fault{"condition_qualified", "not_null, column: carrier, where: flights.delay > 1", ""}),
    kName);

INSTANTIATE_TEST_SUITE_P(
    Actions, ValidateOneFault,
    ::testing::Values(
        Fault{"quarantine_of_a_mean", "mean, column: delay, min: 0, on_fail: quarantine",
              "validate_data.no_rows"},
        Fault{"drop_of_a_query", "sql, query: SELECT * FROM flights, on_fail: drop",
              "validate_data.no_rows"},
        Fault{"mostly_of_a_count", "row_count, min: 1, mostly: 0.5", "validate_data.no_rows"},
        Fault{"where_of_a_type", "type, column: day, type: date, where: late",
              "validate_data.no_rows"},
        Fault{"where_of_a_query", "sql, query: SELECT * FROM flights, where: late",
              "validate_data.no_rows"},
        Fault{"quarantine_of_unique", "unique, columns: [day], on_fail: quarantine", ""}),
    kName);

INSTANTIATE_TEST_SUITE_P(
    Bounds, ValidateOneFault,
    ::testing::Values(
        Fault{"none", "between, column: delay", "validate_data.bounds"},
        Fault{"swapped", "between, column: delay, min: 3, max: 2", "validate_data.bounds"},
        Fault{"swapped_dates", "between, column: day, min: 2014-01-01, max: 2013-01-01",
              "validate_data.bounds"},
        Fault{"swapped_lengths", "length, column: carrier, min: 3, max: 2", "validate_data.bounds"},
        Fault{"swapped_means", "mean, column: delay, min: 3, max: 2", "validate_data.bounds"},
        Fault{"equal", "between, column: delay, min: 2, max: 2", ""},
        Fault{"infinite", "between, column: delay, min: 0, max: inf", "validate_data.bounds"},
        Fault{"infinite_mean", "mean, column: delay, max: inf", "validate_data.bounds"},
        Fault{"strict_alone", "between, column: delay, min: 3, strict_max: true",
              "validate_data.bounds"},
        Fault{"equals_and_min", "row_count, min: 3, equals: 4", "validate_data.bounds"},
        Fault{"count_without", "row_count", "validate_data.bounds"},
        Fault{"distinct_without", "distinct_count, column: day", "validate_data.bounds"},
        Fault{"freshness_without", "freshness, column: day", "validate_data.bounds"},
        Fault{"ages_swapped", "freshness, column: day, warn_after: 2d, error_after: 1d",
              "validate_data.bounds"}),
    kName);

INSTANTIATE_TEST_SUITE_P(
    Types, ValidateOneFault,
    ::testing::Values(
        Fault{"between_of_text", "between, column: carrier, min: 1", "validate_data.column_type"},
        Fault{"between_of_boolean", "between, column: late, min: 1", "validate_data.column_type"},
        Fault{"length_of_number", "length, column: flight, max: 3", "validate_data.column_type"},
        Fault{"pattern_of_number", "matches, column: flight, pattern: x",
              "validate_data.column_type"},
        Fault{"mean_of_text", "mean, column: carrier, min: 0", "validate_data.column_type"},
        Fault{"freshness_of_number", "freshness, column: flight, error_after: 1d",
              "validate_data.column_type"},
        Fault{"increasing_boolean", "increasing, column: late", "validate_data.column_type"},
        Fault{"reference_of_other_type", "relationships, column: flight, to: airports.faa",
              "validate_data.column_type"},
        Fault{"reference_of_numbers", "relationships, column: delay, to: airports.number", ""}),
    kName);

INSTANTIATE_TEST_SUITE_P(
    Values, ValidateOneFault,
    ::testing::Values(
        Fault{"text_for_number", "in_set, column: flight, values: [a]", "validate_data.value_type"},
        Fault{"fraction_for_integer", "in_set, column: flight, values: [1.5]",
              "validate_data.value_type"},
        Fault{"fraction_as_bound", "between, column: flight, min: 1.5", ""},
        Fault{"number_for_text", "in_set, column: carrier, values: [9]",
              "validate_data.value_type"},
        Fault{"quoted_for_text", "in_set, column: carrier, values: [\"9\"]", ""},
        Fault{"number_for_boolean", "in_set, column: late, values: [1]",
              "validate_data.value_type"},
        Fault{"null", "in_set, column: carrier, values: [UA, ]", ""},
        Fault{"null_value", "in_set, column: carrier, values: [UA, ~]", "validate_data.value_type"},
        Fault{"no_date", "between, column: day, min: 2013-02-30", "validate_data.value_type"},
        Fault{"number_for_date", "between, column: day, min: 5", "validate_data.value_type"},
        Fault{"no_time", "between, column: clock, min: \"25:00:00\"", "validate_data.value_type"},
        Fault{"pattern", "matches, column: carrier, pattern: \"(\"", "validate_data.pattern"},
        Fault{"look_ahead", "not_matches, column: carrier, pattern: \"a(?=b)\"",
              "validate_data.pattern"}),
    kName);

INSTANTIATE_TEST_SUITE_P(
    References, ValidateOneFault,
    ::testing::Values(Fault{"no_dot", "relationships, column: carrier, to: airports",
                            "validate_data.reference"},
                      Fault{"no_column", "relationships, column: carrier, to: airports.",
                            "validate_data.reference"},
                      Fault{"no_table", "relationships, column: carrier, to: airport.faa",
                            "validate_data.table_missing"},
                      Fault{"no_such_column", "relationships, column: carrier, to: airports.fa",
                            "validate_data.column_missing"},
                      Fault{"count_of_no_table", "row_count_equals, table: airport",
                            "validate_data.table_missing"}),
    kName);

INSTANTIATE_TEST_SUITE_P(
    Queries, ValidateOneFault,
    ::testing::Values(
        Fault{"neither", "sql", "validate_data.query"},
        Fault{"both", "sql, query: SELECT 1, file: a.sql", "validate_data.query"},
        Fault{"syntax", "sql, query: SELEC 1", "validate_data.query"},
        Fault{"two", "sql, query: SELECT 1; SELECT 2", "validate_data.query"},
        Fault{"statement", "sql, query: DROP TABLE flights", "validate_data.query"},
        Fault{"table", "sql, query: SELECT * FROM flihgts", "validate_data.query"},
        Fault{"column", "sql, query: SELECT dely FROM flights", "validate_data.query"},
        Fault{"foreign_file", "sql, query: \"SELECT * FROM read_csv('/etc/passwd')\"",
              "validate_data.query"},
        Fault{"foreign_file_by_name", "sql, query: \"SELECT * FROM '/etc/passwd'\"",
              "validate_data.query"},
        Fault{"schema", "sql, query: SELECT * FROM information_schema.tables",
              "validate_data.query"},
        Fault{"chance", "sql, query: SELECT * FROM flights WHERE random() > 0.5",
              "validate_data.query"},
        Fault{"no_file", "sql, file: nowhere.sql", "validate_data.file_missing"},
        Fault{"own_names",
              "sql, query: \"WITH late AS (SELECT * FROM flights) SELECT count(*) FROM late, "
              "AIRPORTS, range(3) GROUP BY ALL HAVING false\"",
              ""}),
    kName);

TEST(ValidateFaults, AllAtOnce) {
  const auto ids = ids_of(
      "flights:\n"
      "  - {check: not_null, column: carier}\n"
      "  - {check: between, column: delay, min: 3, max: 2}\n"
      "fligths:\n"
      "  - {check: not_null, column: x}\n");
  EXPECT_EQ(ids, (std::vector<std::string>{"validate_data.column_missing", "validate_data.bounds",
                                           "validate_data.table_missing"}));
}

TEST(ValidateFaults, PointAtTheValueAndSuggestTheSpelling) {
  StepHarness harness;
  add_tables(harness);
  harness.section("flights:\n  - {check: not_null, column: carier}\n", spec(), "validate_data");
  harness.check(check);
  ASSERT_EQ(harness.faults.size(), 1U);
  const Error& error = harness.faults.errors()[0];
  EXPECT_EQ(error.place().line, 2);
  EXPECT_EQ(error.place().column, 31);
  EXPECT_EQ(error.hint(), "did you mean \"carrier\"?");
}

TEST(ValidateFaults, NamesThatTheStepGivesItself) {
  StepHarness harness;
  harness.add_table("t", "SELECT 1 AS x, 2 AS _row, 'a' AS _reason");
  harness.section("t: [{check: not_null, column: x}]\n", spec(), "validate_data");
  harness.check(check);
  EXPECT_TRUE(harness.faults.empty());
  harness.section("t: [{check: not_null, column: x, on_fail: quarantine}]\n", spec(),
                  "validate_data");
  harness.check(check);
  EXPECT_EQ(test::fault_ids(harness.faults),
            (std::vector<std::string>(2, "validate_data.column_reserved")));
}

TEST(ValidateFaults, TheCatalogLeavesAsItEntered) {
  StepHarness harness;
  add_tables(harness);
  harness.section("flights: [{check: not_null, column: carrier}]\n", spec(), "validate_data");
  const records::Catalog catalog = harness.check(check);
  ASSERT_EQ(catalog.tables.size(), 2U);
  EXPECT_EQ(catalog.tables[0], harness.input.tables[0].schema);
}

TEST(ValidateSection, LongNamesBecomeShortOnes) {
  StepHarness harness;
  const Node& section = harness.section(
      "t:\n"
      "  - {check: expect_compound_columns_to_be_unique, columns: [a]}\n"
      "  - {check: expect_column_values_to_not_be_null, column: a}\n"
      "  - {check: expect_column_stdev_to_be_between, column: a, min: 0}\n",
      spec(), "validate_data");
  ASSERT_TRUE(harness.faults.empty());
  const auto& checks = section.list("t");
  EXPECT_EQ(checks[0].text_at("check"), "unique");
  EXPECT_EQ(checks[1].text_at("check"), "not_null");
  EXPECT_EQ(checks[2].text_at("check"), "stdev");
}

TEST(ValidateKey, HoldsTheClockOnlyForFreshnessAndTheBytesOfQueries) {
  StepHarness harness;
  harness.folder.write("q.sql", "SELECT 1");
  const std::string store = harness.folder.path() + "/.kingpost";
  auto journal = store::Journal::open(store);
  ASSERT_TRUE(journal);
  const auto parts = [&](const std::string& yaml) {
    const Node& section = harness.section(yaml, spec(), "validate_data");
    KeyContext context{section, section, harness.settings, **journal};
    auto json = key_parts(context);
    return json ? std::move(json).value() : Json("failed");
  };
  EXPECT_EQ(parts("t: [{check: row_count, min: 1}]\n").dump(), "{}");
  EXPECT_EQ(parts("t: [{check: freshness, column: x, error_after: 1d}]\n")["now"].integer(),
            harness.settings.now);
  EXPECT_EQ(parts("t: [{check: sql, file: q.sql}]\n")["q.sql"].text(), sha256_of("SELECT 1"));
  EXPECT_EQ(parts("t: [{check: sql, file: gone.sql}]\n").text(), "failed");
}

}  // namespace
}  // namespace kingpost::steps::validate_data
