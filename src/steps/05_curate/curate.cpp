// SPDX-License-Identifier: Apache-2.0
// The recipe: spine, joins, target, split; then every row is accounted for.
#include "steps/05_curate/curate.h"

#include <algorithm>

#include "base/text.h"
#include "engines/sql/dialect.h"
#include "engines/sql/types.h"
#include "steps/05_curate/curate_checks.h"
#include "steps/05_curate/joins.h"
#include "steps/05_curate/split.h"
#include "steps/knowledge.h"

namespace kingpost::steps::curate {
namespace {

using sql::identifier;

constexpr std::string_view kUnaccounted = "curate.rows_unaccounted";

class Curation {
 public:
  explicit Curation(RunContext& context)
      : context_(context),
        section_(context.section),
        spine_(*context.input.find(section_.text_at("spine"))),
        predict_at_(predict_at_of(section_)),
        joins_(joins_of(section_)),
        target_(section_.at("target").text_at("name")),
        rows_(spine_.schema) {}

  Result<Outcome> run() {
    for (const Join& join : joins_) TRY_STATUS(assert_unique(context_, join));
    add_taken();
    TRY_STATUS(make_rows());
    TRY_STATUS(count_joins());
    TRY_STATUS(make_split());
    TRY_STATUS(look_at_labels());
    TRY_STATUS(count_sides());
    TRY_STATUS(assert_no_crossing());
    TRY_STATUS(run_curate_checks(context_, section_, spine_.rows, outcome_));
    TRY_STATUS(write());
    note_withheld();
    TRY_STATUS(context_.sql.run("DROP TABLE kingpost_rows"));
    TRY_STATUS(context_.sql.run("DROP TABLE kingpost_split"));
    return std::move(outcome_);
  }

 private:
  void add_taken() {
    for (const Join& join : joins_) {
      const records::TableSchema& right = context_.input.find(join.table)->schema;
      for (std::size_t i = 0; i < join.take.size(); ++i) {
        const records::Column* column = right.find(join.take[i]);
        rows_.columns.push_back({join.names[i], column->type, {}, column->origin});
      }
    }
  }

  std::string target_type() const {
    const std::string type = section_.at("target").text_at("type");
    if (type == "number") return "float64";
    return type == "binary" ? "boolean" : "string";
  }

  // NaN is no label.
  Status make_rows() {
    std::string predict = "CAST(NULL AS TIMESTAMP)";
    if (predict_at_) {
      predict =
          format("{} + to_microseconds({})", identifier(predict_at_->column), predict_at_->offset);
    }
    std::string query =
        format("SELECT file_row_number AS _kp_row, {} AS _kp_predict, {} FROM {}", predict,
               sql::identifiers(spine_.schema.names()), from_table(context_, spine_, true));
    for (std::size_t i = 0; i < joins_.size(); ++i) {
      query = join_query(context_, joins_[i], i, query);
    }
    const std::string expression = section_.at("target").text_at("expr");
    const std::string type = target_type();
    std::string target = format("CAST(({}\n) AS {})", expression, sql::engine_type(type));
    if (type == "float64") {
      target = format("CASE WHEN isfinite({0}) THEN {0} END", target);
    }
    auto made = context_.sql.run(
        format("CREATE OR REPLACE TEMP TABLE kingpost_rows AS SELECT *, _kp_target IS NOT NULL AS "
               "_kp_labelled FROM (SELECT *, {} AS _kp_target FROM ({}) AS {}) AS t",
               target, query, identifier(spine_.name)));
    if (made || made.error().id() != "engine.query_failed") return made;
    return fail(Code::kDataRejected, "curate.target_failed", "the target cannot be computed: {}",
                shown(split(made.error().what(), '\n')[0], 300))
        .at(section_.at("target").at("expr").mark.place())
        .hint("repair the values in clean, or write TRY_CAST, which answers null");
  }

  Status count_joins() {
    std::vector<std::string> counts = {"count(*) AS n"};
    for (std::size_t i = 0; i < joins_.size(); ++i) {
      std::vector<std::string> null = {"false"};
      for (const std::string& name : joins_[i].left) null.push_back(identifier(name) + " IS NULL");
      counts.push_back(format("count_if(_kp_matched_{0}) AS m{0}, count_if({1}) AS k{0}", i,
                              join(null, " OR ")));
    }
    TRY(const auto rows,
        context_.sql.query(format("SELECT {} FROM kingpost_rows", join(counts, ", "))));
    TRY_STATUS(account_rows(kUnaccounted, spine_.name, spine_.rows, rows.integer(0, "n")));
    Json joins = Json::array();
    for (std::size_t i = 0; i < joins_.size(); ++i) {
      const std::int64_t matched = rows.integer(0, format("m{}", i));
      Json each = Json::object();
      each.set("table", joins_[i].table).set("asof", joins_[i].asof).set("matched", matched);
      each.set("unmatched", spine_.rows - matched);
      each.set("null_keys", rows.integer(0, format("k{}", i)));
      joins.push(std::move(each));
      if (matched == 0 && spine_.rows > 0) {
        outcome_.warnings.push_back(
            format("the join to \"{}\" matches no row at all", joins_[i].table));
      }
    }
    outcome_.report.set("joins", std::move(joins));
    return {};
  }

