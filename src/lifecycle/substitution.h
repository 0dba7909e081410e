// SPDX-License-Identifier: Apache-2.0
// ${name} of vars; ${env:NAME} stays as it stands until the moment of use, so that no secret is
// stored or shown.
#pragma once

#include "base/node.h"

namespace kingpost::lifecycle {

/// Replaces every ${name} below `root` (except in vars itself) by the var's text. A scalar that is
/// nothing but ${name} takes the var's kind too. `$${` gives `${`.
void substitute_vars(Node& root, Faults& faults);

}  // namespace kingpost::lifecycle
