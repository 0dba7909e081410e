// SPDX-License-Identifier: Apache-2.0
// What can be known of the curated rows before any is made: their columns, types and times.
#include <algorithm>

#include "base/text.h"
#include "engines/sql/dialect.h"
#include "engines/sql/expression.h"
#include "steps/05_curate/curate.h"
#include "steps/05_curate/joins.h"
#include "steps/knowledge.h"

namespace kingpost::steps::curate {
namespace {

class Checker {
 public:
  explicit Checker(CheckContext& context)
      : context_(context), predict_at_(predict_at_of(context.section)) {}

  void check() {
    const Node& spine = context_.section.at("spine");
    const records::TableSchema* found = table(spine);
    if (found == nullptr) return;
    spine_ = *found;
    rows_ = spine_;
    check_predict_at();
    joins_ = joins_of(context_.section);
    for (const Join& join : joins_) check_join(join);
    check_target();
    check_split();
    check_checks();
    leave();
  }

 private:
  void fault(const Mark& mark, std::string_view id, std::string what, std::string hint = {}) {
    context_.faults.add(fault_at(mark, format("curate.{}", id), std::move(what), std::move(hint)));
  }

  const records::TableSchema* table(const Node& node) {
    const auto* found = context_.catalog.find(node.text);
    if (found == nullptr) {
      fault(node.mark, "unknown_table", format("there is no table \"{}\"", shown(node.text)),
            did_you_mean(node.text, context_.catalog.names(),
                         format("tables: {}", listed(context_.catalog.names()))));
    }
    return found;
  }

  const records::Column* column(const Mark& mark, const std::string& name,
                                const records::TableSchema& schema) {
    const auto* found = schema.find(name);
    if (found == nullptr) {
      fault(mark, "column_missing",
            format("column \"{}\" does not exist in \"{}\"", shown(name), schema.name),
            did_you_mean(name, schema.names(), format("columns: {}", listed(schema.names(), 30))));
    }
    return found;
  }

  void time_column(const Node& node, const records::TableSchema& schema) {
    const auto* found = column(node.mark, node.text, schema);
    if (found == nullptr || records::is_temporal(found->type)) return;
    fault(node.mark, "not_a_time",
          format("column \"{}\" is of type {}, not a time", found->name, found->type),
          "declare its type in ingest, or convert it in standardise");
  }

  void check_predict_at() {
    const Node& node = context_.section.at("predict_at");
    if (!predict_at_) {
      for (const records::Column& each : spine_.columns) {
        if (each.known_at.empty()) continue;
        fault(context_.section.at("spine").mark, "predict_at_missing",
              format("\"{}\" has columns that are known only later, such as \"{}\"", spine_.name,
                     each.name),
              "say when the prediction is made: predict_at: {column: ..., offset: ...}");
        return;
      }
      return;
    }
    time_column(node.at("column"), spine_);
    const auto* found = spine_.find(predict_at_->column);
    if (found != nullptr && !found->known_at.empty()) {
      fault(node.at("column").mark, "leak",
            format("the moment of prediction is \"{}\", which is itself known only at {}",
                   found->name, records::knowledge_text(found->known_at)),
            "take a time that is known beforehand");
    }
  }

  void check_join(const Join& join) {
    const Node& node = *join.node;
    const records::TableSchema* right = table(node.at("table"));
    if (right == nullptr) return;
    if (join.left.empty() && join.asof.empty()) {
      fault(node.mark, "join_without_match", "a join wants columns to match",
            "match: {left: right}");
    }
    for (const Entry& entry : node.map("match")) check_match(entry, *right);
    if (join.asof.empty()) {
      check_plain(join, *right);
    } else {
      check_asof(join, *right);
    }
    take(join, *right);
  }

