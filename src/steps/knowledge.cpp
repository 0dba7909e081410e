// SPDX-License-Identifier: Apache-2.0
// Knowledge time.
#include "steps/knowledge.h"

#include <algorithm>

#include "base/format.h"

namespace kingpost::steps {

std::string PredictAt::text() const {
  return records::knowledge_text({{column, offset}});
}

std::optional<PredictAt> predict_at_of(const Node& curate_section) {
  const Node& node = curate_section.at("predict_at");
  if (!node.is_map()) return std::nullopt;
  return PredictAt{node.text_at("column"), node.integer("offset")};
}

bool known_in_time(const records::Knowledge& knowledge,
                   const std::optional<PredictAt>& predict_at) {
  if (!predict_at) return knowledge.empty();
  return std::all_of(knowledge.begin(), knowledge.end(), [&](const records::KnownAt& each) {
    return each.column == predict_at->column && each.after <= predict_at->offset;
  });
}

std::string leak_text(const records::Column& column, const PredictAt& predict_at) {
  return format("\"{}\" (from {}) is known at {}; it is needed at {}", column.name, column.origin,
                records::knowledge_text(column.known_at), predict_at.text());
}

}  // namespace kingpost::steps
