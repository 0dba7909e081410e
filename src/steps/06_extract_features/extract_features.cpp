// SPDX-License-Identifier: Apache-2.0
// The recipe: treatments, fits on training rows, graph, matrix; for a k-fold split once more for
// each fold.
#include "steps/06_extract_features/extract_features.h"

#include "base/text.h"
#include "engines/sql/dialect.h"
#include "steps/06_extract_features/expression/compiler.h"
#include "steps/06_extract_features/featurizer.h"
#include "steps/06_extract_features/matrices.h"
#include "steps/06_extract_features/treatments.h"

namespace kingpost::steps::extract_features {
namespace {

constexpr const char* kTrain = "_split = 'train'";

std::vector<std::string> held_back(const Node& pipeline) {
  std::vector<std::string> out = {pipeline.at("curate").at("target").text_at("name"), "_split",
                                  "_fold"};
  const std::string weight = pipeline.at("train").text_at("weight");
  if (!weight.empty()) out.push_back(weight);
  return out;
}

class Extraction {
 public:
  explicit Extraction(RunContext& context)
      : context_(context), table_(*context.input.find("training")) {
    for (const records::Column& column : table_.schema.columns) {
      if (column.name != "_split" && column.name != "_fold") columns_.columns.push_back(column);
    }
    columns_.name = table_.name;
    columns_.key = table_.schema.key;
  }

  Result<Outcome> run() {
    TRY_STATUS(define_functions(context_.sql));
    TRY_STATUS(read_target());
    outcome_.output = context_.input;
    RowLabels labels(table_, target_);
    TRY_STATUS(extract("", kTrain, &labels));
    TRY_STATUS(extract_folds());
    return std::move(outcome_);
  }

 private:
  Status read_target() {
    const Node& target = context_.pipeline.at("curate").at("target");
    target_.name = target.text_at("name");
    const std::string type = target.text_at("type");
    if (type == "number") return {};
    target_.task = records::Task::kBinary;
    target_.classes = {"false", "true"};
    if (type == "binary") return {};
    target_.task = records::Task::kMulticlass;
    target_.classes.clear();
    TRY(const auto rows,
        context_.sql.query(format("SELECT DISTINCT {0} AS c FROM {1} ORDER BY {0}",
                                  sql::identifier(target_.name), from_table(context_, table_))));
    for (std::size_t r = 0; r < rows.size(); ++r) target_.classes.push_back(rows.text(r, "c"));
    return {};
  }

  // Featurizer, features and matrix, fitted on the rows of the condition.
  Status extract(const std::string& fold, const std::string& fitted_on, RowLabels* labels) {
    Faults faults;
    const TypeOf type_of = [&](const Node& expression) {
      return type_of_expression(context_.sql, expression, columns_, faults).value_or("");
    };
    auto treatments =
        treatments_of(context_.section, columns_, held_back(context_.pipeline), type_of);
    const FitRows rows{from_table(context_, table_, true), fitted_on, table_.rows,
                       context_.settings.engine.threads};
    TRY(const auto fits, fit_features(context_.sql, rows, target_, label_sql(target_),
                                      treatments.features, treatments.left_out));
    if (treatments.features.empty()) {
      return fail(Code::kDataRejected, "extract_features.no_feature",
                  "no column of a curated row is fit to be a feature")
          .hint("name features under extract_features.columns");
    }
    const Featurizer featurizer =
        make_featurizer(context_.sql, columns_, treatments.features, fits, target_, faults);
    if (!faults.empty()) return Error(faults.errors().front());
    const std::string graph = featurizer.graph.bytes();
    TRY(auto graph_file, seal_bytes(context_, format("featurizer{}.onnx", fold), graph));
    outcome_.output.put(std::move(graph_file));
    TRY(auto matrix,
        write_matrix(context_, table_,
                     {featurizer, fits, fitted_on, format("matrix{}.npy", fold), labels}));
    std::vector<Finished> finished = {std::move(matrix)};
    if (labels != nullptr) TRY_STATUS(labels->write(context_, finished));
    TRY_STATUS(seal_files(context_, finished, outcome_.output));
    Json fitted = Json::array();
    for (std::size_t i = 0; i < fits.size(); ++i) {
      fitted.push(fit_json(treatments.features[i], fits[i]));
    }
    if (fold.empty()) report(treatments, fits, featurizer);
    Json json = Json::object();
    json.set("features", records::to_json(featurizer.set)).set("fits", std::move(fitted));
    TRY(auto file, seal_bytes(context_, format("features{}.json", fold), json.canonical()));
    outcome_.output.put(std::move(file));
    return {};
  }

