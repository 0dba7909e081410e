// SPDX-License-Identifier: Apache-2.0
// How the fields of a CSV file become typed columns, when all of them do.
#pragma once

#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "steps/01_ingest/source.h"

namespace kingpost::steps::ingest {

/// In the error of a query: a value of a text field has no value of its column's type.
inline constexpr std::string_view kUnconverted = "kingpost: a field does not convert";
/// In the error of a query: a typed field is infinite, and only its text tells whether rightly so.
inline constexpr std::string_view kInfinite = "kingpost: a field is infinite";

/// SQL of a column out of its text field; the query fails with `kUnconverted`.
std::string strict_column(const PlannedColumn& column);

/// Fields that the engine's reader converts while it reads, where it does as `conversion` would.
struct TypedFields {
  /// The engine's word for each field; text where `strict_column` has to convert.
  std::vector<std::string> types;
  /// SQL of each column.
  std::vector<std::string> columns;
  /// Whether the reader converts any.
  bool any = false;
};
/// `marked`: the columns that `CsvScan::has_marked`.
TypedFields typed_fields(const Source& source, const std::set<std::size_t>& marked);

}  // namespace kingpost::steps::ingest
