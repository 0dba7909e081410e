// SPDX-License-Identifier: Apache-2.0
// Step 19: a registered model behind the field's protocols. The work is done by kingpost-serve;
// here is what the pipeline file says of it.
#pragma once

#include <string>
#include <vector>

#include "base/node.h"
#include "base/spec.h"

namespace kingpost::steps::serve {

const Field& spec();

/// The options of kingpost-serve that the section `serve` stands for; none where there is none.
/// Paths are as the file has them.
std::vector<std::string> command_words(const Node& section);

}  // namespace kingpost::steps::serve