  void check_match(const Entry& entry, const records::TableSchema& right) {
    const auto* left_column = column(entry.key_mark, entry.key, rows_);
    const auto* right_column = column(entry.value.mark, entry.value.text, right);
    if (left_column == nullptr || right_column == nullptr) return;
    const bool same =
        left_column->type == right_column->type ||
        (records::is_numeric(left_column->type) && records::is_numeric(right_column->type));
    if (!same) {
      fault(entry.value.mark, "match_types",
            format("\"{}\" is {} and \"{}.{}\" is {}: they never match", entry.key,
                   left_column->type, right.name, right_column->name, right_column->type),
            "give both the same type in standardise");
    }
    if (predict_at_ && !known_in_time(left_column->known_at, predict_at_)) {
      fault(entry.key_mark, "leak",
            format("the join to \"{}\" would use what is not known yet: {}", right.name,
                   leak_text(*left_column, *predict_at_)),
            "match on columns that are known beforehand");
    }
  }

  // Without a time, nothing says when the right row was there.
  void check_plain(const Join& join, const records::TableSchema& right) {
    if (join.ttl) {
      fault(join.node->at("ttl").mark, "ttl_without_asof", "ttl goes with asof",
            "name the time column of the right table: asof: ...");
    }
    if (!predict_at_ || right.is_static) return;
    for (const Node& taken : join.node->list("take")) {
      const auto* found = right.find(taken.text);
      if (found == nullptr || found->known_at.empty()) continue;
      return fault(taken.mark, "leak",
                   format("the join to \"{}\" may bring what is not known yet: {}", right.name,
                          leak_text(*found, *predict_at_)),
                   "join it as of its time: asof: TIME_COLUMN, so that only known rows are taken");
    }
    fault(join.node->at("table").mark, "join_not_static",
          format("nothing says when the rows of \"{}\" are known", right.name),
          "say `static: true` in ingest if they always were, or join it with asof and known_at");
  }

  void check_asof(const Join& join, const records::TableSchema& right) {
    if (!predict_at_) {
      fault(join.node->at("asof").mark, "predict_at_missing",
            "an as-of join wants the moment of prediction",
            "predict_at: {column: ..., offset: ...}");
    }
    time_column(join.node->at("asof"), right);
    const bool known =
        right.is_static || std::any_of(right.columns.begin(), right.columns.end(),
                                       [](const auto& each) { return !each.known_at.empty(); });
    if (!known) {
      fault(join.node->at("table").mark, "join_not_static",
            format("nothing says when the rows of \"{}\" are known", right.name),
            "declare known_at in ingest, or `static: true`");
    }
  }

  // The columns that a join brings are known at the moment of prediction: the join sees to it.
  void take(const Join& join, const records::TableSchema& right) {
    const auto& nodes = join.node->list("take");
    for (std::size_t i = 0; i < join.take.size(); ++i) {
      const auto* found = column(nodes[i].mark, join.take[i], right);
      if (found == nullptr) continue;
      if (rows_.find(join.names[i]) != nullptr) {
        fault(nodes[i].mark, "column_collision",
              format("column \"{}\" of \"{}\" is already there (from {})", join.names[i],
                     right.name, rows_.find(join.names[i])->origin),
              "rename it in standardise, or give the join a prefix");
        continue;
      }
      rows_.columns.push_back({join.names[i], found->type, {}, found->origin});
    }
  }

  void check_target() {
    const Node& target = context_.section.at("target");
    const auto expression =
        sql::check_expression(context_.sql, target.at("expr"), rows_, "curate", context_.faults);
    // A target may be named after the column it is, as when a class column is the target itself.
    target_ = target.text_at("name");
    if (!expression) return;
    const bool itself = expression->text == target_;
    if (rows_.find(target_) != nullptr && !itself) {
      fault(target.at("name").mark, "column_collision",
            format("the target's name \"{}\" is that of a column", target_),
            "give it another name");
    }
    const std::string type = target.text_at("type");
    const bool fits = (type == "number" && records::is_numeric(expression->type)) ||
                      (type == "binary" && expression->type == "boolean") ||
                      (type == "multiclass" && !records::is_temporal(expression->type));
    if (!fits) {
      fault(
          target.at("expr").mark, "target_type",
          format("a {} target cannot be of type {}", type, expression->type),
          type == "binary" ? "compare it, e.g. arr_delay > 15" : "cast it, or choose another type");
    }
    target_sources_ = expression->columns;
    target_known_at_ = expression->known_at;
  }

