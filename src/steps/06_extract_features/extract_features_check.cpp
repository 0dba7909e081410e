// SPDX-License-Identifier: Apache-2.0
// What can be told of features before anything runs: columns, knowledge time, types, and whether
// the graph can say an expression.
#include <optional>
#include <set>

#include "base/text.h"
#include "engines/sql/expression.h"
#include "steps/06_extract_features/expression/compiler.h"
#include "steps/06_extract_features/extract_features.h"
#include "steps/06_extract_features/treatments.h"
#include "steps/knowledge.h"

namespace kingpost::steps::extract_features {
namespace {

// The columns of a curated row and those held back from it, so that a feature made of the latter is
// told why it cannot be.
records::TableSchema all_columns(const records::Catalog& catalog, const Node& target) {
  records::TableSchema out;
  out.name = "training";
  const auto add = [&](const records::TableSchema& table) {
    for (const records::Column& column : table.columns) {
      if (out.find(column.name) == nullptr) out.columns.push_back(column);
    }
  };
  add(*catalog.find("training"));
  for (const records::TableSchema& table : catalog.tables) add(table);
  const std::string name = target.text_at("name");
  if (out.find(name) == nullptr) out.columns.push_back({name, "string", {}, "the target"});
  return out;
}

class FeatureCheck {
 public:
  explicit FeatureCheck(CheckContext& context)
      : context_(context),
        training_(*context.catalog.find("training")),
        target_(context.pipeline.at("curate").at("target").text_at("name")),
        columns_(all_columns(context.catalog, context.pipeline.at("curate").at("target"))) {}

  void check() {
    names();
    reserved();
    for (const Node& feature : context_.section.list("columns")) {
      const std::size_t before = context_.faults.size();
      look_at(feature);
      if (context_.faults.size() == before) compile(feature);
    }
    for (const Node& column : context_.section.list("exclude")) {
      if (training_.find(column.text) == nullptr) missing(column);
    }
  }

 private:
  void names() {
    std::set<std::string> seen;
    for (const Node& feature : context_.section.list("columns")) {
      const Node& name = feature.at("name");
      if (seen.insert(name.text).second) continue;
      context_.faults.add(fault_at(name.mark, "extract_features.name_twice",
                                   format("there are two features \"{}\"", shown(name.text)),
                                   "give one of them another name"));
    }
  }

  // A graph's inputs are called as the columns, and so may not be called as its outputs.
  void reserved() {
    for (const char* name : {"features", "prediction", "probability", "probabilities"}) {
      if (training_.find(name) == nullptr || target_ == name) continue;
      context_.faults.add(fault_at(
          context_.pipeline.at("curate").mark, "extract_features.name_reserved",
          format("a curated row has a column \"{}\", which is what a model calls its answer", name),
          "rename it in standardise"));
    }
  }

  void missing(const Node& name) {
    context_.faults.add(
        fault_at(name.mark, "extract_features.column_missing",
                 format("a curated row has no column \"{}\"", shown(name.text)),
                 did_you_mean(name.text, training_.names(), "give the feature an expr")));
  }

  void refuse_late(const Node& at, const std::vector<std::string>& used) {
    const auto predict_at = predict_at_of(context_.pipeline.at("curate"));
    for (const std::string& name : used) {
      const records::Column* column = columns_.find(name);
      if (column == nullptr) continue;
      const std::size_t offset = at.text.find(name);
      const Place place =
          at.mark.place_within(offset == std::string::npos ? 0 : offset, name.size());
      if (name == target_) {
        context_.faults.add(fault_at(at.mark, "extract_features.leak",
                                     format("\"{}\" is the target itself", name),
                                     "a model may not see what it is to predict")
                                .at(place));
        continue;
      }
      if (known_in_time(column->known_at, predict_at)) continue;
      context_.faults.add(
          fault_at(
              at.mark, "extract_features.leak",
              format("the feature would use what is not known yet: {}",
                     leak_text(*column, predict_at.value_or(PredictAt{}))),
              "use a column that is known at the prediction; if this one is, declare its known_at "
              "in terms of predict_at's own column")
              .at(place));
    }
  }

  void look_at(const Node& feature) {
    const Node* expression = feature.find("expr");
    if (expression == nullptr) {
      const Node& name = feature.at("name");
      if (columns_.find(name.text) == nullptr) return missing(name);
      return refuse_late(name, {name.text});
    }
    const auto checked =
        sql::check_expression(context_.sql, *expression, columns_, "extract_features",
                              context_.faults, sql::Depth::kNames);
    if (!checked) return;
    refuse_late(*expression, checked->columns);
    if (!checked->columns.empty()) return;
    context_.faults.add(fault_at(expression->mark, "extract_features.constant_expression",
                                 "the feature is the same for every row",
                                 "use a column of a curated row"));
  }

  // Only once every column is there and known in time: a scratch graph tells the rest.
  void compile(const Node& feature) {
    Node section;
    section.kind = Node::Kind::kMap;
    Node list;
    list.kind = Node::Kind::kList;
    list.items.push_back(feature);
    section.entries.push_back({"columns", {}, std::move(list)});
    const Node& at = feature.has("expr") ? feature.at("expr") : feature.at("name");
    if (!has_fitting_type(feature, at)) return;
    const TypeOf type_of_time = [&](const Node& time) { return type_of(time).value_or(""); };
    for (const Treatment& each : treatments_of(section, training_, {}, type_of_time).features) {
      if (each.column.empty()) type_of(each.expression);
    }
  }

  // The type of an expression, or nothing where it is faulty.
  std::optional<std::string> type_of(const Node& expression) {
    return type_of_expression(context_.sql, expression, training_, context_.faults);
  }

  bool has_fitting_type(const Node& feature, const Node& at) {
    std::optional<std::string> type;
    if (feature.has("expr")) {
      type = type_of(at);
    } else {
      type = training_.find(at.text)->type;
    }
    if (!type) return false;
    const std::string kind = feature.text_at("type");
    const bool whole = records::is_integer(*type) || *type == "boolean";
    const bool number = records::is_numeric(*type) || *type == "boolean";
    const bool fits = (kind == "number" && number) || (kind == "cyclic" && number) ||
                      (kind == "boolean" && *type == "boolean") ||
                      (kind == "category" && (*type == "string" || whole)) ||
                      (kind == "timestamp" && records::is_temporal(*type));
    if (fits) return true;
    std::string hint = "give it another type";
    if (kind == "number" && records::is_temporal(*type)) hint = "use type: timestamp";
    if (kind == "number" && *type == "string") hint = "use type: category, or CAST it";
    if (kind == "category") hint = "use type: number, or CAST it to an integer";
    if (kind == "boolean") hint = "write a condition, as in `x > 0`";
    context_.faults.add(fault_at(
        at.mark, "extract_features.type",
        format("\"{}\" is {}, which is no {}", feature.text_at("name"), *type, kind), hint));
    return false;
  }

  CheckContext& context_;
  const records::TableSchema& training_;
  std::string target_;
  records::TableSchema columns_;
};

}  // namespace

void check(CheckContext& context) {
  if (context.catalog.find("training") == nullptr) return;
  if (auto defined = define_functions(context.sql); !defined) {
    context.faults.add(defined.error());
    return;
  }
  FeatureCheck(context).check();
}

}  // namespace kingpost::steps::extract_features
