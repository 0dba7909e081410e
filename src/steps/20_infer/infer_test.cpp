// SPDX-License-Identifier: Apache-2.0
#include "steps/20_infer/infer.h"

#include <gmock/gmock.h>

#include <cmath>
#include <filesystem>

#include "base/files.h"
#include "base/scratch.h"
#include "base/text.h"
#include "engines/sql/dialect.h"
#include "steps/20_infer/cells.h"
#include "steps/20_infer/text_blocks.h"
#include "steps/step.h"

namespace kingpost::steps::infer {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

// x (float64) * 2, or -1 without x; 100 more where kind is "b"; n (int32) is only added.
std::string small_graph() {
  onnx::Graph graph("small");
  const auto x = graph.input("x", records::TensorType::kDouble);
  const auto n = graph.input("n", records::TensorType::kDouble);
  const auto kind = graph.input("kind", records::TensorType::kString);
  const auto type = records::TensorType::kDouble;
  const auto flag = records::TensorType::kBool;
  const auto missing = graph.node("IsNaN", {x}, flag);
  const auto twice = graph.node("Mul", {x, graph.constant(2.0)}, type);
  const auto known = graph.node("Where", {missing, graph.constant(-1.0), twice}, type);
  const auto is_b = graph.node("Equal", {kind, graph.constant("b")}, flag);
  const auto more = graph.node("Where", {is_b, graph.constant(100.0), graph.constant(0.0)}, type);
  const auto no_n = graph.node("IsNaN", {n}, flag);
  const auto plus = graph.node("Where", {no_n, graph.constant(0.0), n}, type);
  const auto sum = graph.node("Add", {graph.node("Add", {known, more}, type), plus}, type);
  graph.output("prediction", graph.cast(sum, records::TensorType::kFloat));
  return graph.bytes();
}

constexpr std::string_view kSignature =
    R"({"task":"number","target":"y","classes":[],"key":[{"name":"id","type":"int64"}],)"
    R"("inputs":[{"name":"x","type":"float64"},{"name":"n","type":"int32"},)"
    R"({"name":"kind","type":"string"}],"signature":"strict"})";

class InferTest : public testing::Test {
 protected:
  InferTest() : scratch_(Scratch::make("test").value()) {
    model_ = onnx::Model::load(small_graph()).value();
    signature_ = signature_from_json(parse_json(kSignature).value(), model_->inputs()).value();
  }

  std::string path(const std::string& name) const { return scratch_.path() + "/" + name; }

  // Writes the input, scores it, and answers what was written.
  Result<std::string> score(const std::string& in, const std::string& text,
                            const std::string& out = "out.csv") {
    EXPECT_TRUE(write_file(path(in), text));
    return score_there(in, out);
  }

  Result<std::string> score_there(const std::string& in, const std::string& out) {
    ScoreRequest request;
    request.model = model_.get();
    request.signature = &signature_;
    request.in.path = path(in);
    request.in.form = form_of(in, "").value();
    request.in.keep = keep_;
    request.in.keep_all = keep_all_;
    request.in.keep_key = keep_.empty() && !keep_all_;
    request.in.delimiter = delimiter_;
    request.in.engine = {"", 2, path("engine")};
    request.out = path(out);
    request.out_form = form_of(out, "").value();
    request.rejected = path("rejected.ndjson");
    request.threads = 2;
    TRY(summary_, score_file(request));
    return request.out_form == Form::kParquet ? parquet_text(request.out) : read_file(request.out);
  }

  Result<std::string> parquet_text(const std::string& file) {
    TRY(const auto session, sql::Session::open({"", 2, path("engine")}));
    TRY(const auto rows, session->query("SELECT * FROM " + sql::parquet(file)));
    std::string out = join(rows.columns, ",") + "\n";
    for (const auto& row : rows.rows) {
      std::vector<std::string> cells;
      for (const Json& cell : row) cells.push_back(cell.is_string() ? cell.text() : cell.dump());
      out += join(cells, ",") + "\n";
    }
    return out;
  }

