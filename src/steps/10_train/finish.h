// SPDX-License-Identifier: Apache-2.0
// From the best trial of a candidate to the files of its model.
#pragma once

#include "steps/10_train/answers.h"
#include "steps/10_train/search.h"

namespace kingpost::steps::train {

/// Calibration and threshold are fitted on rows that the models have not seen, the scores on
/// validation rows are kept, and then the model is trained once more where that is asked for or
/// where there are folds. Adds model.NAME.onnx, model.NAME.json, model.NAME.txt (of LightGBM),
/// scores.NAME.npy and, with folds, held_out.NAME.npy (scores of all train rows by the models that
/// have not seen them) to `out`, and answers the model's facts.
Result<Json> finish(const SearchContext& shared, Search& search, Searched searched,
                    records::Dataset& out);

}  // namespace kingpost::steps::train
