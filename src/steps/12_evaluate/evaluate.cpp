// SPDX-License-Identifier: Apache-2.0
// The recipe: count the opening, predict through the whole graph, measure, and say how sure.
#include "steps/12_evaluate/evaluate.h"

#include <algorithm>

#include "base/digest.h"
#include "base/text.h"
#include "engines/sql/dialect.h"
#include "steps/12_evaluate/curves.h"
#include "steps/12_evaluate/explanations.h"
#include "steps/12_evaluate/measuring.h"
#include "steps/importance.h"
#include "steps/ordered_rows.h"
#include "steps/scoring.h"

namespace kingpost::steps::evaluate {
namespace {

constexpr const char* kTemporary = "kingpost_predictions";
constexpr std::int64_t kManyOpenings = 5;

class Evaluation {
 public:
  explicit Evaluation(RunContext& context) : context_(context) {}

  Result<Outcome> run() {
    outcome_.output = context_.input;
    TRY(trained_, read_trained(context_));
    TRY(test_, read_side(context_, Side::kTest));
    TRY(const Json verdicts, json_of(context_, "verdicts.json"));
    for (const TrainedModel& model : trained_.models) {
      const Json& verdict = verdicts[model.name];
      if (verdict["valid"].boolean() || verdict["reference"].boolean()) models_.push_back(&model);
    }
    TRY_STATUS(open());
    if (test_.numbers.empty()) {
      outcome_.warnings.emplace_back("there are no test rows: no model is measured on unseen rows");
    } else {
      TRY_STATUS(predict());
      TRY_STATUS(judge());
      TRY_STATUS(write_predictions());
    }
    evaluation_.set("rows", static_cast<std::int64_t>(test_.numbers.size()));
    evaluation_.set("metric", train_metric(context_.pipeline));
    outcome_.report = evaluation_;
    TRY(records::File file, seal_bytes(context_, "evaluation.json", evaluation_.dump()));
    outcome_.output.put(std::move(file));
    outcome_.counts = {{"test rows", static_cast<std::int64_t>(test_.numbers.size())},
                       {"models", static_cast<std::int64_t>(models_.size())},
                       {"slices", measuring_ ? measuring_->slice_count() : 0}};
    return std::move(outcome_);
  }

 private:
  // Which version of the models this is on these test rows. Looking again at a version that was
  // measured before tells nothing new.
  Status open() {
    if (context_.journal == nullptr || test_.numbers.empty()) {
      evaluation_.set("test_opened", 0);
      return {};
    }
    TRY(const std::string rows, digest_of_test());
    std::string version;
    for (const TrainedModel* model : models_) {
      const records::File* file = context_.input.find_file(format("model.{}.onnx", model->name));
      version += format("{} {}\n", model->name, file->digest);
    }
    version += context_.input.find_file("featurizer.onnx")->digest;
    TRY(const store::TestOpening opening, context_.journal->open_test(rows, sha256_of(version)));
    evaluation_.set("test_opened", opening.number);
    if (opening.number > kManyOpenings) {
      outcome_.warnings.push_back(
          format("these test rows have measured {} versions; the more are tried on them, the more "
                 "their numbers flatter: set new rows aside",
                 opening.number));
    }
    return {};
  }

  // The test set is its keys, or all its columns where it has none, and its labels.
  Result<std::string> digest_of_test() {
    const records::Table& table = *context_.input.find("training");
    const auto columns = table.schema.key.empty() ? table.schema.names() : table.schema.key;
    std::vector<std::string> texts;
    for (const std::string& name : columns) {
      texts.push_back(format("coalesce(CAST({} AS VARCHAR), chr(1))", sql::identifier(name)));
    }
    Sha256 digest;
    TRY_STATUS(stream_in_order(context_.sql,
                               {format("concat_ws(chr(31), {}) AS row", join(texts, ", ")),
                                from_table(context_, table, true), "_split = 'test'"},
                               [&](records::Batch& batch) {
                                 for (const std::string& row : batch.columns[0].texts) {
                                   digest.add(row.data(), row.size() + 1);
                                 }
                                 return Status();
                               }));
    digest.add(test_.labels.data(), test_.labels.size() * sizeof(double));
    return digest.finish();
  }

  Status predict() {
    for (const TrainedModel* each : models_) {
      TRY(std::vector<double> scores, predicted_by(*each));
      TRY_STATUS(account_rows("evaluate.rows_unaccounted", each->name,
                              static_cast<std::int64_t>(test_.numbers.size()),
                              static_cast<std::int64_t>(scores.size()) / trained_.outputs()));
      scores_.push_back(std::move(scores));
    }
    return {};
  }

  Result<std::vector<double>> predicted_by(const TrainedModel& model) {
    TRY(const auto whole, whole_model(context_, trained_, model.name));
    std::vector<double> out;
    const auto take = [&](const Scored& rows) -> Status {
      TRY(const auto some, scores_of(trained_, *whole, rows.outputs));
      out.insert(out.end(), some.begin(), some.end());
      return {};
    };
    TRY_STATUS(score_rows(context_.sql, side_query(context_, trained_, Side::kTest), *whole,
                          context_.settings.engine.threads, take));
    return out;
  }

