// SPDX-License-Identifier: Apache-2.0
// Whether a file of results would take the place of what a run needs.
#pragma once

#include <string>
#include <string_view>

#include "steps/step.h"

namespace kingpost::steps {

/// Fails with `id` where `path` is a file that the pipeline is written in or names outside of its
/// section `but`, matches the pattern of a source, or lies in the store.
Status spare_files(std::string_view id, const Node& pipeline, const Settings& settings,
                   const std::string& path, std::string_view but = {});

}  // namespace kingpost::steps