  void make_parquet(const std::string& name, const std::string& query) {
    const auto session = sql::Session::open({"", 2, path("engine")}).value();
    ASSERT_TRUE(session->run(sql::write_parquet(query, path(name))));
  }

  std::string rejected() { return read_file(path("rejected.ndjson")).value(); }
  std::string fault(const Result<std::string>& result) {
    return result ? "no error: " + *result : result.error().id();
  }

  Scratch scratch_;
  std::unique_ptr<onnx::Model> model_;
  Signature signature_;
  std::vector<std::string> keep_;
  bool keep_all_ = false;
  char delimiter_ = 0;
  ScoreSummary summary_;
};

TEST_F(InferTest, CsvBecomesCsvWithTheKeyInFront) {
  EXPECT_EQ(*score("in.csv", "id,kind,x,n,other\n7,a,1.5,1,z\n8,b,,,\n"),
            "id,prediction\n7,4\n8,99\n");
  EXPECT_EQ(summary_.rows, 2);
  EXPECT_THAT(summary_.notes, ElementsAre("not read: other"));
  EXPECT_FALSE(exists(path("rejected.ndjson")));
}

TEST_F(InferTest, EveryFormBecomesEveryForm) {
  const std::string csv = "id,x,n,kind\n1,0.1,,a\n9007199254740993,,5,\n";
  const std::string ndjson =
      "{\"id\":1,\"x\":0.1,\"kind\":\"a\"}\n"
      "{\"id\":9007199254740993,\"x\":null,\"n\":5,\"kind\":null}\n";
  ASSERT_TRUE(score("a.csv", csv));
  make_parquet("a.parquet",
               "SELECT * FROM (VALUES (1::BIGINT, 0.1::DOUBLE, NULL::INTEGER, 'a'), "
               "(9007199254740993, NULL, 5, NULL)) AS t(id, x, n, kind)");
  ASSERT_TRUE(write_file(path("a.ndjson"), ndjson));
  const std::string want = "id,prediction\n1,0.2\n9007199254740993,4\n";
  for (const char* in : {"a.csv", "a.ndjson", "a.parquet"}) {
    EXPECT_EQ(*score_there(in, "out.csv"), want) << in;
    EXPECT_EQ(*score_there(in, "out.ndjson"),
              "{\"id\":1,\"prediction\":0.2}\n{\"id\":9007199254740993,\"prediction\":4}\n")
        << in;
    const auto parquet = score_there(in, "out.parquet");
    ASSERT_TRUE(parquet) << parquet.error().what();
    EXPECT_EQ(static_cast<float>(parse_number(split(split(*parquet, '\n')[1], ',')[1]).value()),
              0.2F)
        << *parquet;
    EXPECT_THAT(*parquet, HasSubstr("\n9007199254740993,4")) << in;
  }
}

TEST_F(InferTest, QuotesLineEndsAndABomAreRead) {
  const auto out = score("in.csv",
                         "\xEF\xBB\xBF\"x\",kind,n,\"text\"\r\n1,\"b\",2,\"a \"\"q\"\", \r\nb\"\r\n"
                         "\r\n2,a,,plain\r\n");
  ASSERT_TRUE(out) << out.error().what();
  EXPECT_EQ(*out, "prediction\n104\n4\n");
  keep_ = {"text"};
  EXPECT_EQ(*score("in.csv", "x,kind,n,text\n1,b,2,\"a \"\"q\"\",\nb\"\n"),
            "text,prediction\n\"a \"\"q\"\",\nb\",104\n");
  EXPECT_EQ(*score("lone.csv", "x,kind,n,text\r1,b,2,t\r2,a,,u\r"),
            "text,prediction\nt,104\nu,4\n");
  EXPECT_EQ(*score("last.csv", "x,kind,n,text\n1,b,2,t"), "text,prediction\nt,104\n");
}

TEST_F(InferTest, RowsThatCannotBeScoredGoBesideWithTheReason) {
  const auto out = score("in.csv",
                         "id,x,n,kind\n1,abc,1,a\n2,1,1,a\n3,1,1.5,a\n4,1\n5,1,3000000000,a\n"
                         "6,1,1,a,b\n7,1,1,\"a\"b\n8,2, 1 ,a\n");
  ASSERT_TRUE(out) << out.error().what();
  EXPECT_EQ(*out, "id,prediction\n2,3\n8,5\n");
  EXPECT_EQ(summary_.rows, 8);
  EXPECT_EQ(summary_.scored, 2);
  EXPECT_EQ(summary_.first_reject, "line 2: x \"abc\" is not a number");
  const auto lines = split(rejected(), '\n');
  ASSERT_EQ(lines.size(), 7U);
  EXPECT_EQ(lines[0], R"({"row":1,"line":2,"column":"x","value":"abc","reason":"is not a number",)"
                      R"("record":"1,abc,1,a"})");
  EXPECT_THAT(lines[1], HasSubstr(R"("row":3,"line":4,"column":"n","value":"1.5")"));
  EXPECT_THAT(lines[2], HasSubstr("has 2 fields, and the first line names 4"));
  EXPECT_THAT(lines[3], HasSubstr("a whole number from -2147483648 to 2147483647"));
  EXPECT_THAT(lines[4], HasSubstr("has 5 fields"));
  EXPECT_THAT(lines[5], HasSubstr("has text behind a closing quote"));
}

TEST_F(InferTest, RejectedRowsOfAnEarlierRunGo) {
  ASSERT_TRUE(score("in.csv", "x,n,kind\nabc,1,a\n1,1,a\n"));
  EXPECT_TRUE(exists(path("rejected.ndjson")));
  ASSERT_TRUE(score("in.csv", "x,n,kind\n1,1,a\n"));
  EXPECT_FALSE(exists(path("rejected.ndjson")));
}

TEST_F(InferTest, WhenNoRowCanBeScoredNothingIsWritten) {
  EXPECT_EQ(fault(score("in.csv", "x,n,kind\nabc,1,a\n")), "infer.all_rejected");
  EXPECT_FALSE(exists(path("out.csv")));
  EXPECT_THAT(rejected(), HasSubstr("abc"));
}

TEST_F(InferTest, ColumnsThatAreNotThereAreNamedTogether) {
  const auto out = score("in.csv", "id,X,kin\n1,2,a\n");
  ASSERT_FALSE(out);
  EXPECT_EQ(out.error().id(), "infer.column_missing");
  EXPECT_THAT(out.error().what(), HasSubstr("has no columns x, n, kind"));
  EXPECT_THAT(out.error().details(), testing::Contains("for \"kind\": is it \"kin\"?"));
  EXPECT_EQ(fault(score("in.ndjson", "{\"x\":1}\n")), "infer.column_missing");
  EXPECT_EQ(fault(score("in.csv", "x,n,kind,x\n1,1,a,2\n")), "infer.column_duplicate");
  keep_ = {"nowhere"};
  EXPECT_EQ(fault(score("in.csv", "x,n,kind\n1,1,a\n")), "infer.keep_missing");
  keep_ = {"prediction"};
  EXPECT_EQ(fault(score("in.csv", "x,n,kind,prediction\n1,1,a,2\n")), "infer.column_taken");
}

TEST_F(InferTest, FilesWithoutRows) {
  EXPECT_EQ(*score("in.csv", "id,x,n,kind\n"), "id,prediction\n");
  EXPECT_EQ(*score("in.csv", "id,x,n,kind", "out.ndjson"), "");
  EXPECT_EQ(*score("in.csv", "id,x,n,kind", "out.parquet"), "id,prediction\n");
  EXPECT_EQ(*score("in.ndjson", "", "out.csv"), "prediction\n");
  EXPECT_EQ(fault(score("in.csv", "")), "infer.file_empty");
  make_parquet("none.parquet", "SELECT 1::BIGINT AS id, 1.5 AS x, 2 AS n, 'a' AS kind LIMIT 0");
  EXPECT_EQ(*score_there("none.parquet", "out.parquet"), "id,prediction\n");
}

TEST_F(InferTest, FilesThatAreNoText) {
  EXPECT_EQ(fault(score("in.csv", "x,n,kind\n1,1," + std::string(3, '\0'))),
            "infer.wrong_encoding");
  EXPECT_EQ(fault(score("in.csv", "x,n,kind,gr\xF6\xDF\x65\n1,1,a,2\n")), "infer.wrong_encoding");
  EXPECT_EQ(fault(score("in.ndjson", "x,n,kind\n")), "infer.wrong_encoding");
  EXPECT_EQ(fault(score("in.csv", "x,n,kind\n1,1,\"a\n2,2,b\n")), "infer.record_too_long");
  EXPECT_EQ(fault(score("in.parquet", "PAR1")), "infer.file_unreadable");
  EXPECT_EQ(*score("in.csv", "x,n,kind\n1,1,gr\xF6\xDF\x65\n1,1,gr\xC3\xB6\n"), "prediction\n3\n");
  EXPECT_THAT(rejected(), HasSubstr("not UTF-8"));
  EXPECT_EQ(form_of("x.txt", "").error().id(), "infer.unknown_format");
  EXPECT_EQ(form_of("-", "parquet").error().id(), "infer.unknown_format");
}

TEST_F(InferTest, NdjsonLines) {
  const auto out = score("in.ndjson",
                         "{\"x\": 1e0, \"n\": 1, \"kind\": \"\\u0062\", \"o\": {\"a\": [1]}}\n"
                         "\n"
                         "{\"x\":\"1\",\"n\":1,\"kind\":\"a\"}\n"
                         "{\"x\":1,\"n\":1,\"kind\":7}\n"
                         "{\"x\":1,\"x\":2,\"n\":1,\"kind\":\"a\"}\n"
                         "[1]\n{\"x\":1\n{}\n");
  ASSERT_TRUE(out) << out.error().what();
  EXPECT_EQ(*out, "prediction\n103\n-1\n");
  const auto lines = split(rejected(), '\n');
  ASSERT_EQ(lines.size(), 6U);
  EXPECT_THAT(lines[0], HasSubstr("\"line\":3,\"column\":\"x\""));
  EXPECT_THAT(lines[1], HasSubstr("is no text, and text is wanted"));
  EXPECT_THAT(lines[2], HasSubstr("twice"));
  EXPECT_THAT(lines[3], HasSubstr("is no JSON object"));
  EXPECT_THAT(lines[4], HasSubstr("not valid JSON"));
  signature_.strict = false;
  EXPECT_EQ(*score("in.ndjson", "{\"x\":\"1\",\"n\":1,\"kind\":7}\n"), "prediction\n3\n");
}

TEST_F(InferTest, KeptJsonStaysAsItIs) {
  keep_all_ = true;
  EXPECT_EQ(
      *score("in.ndjson", "{\"x\":1,\"n\":1,\"kind\":\"a\\\"\",\"o\":{\"a\":[1]}}\n", "out.ndjson"),
      "{\"x\":1,\"n\":1,\"kind\":\"a\\\"\",\"o\":{\"a\":[1]},\"prediction\":3}\n");
}

TEST_F(InferTest, ParquetOfOtherTypes) {
  make_parquet("text.parquet", "SELECT '1' AS x, 2 AS n, 'a' AS kind");
  const auto out = score_there("text.parquet", "out.csv");
  EXPECT_EQ(fault(out), "infer.column_type");
  EXPECT_THAT(out.error().what(), HasSubstr("\"x\" is string"));
  // What pandas makes of whole numbers with nulls.
  make_parquet("a.parquet",
               "SELECT * FROM (VALUES (1, 1.0::DOUBLE, 'a'), (2, 1.5, 'a'), (3, 'nan', 'b'), "
               "(4, 3e9, 'a')) AS t(x, n, kind)");
  for (const char* file : {"out.csv", "out.parquet"}) {
    EXPECT_EQ(*score_there("a.parquet", file), std::string_view(file) == "out.csv"
                                                   ? "prediction\n3\n106\n"
                                                   : "prediction\n3.0\n106.0\n");
    EXPECT_EQ(summary_.rejected, 2);
    EXPECT_THAT(rejected(), HasSubstr(R"({"row":2,"column":"n","value":"1.5",)"));
  }
  signature_.strict = false;
  make_parquet("loose.parquet", "SELECT unnest(['1', 'abc', '', NULL]) AS x, 2 AS n, 7 AS kind");
  EXPECT_EQ(*score_there("loose.parquet", "out.csv"), "prediction\n4\n1\n1\n");
  EXPECT_THAT(rejected(), HasSubstr(R"("value":"abc","reason":"is not a number")"));
}

TEST_F(InferTest, ManyRowsKeepTheirOrderAndCost) {
  std::string text = "id,x,n,kind\n";
  for (int i = 0; i < 120'000; ++i) {
    text += format("{},{},{},{}\n", i, i, i % 7 == 0 ? "?" : "0", i % 2 == 0 ? "a" : "c");
  }
  const auto out = score("in.csv", text);
  ASSERT_TRUE(out) << out.error().what();
  const auto lines = split(*out, '\n');
  EXPECT_EQ(summary_.rejected, 17143);
  std::size_t at = 1;
  for (int i = 0; i < 120'000; ++i) {
    if (i % 7 == 0) continue;
    const std::string id = format("{},", i);
    ASSERT_TRUE(starts_with(lines[at], id)) << lines[at] << " " << i;
    EXPECT_EQ(parse_number(lines[at].substr(id.size())), 2.0 * i);
    ++at;
  }
  EXPECT_THAT(rejected(), HasSubstr("{\"row\":119995,\"line\":119996,"));
}

TEST_F(InferTest, PlacesThatCannotBeWrittenToShowBeforeTheWork) {
  EXPECT_EQ(fault(score("in.csv", "x,n,kind\n1,1,a\n", "no/where.csv")), "file.folder_missing");
  EXPECT_EQ(fault(score("in.csv", "x,n,kind\n1,1,a\n", "no/where.parquet")), "file.folder_missing");
}

TEST(InferCells, PlainLooksSayWhatTheEngineSays) {
  const Scratch scratch = Scratch::make("test").value();
  Referee referee({"", 2, scratch.path() + "/engine"});
  const std::vector<std::string> texts = {"0",
                                          "-0",
                                          "1",
                                          "-7",
                                          "007",
                                          "127",
                                          "128",
                                          "-128",
                                          "32768",
                                          "2147483647",
                                          "9007199254740992",
                                          "9007199254740993",
                                          "9223372036854775807",
                                          "+5",
                                          " 5",
                                          "5 ",
                                          "1.5",
                                          "1.",
                                          ".5",
                                          "1e3",
                                          "1E+2",
                                          "1e400",
                                          "1e-400",
                                          "4.9e-324",
                                          "0.1",
                                          "0.30000000000000004",
                                          "123456.654321",
                                          "1_000",
                                          "0x10",
                                          "inf",
                                          "-Infinity",
                                          "nan",
                                          "abc",
                                          "true",
                                          "false",
                                          "TRUE",
                                          "t",
                                          "1.5e",
                                          "--1",
                                          "1,5",
                                          "2013-02-28",
                                          "2013-02-30",
                                          "2013-2-3",
                                          "2013-02-28T10:00",
                                          "2013-02-28 10:00:00",
                                          "2013-02-28 10:00:00.5",
                                          "2013-02-28 10:00:00.1234567",
                                          "2013-02-28T10:00:00Z",
                                          "2013-02-28 10:00:00+02",
                                          "2013-02-28 10:00:00-02:30",
                                          "2013-02-28 24:00:00",
                                          "2013-02-28 23:59:60",
                                          "2013-02-28T25:00:00",
                                          "9999-12-31",
                                          "0001-01-01",
                                          "10:30:00",
                                          "0.1234567",
                                          "12345678901234567890.5",
                                          "3.4028236e38",
                                          "16777217"};
  for (const std::string_view type :
       {"boolean", "int8", "int16", "int32", "int64", "float32", "float64", "decimal", "date",
        "time", "timestamp", "timestamp_utc"}) {
    const CellReader reader(type);
    const auto engine = referee.read(type, texts, false);
    ASSERT_TRUE(engine) << engine.error().what();
    for (std::size_t i = 0; i < texts.size(); ++i) {
      double value = 0;
      if (!reader.read(texts[i], value)) continue;
      const auto& wanted = (*engine)[i];
      ASSERT_TRUE(wanted.has_value()) << type << " " << texts[i] << " " << value;
      EXPECT_EQ(value, *wanted) << type << " " << texts[i];
    }
  }
}

TEST(InferCells, TheEngineSettlesTheRest) {
  const Scratch scratch = Scratch::make("test").value();
  Referee referee({"", 2, scratch.path() + "/engine"});
  const auto numbers = referee.read("float64", {" 5", "nan", "inf", "abc", "1e400", ""}, false);
  ASSERT_TRUE(numbers);
  EXPECT_EQ((*numbers)[0], 5.0);
  EXPECT_TRUE(std::isnan(*(*numbers)[1]));
  EXPECT_TRUE(std::isinf(*(*numbers)[2]));
  EXPECT_FALSE((*numbers)[3].has_value());
  EXPECT_FALSE((*numbers)[4].has_value());
  const auto small = referee.read("int64", {"9007199254740993"}, false);
  const auto any = referee.read("int64", {"9007199254740993"}, true);
  EXPECT_FALSE((*small)[0].has_value());
  EXPECT_TRUE((*any)[0].has_value());
  EXPECT_EQ((*referee.read("time", {"10:30:00"}, false))[0], 37'800'000'000.0);
  const std::string zero("1\0", 2);
  EXPECT_FALSE((*referee.read("float64", {zero, "\xFF"}, false))[0].has_value());
}

TEST(InferBlocks, RecordsStayWhole) {
  BlockCutter cutter({'\n', ',', '"'});
  std::string all;
  std::string got;
  for (int i = 0; i < 40'000; ++i) {
    const std::string record = format("{},\"a \"\" {}\n,\",5\" x\n", i, i % 13);
    all += record;
    cutter.add(record.substr(0, record.size() / 2));
    cutter.add(record.substr(record.size() / 2));
    const auto block = cutter.cut(false);
    ASSERT_TRUE(block);
    if (block->empty()) continue;
    EXPECT_TRUE(block->ends_with("5\" x\n"));
    got += *block;
  }
  got += *cutter.cut(true);
  EXPECT_EQ(got, all);
}

TEST(InferRows, LostRowsAreAFault) {
  EXPECT_EQ(account_rows("infer.rows_unaccounted", "in.csv", 3, 2).error().code(), Code::kInternal);
}

TEST(InferSignature, WhatDoesNotFitTheGraphIsRefused) {
  const auto model = onnx::Model::load(small_graph()).value();
  const auto refused = [&](std::string_view from, std::string_view to) {
    const std::string text = replace_all(std::string(kSignature), from, to);
    const auto read = signature_from_json(parse_json(text).value(), model->inputs());
    return read ? "no error" : read.error().id();
  };
  EXPECT_EQ(refused("number", "ranking"), "infer.signature_malformed");
  EXPECT_EQ(refused("\"kind\"", "\"sort\""), "infer.signature_malformed");
  EXPECT_EQ(refused("float64", "string"), "infer.signature_malformed");
}

}  // namespace
}  // namespace kingpost::steps::infer
