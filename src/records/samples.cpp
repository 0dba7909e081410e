// SPDX-License-Identifier: Apache-2.0
// Words for the columns of samples.
#include "records/samples.h"

#include "base/format.h"
#include "base/text.h"

namespace kingpost::records {

std::string column_words(const Samples& samples, std::int32_t column) {
  const auto at = static_cast<std::size_t>(column);
  if (at >= samples.names.size()) return format("column {}", column);
  return format("column \"{}\"", shown(samples.names[at]));
}

}  // namespace kingpost::records