  ScoredRows rows_of(std::size_t index) const {
    return scored(trained_, test_, scores_[index], models_[index]->threshold);
  }

  Status judge() {
    measuring_ = std::make_unique<Measuring>(context_, trained_, outcome_.warnings);
    TRY_STATUS(measuring_->begin());
    std::vector<ScoredRows> rows;
    for (std::size_t i = 0; i < models_.size(); ++i) rows.push_back(rows_of(i));
    TRY(const std::vector<Json> measured, measuring_->measured(rows));
    for (std::size_t i = 0; i < models_.size(); ++i) {
      const TrainedModel& model = *models_[i];
      Json out = measured[i];
      out.set("family", model.family);
      out.set("curves", curves(rows[i], trained_.features.target));
      TRY_STATUS(look_into(model, out));
      evaluation_.set(model.name, std::move(out));
    }
    if (measuring_->left_out() > 0) evaluation_.set("slices_left_out", measuring_->left_out());
    return {};
  }

  // Importances on test rows, and explanations.
  Status look_into(const TrainedModel& model, Json& out) {
    Json importances = Json::array();
    const Node& asked = context_.section.at("importances");
    Shuffling shuffling;
    shuffling.metric = train_metric(context_.pipeline);
    shuffling.threads = context_.settings.engine.threads;
    if (asked.has("rows")) shuffling.rows = asked.integer("rows");
    if (asked.has("repeats")) shuffling.repeats = asked.integer("repeats");
    if (asked.has("seed")) shuffling.seed = asked.integer("seed");
    if (shuffling.rows > 0 && model.family != "constant") {
      auto found = steps::importances(context_, trained_, model, test_, shuffling);
      if (!found && found.error().id() != "metrics.undefined") return std::move(found).error();
      if (!found) {
        outcome_.warnings.push_back(
            format("{}: no importances: {}", model.name, found.error().what()));
      } else {
        for (const Importance& each : *found) {
          Json one = Json::object();
          one.set("feature", each.feature).set("value", each.value);
          importances.push(std::move(one.set("deviation", each.deviation)));
        }
      }
    }
    out.set("importances", std::move(importances));
    const Node& explain = context_.section.at("explain");
    const std::int64_t rows = explain.has("rows") ? explain.integer("rows") : 500;
    TRY(Json explained, explanations(context_, trained_, model, test_, rows));
    out.set("explanations", std::move(explained));
    return {};
  }

  Status write_predictions() {
    records::Batch batch;
    batch.rows = static_cast<std::int64_t>(test_.numbers.size());
    const std::vector<double> numbers(test_.numbers.begin(), test_.numbers.end());
    batch.columns.push_back({"_row", false, numbers, {}});
    batch.columns.push_back({"_label", false, test_.labels, {}});
    const auto outputs = static_cast<std::size_t>(trained_.outputs());
    for (std::size_t i = 0; i < models_.size(); ++i) {
      for (std::size_t o = 0; o < outputs; ++o) {
        std::vector<double> column;
        for (std::size_t r = o; r < scores_[i].size(); r += outputs) {
          column.push_back(scores_[i][r]);
        }
        const std::string& name = models_[i]->name;
        batch.columns.push_back(
            {outputs == 1 ? name : name + ":" + class_name(o), false, std::move(column), {}});
      }
    }
    TRY_STATUS(context_.sql.run(format("DROP TABLE IF EXISTS {}", kTemporary)));
    TRY_STATUS(context_.sql.append(kTemporary, batch));
    records::TableSchema schema{"predictions", {}, {"_row"}, false};
    std::vector<std::string> items = {"CAST(_row AS BIGINT) AS _row"};
    schema.columns.push_back({"_row", "int64", {}, "training"});
    for (std::size_t i = 1; i < batch.columns.size(); ++i) {
      schema.columns.push_back({batch.columns[i].name, "float64", {}, {}});
      items.push_back(sql::identifier(batch.columns[i].name));
    }
    TRY(records::Table table,
        write_table(context_, schema,
                    format("SELECT {} FROM {} ORDER BY _row", join(items, ", "), kTemporary)));
    TRY_STATUS(context_.sql.run(format("DROP TABLE {}", kTemporary)));
    outcome_.output.put(std::move(table));
    return {};
  }

  const std::string& class_name(std::size_t k) const { return trained_.features.target.classes[k]; }

  RunContext& context_;
  TrainedModels trained_;
  SideRows test_;
  std::vector<const TrainedModel*> models_;
  /// Of each model, [rows, outputs].
  std::vector<std::vector<double>> scores_;
  std::unique_ptr<Measuring> measuring_;
  Json evaluation_ = Json::object();
  Outcome outcome_;
};

}  // namespace

Result<Json> key_parts(KeyContext& context) {
  Json out = train_parts(context.pipeline);
  return std::move(out.set("block_column", block_column(context.section, context.pipeline)));
}

Result<Outcome> run(RunContext& context) {
  return Evaluation(context).run();
}

}  // namespace kingpost::steps::evaluate
