// SPDX-License-Identifier: Apache-2.0
// The 22 rows.
#include "lifecycle/lifecycle.h"

#include <algorithm>

#include "steps/01_ingest/ingest.h"
#include "steps/02_validate_data/validate_data.h"
#include "steps/03_clean/clean.h"
#include "steps/04_standardise/standardise.h"
#include "steps/05_curate/curate.h"
#include "steps/06_extract_features/extract_features.h"
#include "steps/07_select_features/select_features.h"
#include "steps/08_candidates/candidates.h"
#include "steps/10_train/train.h"
#include "steps/11_validate_models/validate_models.h"
#include "steps/12_evaluate/evaluate.h"
#include "steps/14_select_best/select_best.h"
#include "steps/15_package/package.h"
#include "steps/16_register/register.h"
#include "steps/17_containerize/containerize.h"
#include "steps/18_deploy/deploy.h"
#include "steps/19_serve/serve.h"
#include "steps/20_infer/batch_step.h"

namespace kingpost::lifecycle {

using namespace steps;  // NOLINT(google-build-using-namespace): the rows read as a table

const std::vector<StepRow>& rows() {
  constexpr Start kCommand = Start::kByCommand;
  constexpr Start kRun = Start::kByRun;
  static const std::vector<StepRow> table = {
      {1, "ingest", "files, databases, object stores", "immutable typed snapshots", kRun,
       ingest::kVersion, ingest::spec, ingest::check, ingest::run, ingest::key_parts},
      {2, "validate_data", "snapshots", "verdicts, profile, quarantined rows", kRun,
       validate_data::kVersion, validate_data::spec, validate_data::check, validate_data::run,
       validate_data::key_parts},
      {3, "clean", "valid rows", "repaired rows, a count per rule", kRun, clean::kVersion,
       clean::spec, clean::check, clean::run},
      {4, "standardise", "clean rows", "one schema: types, names, units, zones", kRun,
       standardise::kVersion, standardise::spec, standardise::check, standardise::run},
      {5, "curate", "tables", "one training set of curated rows", kRun, curate::kVersion,
       curate::spec, curate::check, curate::run},
      {6, "extract_features", "training set", "featurizer graph and matrices", kRun,
       extract_features::kVersion, extract_features::spec, extract_features::check,
       extract_features::run, extract_features::key_parts},
      {7, "select_features", "matrices", "kept features, reasons for the others", kRun,
       select_features::kVersion, select_features::spec, select_features::check,
       select_features::run, select_features::key_parts},
      {8, "candidates", "task, data shape, file", "model families with search spaces", kRun,
       candidates::kVersion, candidates::spec, candidates::check, candidates::run,
       candidates::key_parts},
      {9, "code", "user code, templates", "trainers and metrics of the team"},
      {10, "train", "candidates, matrices", "trials: models, metrics, logs", kRun, train::kVersion,
       train::spec, train::check, train::run},
      {11, "validate_models", "trials", "a verdict per model", kRun, validate_models::kVersion,
       validate_models::spec, validate_models::check, validate_models::run,
       validate_models::key_parts},
      {12, "evaluate", "valid models", "metrics, slices, curves, model card", kRun,
       evaluate::kVersion, evaluate::spec, evaluate::check, evaluate::run, evaluate::key_parts},
      {13, "revisit", "evaluations", "a second round, a decision log"},
      {14, "select_best", "all rounds", "one winner, against the champion", kRun,
       select_best::kVersion, select_best::spec, select_best::check, select_best::run,
       select_best::key_parts},
      {15, "package", "winner", "one bundle: graph, signature, card", kRun, package::kVersion,
       package::spec, package::check, package::run, package::key_parts},
      {16, "register", "bundle", "model version, aliases, lineage", kRun, registering::kVersion,
       registering::spec, registering::check, registering::run, registering::key_parts},
      {17, "containerize", "version", "an OCI image", kRun, containerize::kVersion,
       containerize::spec, containerize::check, containerize::run, containerize::key_parts, "",
       true},
      {18, "deploy", "image or bundle", "shadow, canary, promote, roll back", kCommand, 0,
       deploy::spec, deploy::check, nullptr, nullptr, "kingpost deploy MODEL"},
      {19, "serve", "service", "Open Inference Protocol v2", kCommand, 0, serve::spec, nullptr,
       nullptr, nullptr, "kingpost serve MODEL"},
      {20, "infer", "rows", "predictions: online and batch", kRun, infer::kVersion, infer::spec,
       infer::check, infer::run, infer::key_parts, "kingpost infer MODEL IN OUT", true,
       infer::restore},
      {21, "monitor", "request log, late labels", "drift, performance, alerts", kCommand},
      {22, "retrain_or_retire", "findings, schedule, policy", "a new round, or retirement",
       kCommand},
  };
  return table;
}

const StepRow* find_row(std::string_view word) {
  const auto& all = rows();
  const auto found =
      std::find_if(all.begin(), all.end(), [&](const StepRow& row) { return row.word == word; });
  return found == all.end() ? nullptr : &*found;
}

std::vector<std::string> words() {
  std::vector<std::string> out;
  for (const StepRow& row : rows()) out.emplace_back(row.word);
  return out;
}

const StepRow& last_built() {
  const StepRow* last = &rows().front();
  for (const StepRow& row : rows()) {
    if (row.run != nullptr) last = &row;
  }
  return *last;
}

}  // namespace kingpost::lifecycle
