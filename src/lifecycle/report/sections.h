// SPDX-License-Identifier: Apache-2.0
// The parts of the page. Each answers nothing when the run has left nothing to show in it.
#pragma once

#include "lifecycle/report/figure.h"
#include "lifecycle/report/html.h"
#include "lifecycle/report/report.h"

namespace kingpost::lifecycle::report {

/// The answer first: winner, its metric beside the baseline's, what failed, what to look at.
Markup summary_section(const Facts& facts);
Markup steps_section(const Facts& facts);
Markup lineage_section(const Facts& facts);
Markup profile_section(const Facts& facts);
Markup checks_section(const Facts& facts);
Markup changes_section(const Facts& facts);
Markup training_rows_section(const Facts& facts);
Markup features_section(const Facts& facts);
Markup trials_section(const Facts& facts);
Markup gates_section(const Facts& facts);
Markup evaluation_section(const Facts& facts);
Markup slices_section(const Facts& facts);
Markup importances_section(const Facts& facts);
Markup winner_section(const Facts& facts);

/// The name of the selected model, or of the first evaluated that is not the one to beat; empty
/// without any.
std::string shown_model(const Facts& facts);
/// Names of the evaluated models, in the order of the file.
std::vector<std::string> models_of(const Facts& facts);
/// "validation rows", or with folds the rows that each model's fold held out: what chooses.
std::string choosing_rows(const Facts& facts);
/// The names of the trained models, for charts that give each its colour.
Json model_names(const Facts& facts);
/// The model that the others must beat; empty without one.
std::string reference_model(const Facts& facts);
/// "0.661 [0.632, 0.686]" of {"value", "low", "high"}.
std::string interval_text(const Json& metric);
/// Curves of the models, drawn together; part of the evaluation.
Markup curves(const Facts& facts);

}  // namespace kingpost::lifecycle::report