  void check_split() {
    const Node* split = context_.section.find("split");
    if (split == nullptr) return;
    if (split->text_at("type") == "time") return check_time_split(*split);
    for (const Node& each : split->list("by")) column(each.mark, each.text, rows_);
    if (const Node* by = split->find("by"); by != nullptr && by->is_scalar()) {
      if (by->text != target_) column(by->mark, by->text, rows_);
    }
    if (split->number("validation") + split->number("test") >= 1) {
      fault(split->mark, "split_shares", "validation and test leave no row to train on",
            "let their shares sum up to less than 1");
    }
    if (split->text_at("type") == "key_hash" && split->list("by").empty() && spine_.key.empty()) {
      fault(split->mark, "split_no_key", format("\"{}\" has no key", spine_.name),
            "declare `key` in ingest, or name columns under `by`");
    }
  }

  void check_time_split(const Node& split) {
    time_column(split.at("column"), rows_);
    const Node& from = split.at("validation_from");
    const Node& test = split.at("test_from");
    if (*parse_timestamp(from.text) >= *parse_timestamp(test.text)) {
      fault(test.mark, "split_order",
            format("test_from {} is not after validation_from {}", test.text, from.text),
            "rows are trained on before validation_from, and tested from test_from on");
    }
    const auto zone = context_.sql.query(format("SELECT timezone({}, TIMESTAMP '2000-01-01') AS t",
                                                sql::literal(split.text_at("tz"))));
    if (!zone) {
      fault(split.at("tz").mark, "unknown_zone",
            format("there is no time zone \"{}\"", shown(split.text_at("tz"))),
            "write e.g. UTC or America/New_York");
    }
  }

  void check_checks() {
    for (const Node& check : context_.section.list("checks")) {
      if (check.has("table")) table(check.at("table"));
      if (check.has("column")) column(check.at("column").mark, check.text_at("column"), rows_);
      for (const Node& each : check.list("columns")) column(each.mark, each.text, rows_);
    }
  }

  // What leaves: the rows less what is not known in time, and the target; what is held back stays
  // in the catalog under a name of its own, so that a later step can say why it is not there.
  void leave() {
    for (const records::Column& each : rows_.columns) {
      if (each.name != kSplitColumn && each.name != kFoldColumn) continue;
      fault(context_.section.mark, "column_reserved",
            format("column \"{}\" (from {}) has a name that this step gives itself", each.name,
                   each.origin),
            "rename it in standardise");
    }
    records::TableSchema training{std::string(kTraining), {}, spine_.key, false};
    records::TableSchema withheld{std::string(kWithheld), {}, {}, false};
    for (const records::Column& each : rows_.columns) {
      const bool late = predict_at_ && !known_in_time(each.known_at, predict_at_);
      const bool is_target = each.name == target_;
      (late || is_target ? withheld : training).columns.push_back(each);
    }
    context_.catalog.tables = {std::move(training), std::move(withheld)};
  }

  CheckContext& context_;
  std::optional<PredictAt> predict_at_;
  records::TableSchema spine_;
  records::TableSchema rows_;
  std::vector<Join> joins_;
  std::string target_;
  std::vector<std::string> target_sources_;
  records::Knowledge target_known_at_;
};

}  // namespace

void check(CheckContext& context) {
  if (!context.section.is_map()) {
    context.faults.add(
        fail(Code::kInvalidInput, "curate.section_missing", "the file has no section \"curate\"")
            .at(context.pipeline.mark.place())
            .hint("curate: {spine: TABLE, target: {name: ..., type: ..., expr: ...}}"));
    return;
  }
  Checker(context).check();
}

}  // namespace kingpost::steps::curate
