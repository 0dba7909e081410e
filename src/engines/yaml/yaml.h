// SPDX-License-Identifier: Apache-2.0
// YAML text to our own tree, strictly: duplicate keys, anchors, aliases, merge keys, tags, more
// than one document, a depth over 64 and a text over 1 MiB are faults, not features.
#pragma once

#include <memory>
#include <optional>

#include "base/node.h"

namespace kingpost::yaml {

/// Every fault found is added; nothing is answered when the text cannot be read at all.
/// An empty text answers an empty map.
std::optional<Node> parse(const std::shared_ptr<const SourceText>& source, Faults& faults);

}  // namespace kingpost::yaml
