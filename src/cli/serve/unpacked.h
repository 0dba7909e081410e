// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "lifecycle/pipeline_file.h"
#include "steps/bundle.h"

namespace kingpost::cli {

/// The bundle as a folder beside the store: what lies there whole is used again. Answers its path.
Result<std::string> unpacked(const steps::Bundle& bundle, const std::string& store);

/// What the section `serve` of a pipeline file says, as options of kingpost-serve; its paths count
/// from the folder of the file.
std::vector<std::string> serve_words(const lifecycle::Pipeline& pipeline);

}  // namespace kingpost::cli
