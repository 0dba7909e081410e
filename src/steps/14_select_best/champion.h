// SPDX-License-Identifier: Apache-2.0
// The winner against the registered champion, on the same rows.
#pragma once

#include "steps/14_select_best/contest.h"
#include "store/registry.h"

namespace kingpost::steps::select_best {

/// The digest of what this step decides by, but for the champion: its section, what it reads of
/// others, its input.
std::string contest_id(const Node& section, const Json& parts, const records::Dataset& input);

/// {model, version, bundle, value, low, high, difference, rows, verdict, words}. The verdict is
/// `better` or `worse` (the winner is, and a paired bootstrap's 95% interval of the difference
/// leaves out zero), `equal`, or `cannot_be_compared`, where the words say why.
Result<Json> against_champion(RunContext& context, const TrainedModels& trained,
                              const Contest& contest, const Entrant& winner,
                              const store::ModelVersion& champion);

}  // namespace kingpost::steps::select_best
