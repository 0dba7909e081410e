// SPDX-License-Identifier: Apache-2.0
// Step 1 as a whole: equal bytes for any number of threads, types that widen, samples that nest,
// drift and age.
#include "steps/01_ingest/ingest.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "base/text.h"
#include "engines/sql/dialect.h"
#include "steps/01_ingest/drift.h"
#include "support/step_harness.h"

namespace kingpost::steps::ingest {
namespace {

using test::StepHarness;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class Ingest : public testing::Test {
 protected:
  Result<Outcome> ingest(const std::string& yaml) {
    h.faults = Faults();
    h.section(yaml, spec(), "ingest");
    h.check(check);
    for (const Error& fault : h.faults.errors()) ADD_FAILURE() << render(fault);
    return h.run(run);
  }

  Outcome fine(const std::string& yaml) {
    auto outcome = ingest(yaml);
    if (outcome) return std::move(*outcome);
    ADD_FAILURE() << render(outcome.error());
    return {};
  }

  std::vector<std::string> faults_of(const std::string& yaml) {
    h.faults = Faults();
    h.section(yaml, spec(), "ingest");
    h.check(check);
    return test::fault_ids(h.faults);
  }

  // A file of many rows, compressed as its name says, a few of them broken when asked.
  void write_rows(const std::string& name, std::int64_t from, std::int64_t to, bool broken) {
    const std::string path = h.folder.path() + "/" + name;
    const std::string value = broken
                                  ? "CASE WHEN i % 50000 = 7 THEN 'x' ELSE CAST(i AS VARCHAR) END"
                                  : "CAST(i AS VARCHAR)";
    const Status written = h.session->run(format(
        "COPY (SELECT i AS id, {} AS value, 'name ' || (i % 97) AS name, i / 8 AS share FROM "
        "range({}, {}) AS r(i)) TO {} (FORMAT csv, HEADER true{})",
        value, from, to, sql::literal(path), name.ends_with(".gz") ? ", COMPRESSION gzip" : ""));
    ASSERT_TRUE(written);
  }

  // Name to digest of everything that an outcome holds.
  static std::map<std::string, std::string> digests(const Outcome& outcome) {
    std::map<std::string, std::string> out;
    for (const auto* dataset : {&outcome.output, &outcome.beside}) {
      for (const records::Table& table : dataset->tables) out[table.name] = table.digest;
    }
    out["report"] = outcome.report.canonical();
    return out;
  }

  const Json& report(const Outcome& outcome, std::string_view table) {
    return outcome.report["tables"][table];
  }

  StepHarness h;
};

TEST_F(Ingest, BytesDoNotDependOnThreads) {
  // More than a row group of the engine has (122,880).
  write_rows("whole.csv", 0, 140'000, false);
  write_rows("part_1.csv", 0, 70'000, true);
  write_rows("part_2.csv.gz", 70'000, 140'000, true);
  write_rows("part_3.csv", 140'000, 140'000, false);
  const std::string yaml =
      "whole: {path: whole.csv}\n"
      "parts: {path: 'part_*', format: csv, types: {value: int64}}\n"
      "some: {path: 'part_*', format: csv, types: {value: int64}, sample: 0.3, key: [id]}\n";
  std::map<std::string, std::string> first;
  for (const int threads : {1, 2, 5}) {
    h.use_threads(threads);
    const Outcome outcome = fine(yaml);
    if (first.empty()) {
      first = digests(outcome);
      EXPECT_EQ(report(outcome, "parts")["rejected"].integer(), 3);
      EXPECT_EQ(report(outcome, "parts")["rows_in"].integer(), 140'000);
      EXPECT_THAT(first, Contains(testing::Key("parts.rejected")));
    }
    EXPECT_EQ(digests(outcome), first) << threads << " threads";
  }
}

TEST_F(Ingest, RowsKeepTheOrderOfTheFiles) {
  h.folder.write("b.csv", "id\n3\n4\n");
  h.folder.write("a.csv", "id\n1\n2\n");
  const Outcome outcome = fine("t: {path: '?.csv'}");
  EXPECT_THAT(h.rows(*outcome.output.find("t"), "SELECT id FROM {}"),
              ElementsAre(ElementsAre("1"), ElementsAre("2"), ElementsAre("3"), ElementsAre("4")));
}

TEST_F(Ingest, RejectedRowsSayFileLineColumnAndValue) {
  h.folder.write("part_1.csv", "id,day\n1,2013-01-01\n\"2\",\"2013-02-30\"\n");
  h.folder.write("part_2.csv", "id,day\n\nx,2013-01-03\n4,2013-01-04,5\n");
  const Outcome outcome = fine("t: {path: 'part_*.csv', types: {id: int32, day: date}}");
  const records::Table* rejected = outcome.beside.find("t.rejected");
  ASSERT_NE(rejected, nullptr);
  EXPECT_THAT(
      h.rows(*rejected, "SELECT _file, _line, _column, _value, _reason FROM {}"),
      ElementsAre(
          ElementsAre("part_1.csv", "3", "day", "2013-02-30", "day: \"2013-02-30\" is not date"),
          ElementsAre("part_2.csv", "3", "id", "x", "id: \"x\" is not int32"),
          ElementsAre("part_2.csv", "4", testing::_, "null", "expected 2 fields but found 3")));
  EXPECT_EQ(report(outcome, "t")["rows_in"].integer(), 4);
  EXPECT_EQ(outcome.output.find("t")->rows, 1);
}

TEST_F(Ingest, AToldTypeWidensADeclaredOneDoesNot) {
  std::string text = "told,declared,share\n";
  for (int i = 0; i < 150'000; ++i) text += format("{0},{0},{0}\n", i);
  text += "n/a,n/a,0.5\n";
  h.folder.write("t.csv", text);
  const Outcome told = fine("t: {path: t.csv}");
  const auto& schema = told.output.find("t")->schema;
  EXPECT_EQ(schema.find("told")->type, "string");
  EXPECT_EQ(schema.find("share")->type, "float64");
  EXPECT_EQ(told.output.find("t")->rows, 150'001);
  EXPECT_THAT(told.warnings, Contains(HasSubstr("column \"told\" looked like int64")));
  const Outcome declared = fine("t: {path: t.csv, types: {told: int64, declared: int64}}");
  EXPECT_EQ(declared.output.find("t")->schema.find("told")->type, "int64");
  EXPECT_EQ(report(declared, "t")["rejected"].integer(), 1);
}

// More than a row group of the engine has (122,880).
TEST_F(Ingest, FieldsReadAsNumbersOrAsTextGiveTheSameBytes) {
  std::string digits = "a,b,c\n";
  std::string forms = digits;
  for (int i = 0; i < 130'000; ++i) {
    digits += format("{},{}.5,{}\n", i, i, -i);
    forms +=
        i % 70'000 == 3 ? format("{}.0,{}5e-1, {}\n", i, i, -i) : format("{},{}.5,{}\n", i, i, -i);
  }
  h.folder.write("digits.csv", digits);
  h.folder.write("forms.csv", forms);
  const Outcome outcome = fine(
      "t: {path: digits.csv, types: {a: int32, b: float32, c: int64}}\n"
      "u: {path: forms.csv, types: {a: int32, b: float32, c: int64}}\n");
  EXPECT_EQ(outcome.output.find("t")->rows, 130'000);
  EXPECT_EQ(outcome.output.find("t")->digest, outcome.output.find("u")->digest);
}

TEST_F(Ingest, NumbersAreNeverRoundedToFit) {
  h.folder.write("t.csv",
                 "a,b\n1,inf\n1.5,1\n0x1F,2\n\"- \",3\n128,4\n2,1e999\n,nan\n\"\",5\n+-7,6\n");
  const Outcome outcome = fine("t: {path: t.csv, types: {a: int8, b: float64}}");
  EXPECT_THAT(h.rows(*outcome.output.find("t"), "SELECT a, CAST(b AS VARCHAR) FROM {}"),
              ElementsAre(ElementsAre("1", "inf"), ElementsAre("null", "nan")));
  EXPECT_EQ(report(outcome, "t")["rejected"].integer(), 7);
}

TEST_F(Ingest, AnInfiniteNumberIsKeptAndATooLargeOneIsNot) {
  h.folder.write("a.csv", "a,b\n1,inf\n2,-Infinity\n");
  h.folder.write("b.csv", "a,b\n1,0.5\n2,1e999\n");
  const Outcome outcome =
      fine("a: {path: a.csv, types: {b: float64}}\nb: {path: b.csv, types: {b: float64}}\n");
  EXPECT_EQ(outcome.output.find("a")->rows, 2);
  EXPECT_EQ(outcome.output.find("b")->rows, 1);
  EXPECT_EQ(report(outcome, "b")["rejected"].integer(), 1);
}

TEST_F(Ingest, ALargerSampleHoldsEveryRowOfASmallerOne) {
  write_rows("t.csv", 0, 20'000, false);
  std::vector<Outcome> outcomes;
  for (const char* share : {"0.05", "0.2", "0.9", "1"}) {
    outcomes.push_back(fine(format("t: {{path: t.csv, key: [id], sample: {}}}", share)));
  }
  for (std::size_t i = 0; i + 1 < outcomes.size(); ++i) {
    const std::string larger =
        sql::parquet(h.objects->path_of(outcomes[i + 1].output.find("t")->digest));
    EXPECT_THAT(h.rows(*outcomes[i].output.find("t"),
                       "SELECT count(*) FROM {} WHERE id NOT IN (SELECT id FROM " + larger + ")"),
                ElementsAre(ElementsAre("0")));
    EXPECT_EQ(
        report(outcomes[i], "t")["sampled_out"].integer() + outcomes[i].output.find("t")->rows,
        20'000);
  }
  EXPECT_NEAR(static_cast<double>(outcomes[1].output.find("t")->rows), 4'000, 300);
  EXPECT_EQ(outcomes[3].output.find("t")->rows, 20'000);
}

TEST_F(Ingest, FormatsOfTheSameRowsGiveTheSameTable) {
  h.folder.write("a.csv", "id,name,share\n1,Ada,0.5\n2,,1.5\n");
  h.folder.write("b.ndjson",
                 "{\"id\": 1, \"name\": \"Ada\", \"share\": 0.5}\n\n{\"share\": 1.5, \"id\": 2}\n");
  ASSERT_TRUE(h.session->run(format(
      "COPY (SELECT * FROM (VALUES (1::BIGINT, 'Ada', 0.5::DOUBLE), (2, NULL, 1.5)) AS t(id, name, "
      "share)) TO {} (FORMAT parquet)",
      sql::literal(h.folder.path() + "/c.parquet"))));
  const Outcome outcome = fine("a: {path: a.csv}\nb: {path: b.ndjson}\nc: {path: c.parquet}\n");
  EXPECT_EQ(outcome.output.find("a")->digest, outcome.output.find("b")->digest);
  EXPECT_EQ(outcome.output.find("a")->digest, outcome.output.find("c")->digest);
}

struct DriftCase {
  const char* policy;
  const char* before;
  std::size_t warnings;
  bool fails;
};

TEST_F(Ingest, DriftGoesByItsPolicy) {
  h.folder.write("t.csv", "id,fresh,value\n1,2,x\n");
  const DriftCase cases[] = {
      {"{}", "fresh", 1, false},  // new: warn
      {"{new: ignore}", "fresh", 0, false},
      {"{new: fail}", "fresh", 0, true},
      {"{}", "gone", 0, true},  // dropped: fail
      {"{dropped: warn}", "gone", 1, false},
      {"{dropped: ignore}", "gone", 0, false},
      {"{}", "value", 0, true},  // retyped: fail
      {"{retyped: warn}", "value", 1, false},
  };
  for (const DriftCase& each : cases) {
    const Node& section =
        h.section(format("t: {{path: t.csv, drift: {}}}", each.policy), spec(), "ingest");
    auto outcome = h.run(run);
    ASSERT_TRUE(outcome);
    const records::Table now = *outcome->output.find("t");
    records::Dataset previous;
    records::Table before = now;
    auto& columns = before.schema.columns;
    if (each.before == std::string("fresh")) columns.erase(columns.begin() + 1);
    if (each.before == std::string("gone")) columns.push_back({"gone", "int64", {}, "t.gone"});
    if (each.before == std::string("value")) columns[2].type = "int64";
    previous.put(before);
    Source source;
    source.table = "t";
    source.node = section.find("t");
    for (const auto& column : now.schema.columns) {
      source.columns.push_back({column.name, column.type, false});
    }
    Outcome compared;
    compare_schemas(&previous, source, now.schema, compared);
    EXPECT_EQ(compared.warnings.size(), each.warnings) << each.policy << " " << each.before;
    EXPECT_EQ(compared.verdict.has_value(), each.fails) << each.policy << " " << each.before;
    if (compared.verdict) {
      EXPECT_EQ(compared.verdict->id(), "ingest.schema_drift");
    }
  }
}

TEST_F(Ingest, AgeWarnsAndFails) {
  // The harness's clock stands at 2014-01-02T00:00:00Z.
  h.folder.write("t.csv", "id,at\n1,2013-12-31T00:00:00Z\n2,\n");
  const std::string start = "t: {path: t.csv, types: {at: timestamp_utc}, freshness: {column: at, ";
  const Outcome fresh = fine(start + "warn_after: 2d, error_after: 3d}}");
  EXPECT_THAT(fresh.warnings, IsEmpty());
  EXPECT_EQ(report(fresh, "t")["newest"].text(), "2013-12-31T00:00:00Z");
  const Outcome old = fine(start + "warn_after: 47h, error_after: 3d}}");
  EXPECT_THAT(old.warnings, ElementsAre(HasSubstr("2d before the clock")));
  EXPECT_FALSE(old.verdict);
  const Outcome stale = fine(start + "error_after: 47h}}");
  ASSERT_TRUE(stale.verdict);
  EXPECT_EQ(stale.verdict->id(), "ingest.stale");
}

TEST_F(Ingest, FaultsOfSourcesHaveTheirIds) {
  h.folder.write("t.csv", "id,at\n1,2013-12-31T00:00:00Z\n");
  h.folder.write("empty.csv", "");
  h.folder.write("twice.csv", "id,id\n1,2\n");
  h.folder.write("unnamed.csv", "id,\n1,2\n");
  h.folder.write("semicolons.csv", "id;at\n1;2\n");
  h.folder.write("other.csv", "id,to\n1,2\n");
  h.folder.write("bad.csv.gz", "\x1f\x8b\x08 and no more");
  h.folder.write("bad.parquet", "PAR1");
  const std::pair<const char*, const char*> cases[] = {
      {"{}", "ingest.no_source"},
      {"'a b': {path: t.csv}", "ingest.malformed_name"},
      {"t: {path: gone.csv}", "ingest.source_missing"},
      {"t: {path: '${env:KINGPOST_NOT_SET}/t.csv'}", "ingest.environment_missing"},
      {"t: {path: empty.csv}", "ingest.file_empty"},
      {"t: {path: twice.csv}", "ingest.header_duplicate"},
      {"t: {path: unnamed.csv}", "ingest.header_unnamed"},
      {"t: {path: semicolons.csv}", "ingest.wrong_delimiter"},
      {"t: {path: '[to]*.csv'}", "ingest.header_differs"},
      {"t: {path: t.csv, delimiter: '||'}", "ingest.not_a_character"},
      {"t: {path: bad.csv.gz}", "ingest.compressed_damaged"},
      {"t: {path: bad.parquet}", "ingest.source_unreadable"},
      {"t: {path: t.csv, key: [idd]}", "ingest.column_missing"},
      {"t: {path: t.csv, freshness: {column: id, warn_after: 1d}}", "ingest.not_a_time"},
      {"t: {path: t.csv, static: true, known_at: [{columns: [id], column: at}]}",
       "ingest.static_known_at"},
  };
  for (const auto& [yaml, id] : cases) {
    EXPECT_THAT(faults_of(yaml), Contains(std::string(id))) << yaml;
  }
}

}  // namespace
}  // namespace kingpost::steps::ingest
