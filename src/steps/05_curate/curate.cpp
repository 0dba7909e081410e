// SPDX-License-Identifier: Apache-2.0
// The recipe: spine, joins, target, split; then every row is accounted for. The work is done on a
// narrow table of row numbers; the columns that leave are put together only as they are written.
#include "steps/05_curate/curate.h"

#include <algorithm>
#include <set>

#include "base/text.h"
#include "engines/sql/dialect.h"
#include "engines/sql/expression.h"
#include "engines/sql/types.h"
#include "steps/05_curate/curate_checks.h"
#include "steps/05_curate/joins.h"
#include "steps/05_curate/no_value.h"
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
    const Split split = split_of(section_, target_, rows_, spine_.schema.key);
    TRY_STATUS(make_rows(columns_kept(split)));
    TRY_STATUS(count_joins());
    TRY_STATUS(make_split(split));
    TRY_STATUS(look_at_labels());
    TRY_STATUS(count_sides());
    TRY_STATUS(assert_no_crossing());
    TRY_STATUS(run_curate_checks(context_, section_, spine_.rows, outcome_));
    TRY_STATUS(find_no_value());
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

  // The columns that the split and the checks look at.
  std::set<std::string> columns_kept(const Split& split) const {
    std::set<std::string> kept(split.columns.begin(), split.columns.end());
    for (const Node& check : section_.list("checks")) {
      if (check.has("column")) kept.insert(check.text_at("column"));
      for (const std::string& name : check.texts("columns")) kept.insert(name);
    }
    return kept;
  }

  // One flag per join: whether its columns are looked at before the rows are written.
  std::vector<bool> joins_read(std::set<std::string> read) const {
    Faults none;
    const auto target = sql::check_expression(context_.sql, section_.at("target").at("expr"), rows_,
                                              "curate", none, sql::Depth::kNames);
    if (target) read.insert(target->columns.begin(), target->columns.end());
    std::vector<bool> out(joins_.size(), !target);
    for (std::size_t i = joins_.size(); i-- > 0;) {
      for (const std::string& name : joins_[i].names) out[i] = out[i] || read.count(name) > 0;
      read.insert(joins_[i].left.begin(), joins_[i].left.end());
    }
    return out;
  }

  // One row per row of the spine: its number, those of the rows that match it, the target, and the
  // columns of `kept`. NaN is no label.
  Status make_rows(const std::set<std::string>& kept) {
    std::string predict = "CAST(NULL AS TIMESTAMP)";
    if (predict_at_) {
      predict =
          format("{} + to_microseconds({})", identifier(predict_at_->column), predict_at_->offset);
    }
    std::string query =
        format("SELECT file_row_number AS _kp_row, {} AS _kp_predict, {} FROM {}", predict,
               sql::identifiers(spine_.schema.names()), from_table(context_, spine_, true));
    std::vector<std::string> items = {"_kp_row", "_kp_target",
                                      "_kp_target IS NOT NULL AS _kp_labelled"};
    const std::vector<bool> read = joins_read(kept);
    for (std::size_t i = 0; i < joins_.size(); ++i) {
      query = join_query(context_, joins_[i], i, query, read[i]);
      items.push_back(format("_kp_id_{0}, _kp_null_{0}", i));
    }
    for (const std::string& name : kept) items.push_back(identifier(name));
    const std::string expression = section_.at("target").text_at("expr");
    const std::string type = target_type();
    std::string target = format("CAST(({}\n) AS {})", expression, sql::engine_type(type));
    if (type == "float64") {
      target = format("CASE WHEN isfinite({0}) THEN {0} END", target);
    }
    auto made = context_.sql.run(
        format("CREATE OR REPLACE TEMP TABLE kingpost_rows AS SELECT {} FROM (SELECT *, {} AS "
               "_kp_target FROM ({}) AS {}) AS t",
               join(items, ", "), target, query, identifier(spine_.name)));
    if (made || made.error().id() != "engine.query_failed") return made;
    return fail(Code::kDataRejected, "curate.target_failed", "the target cannot be computed: {}",
                shown(split(made.error().what(), '\n')[0], 300))
        .at(section_.at("target").at("expr").mark.place())
        .hint("repair the values in clean, or write TRY_CAST, which answers null");
  }

  Status count_joins() {
    std::vector<std::string> counts = {"count(*) AS n"};
    for (std::size_t i = 0; i < joins_.size(); ++i) {
      counts.push_back(format("count(_kp_id_{0}) AS m{0}, count_if(_kp_null_{0}) AS k{0}", i));
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

  Status make_split(const Split& split) {
    split_kind_ = split.kind;
    return context_.sql.run("CREATE OR REPLACE TEMP TABLE kingpost_split AS " + split.query);
  }

  Status look_at_labels() {
    TRY(const auto rows,
        context_.sql.query("SELECT count(*) AS n, count_if(_kp_labelled) AS labelled, "
                           "coalesce(min(_kp_target) <> max(_kp_target), false) AS several FROM "
                           "kingpost_rows"));
    const bool several = rows.at(0, "several").boolean();
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
    if (!several && type != "number") {
      TRY(const auto one, context_.sql.query("SELECT CAST(min(_kp_target) AS VARCHAR) AS v FROM "
                                             "kingpost_rows"));
      return refuse(
          "curate.one_class",
          format("every labelled row has the same \"{}\": {}", target_, shown(one.text(0, "v"))),
          "a model needs two classes to learn");
    }
    if (!several) {
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
            "SELECT coalesce(_split, 'set_apart') AS side, count(*) AS n, {} GROUP BY 1 ORDER BY 1",
            binary ? "count_if(_kp_target) AS positives FROM kingpost_split JOIN kingpost_rows "
                     "USING (_kp_row)"
                   : "0 AS positives FROM kingpost_split")));
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

  std::string numbered(const records::Table& table) const {
    return sql::parquet(context_.objects.path_of(table.digest), true);
  }

  // Equal keys have equal hashes. Where no hash comes twice, no row needs to know its side.
  Result<bool> keys_stand_alone() {
    TRY(const auto rows, context_.sql.query(format(
                             "SELECT count(*) AS n FROM (SELECT 1 FROM {} GROUP BY hash({}) "
                             "HAVING count(*) > 1)",
                             from_table(context_, spine_), sql::identifiers(spine_.schema.key))));
    return rows.integer(0, "n") == 0;
  }

  // Rows with the same key are the same thing seen twice: on two sides, the test would know the
  // train.
  Status assert_no_crossing() {
    const auto& key = spine_.schema.key;
    if (key.empty()) return {};
    TRY(const bool alone, keys_stand_alone());
    if (alone) {
      outcome_.report.set("keys_crossing", 0);
      return {};
    }
    std::vector<std::string> texts;
    std::vector<std::string> columns;
    for (const std::string& name : key) {
      columns.push_back("s." + identifier(name));
      texts.push_back(format("coalesce(CAST({} AS VARCHAR), 'null')", columns.back()));
    }
    TRY(const auto rows,
        context_.sql.query(format(
            "SELECT concat_ws(', ', {}) AS example, count(*) OVER () AS n FROM kingpost_split AS k "
            "JOIN {} AS s ON k._kp_row = s.file_row_number WHERE k._split IS NOT NULL GROUP BY {} "
            "HAVING min(k._split) <> max(k._split) ORDER BY 1 LIMIT 3",
            join(texts, ", "), numbered(spine_), join(columns, ", "))));
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

  bool leaves(const records::Column& column) const {
    const bool late = predict_at_ && !known_in_time(column.known_at, predict_at_);
    return !late && column.name != target_;
  }

  // Columns that leave: known in time, in their order; then target and split.
  records::TableSchema leaving(const std::string& name) const {
    records::TableSchema schema{name, {}, spine_.schema.key, false};
    for (const records::Column& column : rows_.columns) {
      if (leaves(column)) schema.columns.push_back(column);
    }
    return schema;
  }

  // The leaving columns, then `more`, of the rows that `which` selects, in the order of the spine.
  std::string rows_query(const std::vector<std::string>& more, const std::string& which) const {
    std::vector<std::string> items;
    const auto add = [&](std::string_view from, const std::string& name, const std::string& as) {
      if (!leaves(*rows_.find(as))) return;
      std::string value = format("{}.{}", from, identifier(name));
      if (no_value_.count(as) > 0) value = null_for_no_value(value, rows_.find(as)->type);
      items.push_back(format("{} AS {}", value, identifier(as)));
    };
    for (const std::string& name : spine_.schema.names()) add("s", name, name);
    std::string from =
        format("{} AS s JOIN ({}) AS k ON s.file_row_number = k._kp_row", numbered(spine_), which);
    for (std::size_t i = 0; i < joins_.size(); ++i) {
      const std::string right = format("r{}", i);
      from += format(" LEFT JOIN {0} AS {1} ON k._kp_id_{2} = {1}.file_row_number",
                     numbered(*context_.input.find(joins_[i].table)), right, i);
      for (std::size_t c = 0; c < joins_[i].take.size(); ++c) {
        add(right, joins_[i].take[c], joins_[i].names[c]);
      }
    }
    items.insert(items.end(), more.begin(), more.end());
    return format("SELECT {} FROM {} ORDER BY s.file_row_number", join(items, ", "), from);
  }

  // In the names of a curated row.
  Status find_no_value() {
    Json found = Json::array();
    const auto look = [&](const records::Table& table, const std::vector<std::string>& names,
                          const std::vector<std::string>& as) -> Status {
      std::set<std::string> wanted;
      for (std::size_t i = 0; i < names.size(); ++i) {
        if (leaves(*rows_.find(as[i]))) wanted.insert(names[i]);
      }
      TRY(const auto counts, count_no_value(context_, table, wanted));
      for (std::size_t i = 0; i < names.size(); ++i) {
        const auto count = counts.find(names[i]);
        if (count == counts.end()) continue;
        no_value_.insert(as[i]);
        found.push(Json::object()
                       .set("column", as[i])
                       .set("table", table.name)
                       .set("values", count->second));
        outcome_.warnings.push_back(
            format("\"{}\" holds {} ({} in \"{}\"): made null", as[i],
                   rows_.find(as[i])->type == "string" ? "empty texts" : "NaN",
                   grouped(count->second), table.name));
      }
      return {};
    };
    TRY_STATUS(look(spine_, spine_.schema.names(), spine_.schema.names()));
    for (const Join& join : joins_) {
      TRY_STATUS(look(*context_.input.find(join.table), join.take, join.names));
    }
    outcome_.report.set("no_value", std::move(found));
    return {};
  }

  Status write() {
    records::TableSchema training = leaving(std::string(kTraining));
    const std::string origin = section_.at("target").text_at("expr");
    training.columns.push_back({target_, target_type(), {}, origin});
    const std::string made_here = "curate.split";  // not an error id
    training.columns.push_back({std::string(kSplitColumn), "string", {}, made_here});
    std::vector<std::string> more = {format("k._kp_target AS {}", identifier(target_)), "k._split"};
    if (split_kind_ == "kfold") {
      training.columns.push_back({std::string(kFoldColumn), "int32", {}, made_here});
      more.push_back("k._fold");
    }
    const std::string sided =
        "SELECT * FROM kingpost_rows JOIN kingpost_split USING (_kp_row) WHERE _split IS ";
    TRY(records::Table table,
        write_table(context_, training, rows_query(more, sided + "NOT NULL")));
    const std::int64_t out = table.rows + unlabelled_ + set_apart_;
    TRY_STATUS(account_rows(kUnaccounted, spine_.name, spine_.rows, out));
    outcome_.output.put(std::move(table));
    if (unlabelled_ > 0) {
      TRY(records::Table rows,
          write_table(context_, leaving("training.unlabelled"),
                      rows_query({}, "SELECT * FROM kingpost_rows WHERE NOT _kp_labelled")));
      outcome_.beside.put(std::move(rows));
    }
    if (set_apart_ > 0) {
      TRY(records::Table rows,
          write_table(context_, leaving("training.set_apart"), rows_query({}, sided + "NULL")));
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
  std::set<std::string> no_value_;
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