  Status extract_folds() {
    if (table_.schema.find("_fold") == nullptr) return {};
    TRY(const auto rows,
        context_.sql.query(format("SELECT coalesce(max(_fold), -1) AS last FROM {}",
                                  from_table(context_, table_))));
    for (std::int64_t fold = 0; fold <= rows.integer(0, "last"); ++fold) {
      TRY_STATUS(
          extract(format(".fold_{}", fold), format("{} AND _fold <> {}", kTrain, fold), nullptr));
    }
    return {};
  }

  static std::string kind_word(const Treatment& feature) {
    if (feature.kind == Kind::kCyclic) return "cyclic";
    if (feature.kind == Kind::kCategory) return "category";
    return feature.is_boolean ? "boolean" : "number";
  }

  // For people: what each feature came to; the fitted values stand in features.json.
  void report(const Treatments& treatments, const std::vector<Fit>& fits,
              const Featurizer& featurizer) {
    Json features = Json::array();
    for (std::size_t i = 0; i < fits.size(); ++i) {
      const Treatment& feature = treatments.features[i];
      const CategoryFit& category = fits[i].category;
      Json each = Json::object();
      each.set("name", feature.name).set("type", kind_word(feature));
      if (feature.kind == Kind::kCategory) {
        each.set("levels", category.levels.size()).set("missing", category.nulls);
        each.set("other_levels", category.other_levels).set("other_rows", category.other_rows);
      }
      if (feature.kind == Kind::kNumber) {
        each.set("missing", fits[i].number.nulls).set("fill", fits[i].number.fill);
      }
      features.push(std::move(each));
      note_warnings(feature, fits[i]);
    }
    Json left_out = Json::array();
    for (const LeftOut& each : treatments.left_out) {
      left_out.push(Json::object().set("column", each.column).set("why", each.why));
    }
    Json graph = Json::object();
    graph.set("inputs", featurizer.set.inputs.size()).set("nodes", featurizer.graph.node_count());
    graph.set("exact", featurizer.set.exact);
    outcome_.report.set("features", std::move(features)).set("left_out", std::move(left_out));
    outcome_.report.set("graph", std::move(graph));
    outcome_.counts = {{"features", static_cast<std::int64_t>(treatments.features.size())},
                       {"columns", static_cast<std::int64_t>(featurizer.set.columns.size())},
                       {"rows", table_.rows}};
  }

  void note_warnings(const Treatment& feature, const Fit& fit) {
    if (feature.kind == Kind::kCategory && fit.category.levels.empty()) {
      outcome_.warnings.push_back(
          format("the category \"{}\" has no level with enough rows", feature.name));
    }
  }

  RunContext& context_;
  const records::Table& table_;
  records::TableSchema columns_;
  records::Target target_;
  Outcome outcome_;
};

}  // namespace

Result<Json> key_parts(KeyContext& context) {
  const Node& target = context.pipeline.at("curate").at("target");
  Json out = Json::object();
  out.set("target",
          Json::object().set("name", target.text_at("name")).set("type", target.text_at("type")));
  out.set("weight", context.pipeline.at("train").text_at("weight"));
  return out;
}

Result<Outcome> run(RunContext& context) {
  return Extraction(context).run();
}

}  // namespace kingpost::steps::extract_features
