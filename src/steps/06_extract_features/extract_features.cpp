// SPDX-License-Identifier: Apache-2.0
// The leak check of features.
#include "steps/06_extract_features/extract_features.h"

#include "base/text.h"
#include "engines/sql/expression.h"
#include "steps/knowledge.h"

namespace kingpost::steps::extract_features {
namespace {

// The columns of a curated row and those held back from it, so that a feature made of the latter is
// told why it cannot be.
records::TableSchema all_columns(const records::Catalog& catalog, const Node& target) {
  records::TableSchema out;
  out.name = "training";
  for (const records::TableSchema& table : catalog.tables) {
    out.columns.insert(out.columns.end(), table.columns.begin(), table.columns.end());
  }
  const std::string name = target.text_at("name");
  if (out.find(name) == nullptr) out.columns.push_back({name, "string", {}, "the target"});
  return out;
}

void refuse_late(CheckContext& context, const Node& at, const std::vector<std::string>& used,
                 const records::TableSchema& columns) {
  const auto predict_at = predict_at_of(context.pipeline.at("curate"));
  for (const std::string& name : used) {
    const records::Column* column = columns.find(name);
    if (column == nullptr) continue;
    const std::size_t offset = at.text.find(name);
    const Place place = at.mark.place_within(offset == std::string::npos ? 0 : offset, name.size());
    if (name == context.pipeline.at("curate").at("target").text_at("name")) {
      context.faults.add(fault_at(at.mark, "extract_features.leak",
                                  format("\"{}\" is the target itself", name),
                                  "a model may not see what it is to predict")
                             .at(place));
      continue;
    }
    if (known_in_time(column->known_at, predict_at)) continue;
    context.faults.add(
        fault_at(
            at.mark, "extract_features.leak",
            format("the feature would use what is not known yet: {}",
                   leak_text(*column, predict_at.value_or(PredictAt{}))),
            "use a column that is known at the prediction; if this one is, declare its known_at "
            "in terms of predict_at's own column")
            .at(place));
  }
}

}  // namespace

void check(CheckContext& context) {
  if (!context.section.is_map()) return;
  if (context.catalog.find("training") == nullptr) return;
  const records::TableSchema columns =
      all_columns(context.catalog, context.pipeline.at("curate").at("target"));
  for (const Node& feature : context.section.list("columns")) {
    if (const Node* expression = feature.find("expr")) {
      const auto checked =
          sql::check_expression(context.sql, *expression, columns, "extract_features",
                                context.faults, sql::Depth::kNames);
      if (checked) refuse_late(context, *expression, checked->columns, columns);
      continue;
    }
    const Node& name = feature.at("name");
    if (columns.find(name.text) == nullptr) {
      context.faults.add(
          fault_at(name.mark, "extract_features.column_missing",
                   format("a curated row has no column \"{}\"", shown(name.text)),
                   did_you_mean(name.text, columns.names(), "give the feature an expr")));
      continue;
    }
    refuse_late(context, name, {name.text}, columns);
  }
}

}  // namespace kingpost::steps::extract_features