  Status make_split() {
    const Split split = split_of(section_, target_, rows_, spine_.schema.key);
    split_kind_ = split.kind;
    return context_.sql.run("CREATE OR REPLACE TEMP TABLE kingpost_split AS " + split.query);
  }

  Status look_at_labels() {
    TRY(const auto rows,
        context_.sql.query("SELECT count(*) AS n, count_if(_kp_labelled) AS labelled, "
                           "count(DISTINCT _kp_target) AS kinds FROM kingpost_rows"));
    labelled_ = rows.integer(0, "labelled");
    unlabelled_ = rows.integer(0, "n") - labelled_;
    const std::string type = section_.at("target").text_at("type");
    if (spine_.rows == 0) {
      return refuse("curate.spine_empty", format("the spine \"{}\" has no rows", spine_.name),
                    "look at what ingest, validate_data and clean left: kingpost data list");
    }
    if (labelled_ == 0) {
      return refuse("curate.no_label",
                    format("no row has a label: \"{}\" is null in all {} rows", target_,
                           grouped(spine_.rows)),
                    "check the target's expr");
    }
    if (rows.integer(0, "kinds") < 2 && type != "number") {
      TRY(const auto one, context_.sql.query("SELECT CAST(min(_kp_target) AS VARCHAR) AS v FROM "
                                             "kingpost_rows"));
      return refuse(
          "curate.one_class",
          format("every labelled row has the same \"{}\": {}", target_, shown(one.text(0, "v"))),
          "a model needs two classes to learn");
    }
    if (rows.integer(0, "kinds") < 2) {
      outcome_.warnings.push_back(format("the target \"{}\" has one value only", target_));
    }
    return {};
  }

  Status refuse(std::string id, std::string what, std::string hint) {
    return Error(Code::kDataRejected, std::move(id), std::move(what))
        .at(section_.at("target").mark.place())
        .hint(std::move(hint));
  }

  Status count_sides() {
    const bool binary = target_type() == "boolean";
    TRY(const auto rows,
        context_.sql.query(format(
            "SELECT coalesce(_split, 'set_apart') AS side, count(*) AS n, {} AS positives FROM "
            "kingpost_split JOIN kingpost_rows USING (_kp_row) GROUP BY 1 ORDER BY 1",
            binary ? "count_if(_kp_target)" : "0")));
    Json sides = Json::object();
    std::int64_t sum = 0;
    for (std::size_t r = 0; r < rows.size(); ++r) {
      const std::int64_t n = rows.integer(r, "n");
      sum += n;
      Json side = Json::object();
      side.set("rows", n);
      if (binary) {
        side.set("positives", rows.integer(r, "positives"));
        side.set("share",
                 static_cast<double>(rows.integer(r, "positives")) / static_cast<double>(n));
      }
      sides.set(rows.text(r, "side"), std::move(side));
    }
    set_apart_ = sides["set_apart"]["rows"].integer();
    TRY_STATUS(account_rows(kUnaccounted, "labelled rows", labelled_, sum));
    if (!sides.has("train")) {
      const Node& split = section_.has("split") ? section_.at("split") : section_.at("target");
      return fail(Code::kDataRejected, "curate.split_empty", "the split leaves no row to train on")
          .at(split.mark.place())
          .hint("check the dates or shares of the split");
    }
    for (const std::string_view side : {"validation", "test"}) {
      if (!sides.has(side) && !(side == "validation" && split_kind_ == "kfold")) {
        outcome_.warnings.push_back(format("the split leaves no row for {}", side));
      }
    }
    outcome_.report.set("split", Json::object().set("type", split_kind_).set("sides", sides));
    outcome_.report.set("unlabelled", unlabelled_);
    for (const std::string_view side : {"train", "validation", "test"}) {
      outcome_.counts.push_back({std::string(side), sides[side]["rows"].integer()});
    }
    outcome_.counts.push_back({"unlabelled", unlabelled_});
    if (set_apart_ > 0) outcome_.counts.push_back({"set apart", set_apart_});
    return {};
  }

