// SPDX-License-Identifier: Apache-2.0
// One gate asked of one model.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "steps/trained_models.h"

namespace kingpost::steps::validate_models {

struct Finding {
  std::string gate;
  bool passed = false;
  bool critical = true;
  /// Why it could not be computed; then it has not passed.
  std::string obstacle{};
  std::optional<double> number{};
  std::optional<double> limit{};
  std::string words{};
};

/// {"gate", "verdict": passed, failed, warned or not_computed, "number", "limit", "words"}.
Json to_json(const Finding& finding);

/// `1%` or `0.01` as a share.
std::optional<double> share_of(std::string_view text);

/// Whom a gate `beats` wants beaten: `other`, else the first constant, whatever it is called.
std::string other_of(const Node& gate, const TrainedModels& trained);

class Gates {
 public:
  static Result<Gates> open(RunContext& context, const TrainedModels& trained);

  /// Errors of the machine (full disk, cancelled) end the step; what is wrong with the model or the
  /// rows is a finding.
  Result<Finding> ask(const Node& gate, const TrainedModel& model);

 private:
  Gates(RunContext& context, const TrainedModels& trained) : context_(context), trained_(trained) {}

  Result<Finding> judge(const Node& gate, const TrainedModel& model);
  Result<Finding> beats(const Node& gate, const TrainedModel& model);
  Result<Finding> answers(const Node& gate, const TrainedModel& model);
  Result<Finding> parity(const Node& gate, const TrainedModel& model);
  Result<Finding> survives(const Node& gate, const TrainedModel& model);
  Result<Finding> single_feature_share(const Node& gate, const TrainedModel& model);
  Result<Finding> metric_limit(const Node& gate, const TrainedModel& model);
  Result<Finding> work(const Node& gate, const TrainedModel& model);
  Result<Finding> calibration(const Node& gate, const TrainedModel& model);

  /// On the rows that models are judged on.
  Result<double> value_of(const std::string& metric, const TrainedModel& model);
  Result<records::Batch> first_rows(std::int64_t count);
  /// From a curated row to the answers; kept until another model is asked for.
  Result<const onnx::Model*> whole(const TrainedModel& model);

  RunContext& context_;
  const TrainedModels& trained_;
  JudgedRows judged_;
  std::string whole_of_;
  std::unique_ptr<onnx::Model> whole_;
};

}  // namespace kingpost::steps::validate_models
