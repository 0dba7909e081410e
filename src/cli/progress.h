// SPDX-License-Identifier: Apache-2.0
// What a person or a program sees of a run while it runs.
#pragma once

#include <memory>

#include "lifecycle/runner.h"

namespace kingpost::cli {

enum class Style { kQuiet, kPlain, kLive, kJson };

/// The observer of a style. A live one draws a table of the steps from first to last and keeps it
/// up to date until it is destroyed.
std::unique_ptr<lifecycle::Observer> make_progress(
    Style style, const std::vector<const lifecycle::StepRow*>& asked);

}  // namespace kingpost::cli