  // Rows with the same key are the same thing seen twice: on two sides, the test would know the
  // train.
  Status assert_no_crossing() {
    const auto& key = spine_.schema.key;
    if (key.empty()) return {};
    std::vector<std::string> texts;
    for (const std::string& name : key) {
      texts.push_back(format("coalesce(CAST({} AS VARCHAR), 'null')", identifier(name)));
    }
    TRY(const auto rows,
        context_.sql.query(format(
            "SELECT concat_ws(', ', {}) AS example, count(*) OVER () AS n FROM kingpost_split JOIN "
            "kingpost_rows USING (_kp_row) WHERE _split IS NOT NULL GROUP BY {} HAVING "
            "min(_split) <> max(_split) ORDER BY 1 LIMIT 3",
            join(texts, ", "), sql::identifiers(key))));
    outcome_.report.set("keys_crossing", rows.size() == 0 ? 0 : rows.integer(0, "n"));
    if (rows.size() == 0) return {};
    const Node& split = section_.has("split") ? section_.at("split") : section_.at("target");
    Error error = fail(Code::kDataRejected, "curate.key_crosses_sides",
                       "{} values of the key ({}) stand on more than one side of the split",
                       grouped(rows.integer(0, "n")), join(key, ", "))
                      .at(split.mark.place());
    for (std::size_t r = 0; r < rows.size(); ++r) {
      error = std::move(error).detail(shown(rows.text(r, "example"), 120));
    }
    return std::move(error).hint(
        "remove the duplicates in clean, or split by group with `by` the key");
  }

  // Columns that leave: known in time, in their order; then target and split.
  records::TableSchema leaving(const std::string& name) const {
    records::TableSchema schema{name, {}, spine_.schema.key, false};
    for (const records::Column& column : rows_.columns) {
      const bool late = predict_at_ && !known_in_time(column.known_at, predict_at_);
      if (!late && column.name != target_) schema.columns.push_back(column);
    }
    return schema;
  }

  Status write() {
    records::TableSchema training = leaving(std::string(kTraining));
    const std::string columns = sql::identifiers(training.names());
    const std::string target = format("_kp_target AS {}", identifier(target_));
    const std::string origin = section_.at("target").text_at("expr");
    const std::string from = "FROM kingpost_rows LEFT JOIN kingpost_split USING (_kp_row)";
    training.columns.push_back({target_, target_type(), {}, origin});
    const std::string made_here = "curate.split";  // not an error id
    training.columns.push_back({std::string(kSplitColumn), "string", {}, made_here});
    std::string split = "_split";
    if (split_kind_ == "kfold") {
      training.columns.push_back({std::string(kFoldColumn), "int32", {}, made_here});
      split += ", _fold";
    }
    TRY(records::Table table,
        write_table(context_, training,
                    format("SELECT {}, {}, {} {} WHERE _split IS NOT NULL ORDER BY _kp_row",
                           columns, target, split, from)));
    const std::int64_t out = table.rows + unlabelled_ + set_apart_;
    TRY_STATUS(account_rows(kUnaccounted, spine_.name, spine_.rows, out));
    outcome_.output.put(std::move(table));
    if (unlabelled_ > 0) {
      TRY(records::Table rows,
          write_table(context_, leaving("training.unlabelled"),
                      format("SELECT {} FROM kingpost_rows WHERE NOT _kp_labelled ORDER BY _kp_row",
                             columns)));
      outcome_.beside.put(std::move(rows));
    }
    if (set_apart_ > 0) {
      TRY(records::Table rows,
          write_table(context_, leaving("training.set_apart"),
                      format("SELECT {} {} WHERE _kp_labelled AND _split IS NULL ORDER BY _kp_row",
                             columns, from)));
      outcome_.beside.put(std::move(rows));
    }
    return {};
  }

  void note_withheld() {
    Json withheld = Json::array();
    if (predict_at_) {
      for (const records::Column& column : rows_.columns) {
        if (known_in_time(column.known_at, predict_at_)) continue;
        withheld.push(Json::object()
                          .set("column", column.name)
                          .set("known_at", records::knowledge_text(column.known_at))
                          .set("needed_at", predict_at_->text()));
      }
    }
    outcome_.report.set("withheld", std::move(withheld));
  }

  RunContext& context_;
  const Node& section_;
  const records::Table& spine_;
  std::optional<PredictAt> predict_at_;
  std::vector<Join> joins_;
  std::string target_;
  records::TableSchema rows_;
  std::string split_kind_;
  std::int64_t labelled_ = 0;
  std::int64_t unlabelled_ = 0;
  std::int64_t set_apart_ = 0;
  Outcome outcome_;
};

}  // namespace

Result<Outcome> run(RunContext& context) {
  return Curation(context).run();
}

}  // namespace kingpost::steps::curate
