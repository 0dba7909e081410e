// SPDX-License-Identifier: Apache-2.0
// The engine's reader would round 1.5 to an integer and take 0x1F for one, but reads digits as
// `conversion` does. Its fractions are those of `conversion` too, but for those too large.
#include "steps/01_ingest/csv_fields.h"

#include "base/text.h"
#include "engines/sql/dialect.h"
#include "engines/sql/types.h"
#include "steps/01_ingest/convert.h"
#include "steps/conversion.h"

namespace kingpost::steps::ingest {

std::string strict_column(const PlannedColumn& column) {
  if (column.type == "string") return sql::identifier(column.name);
  const std::string name = sql::identifier(column.name);
  return format("coalesce({0}, CASE WHEN {1} IS NOT NULL THEN error({2}) END) AS {1}",
                conversion(column.type, name), name, sql::literal(kUnconverted));
}

TypedFields typed_fields(const Source& source, const std::set<std::size_t>& marked) {
  TypedFields out;
  for (std::size_t i = 0; i < source.columns.size(); ++i) {
    const PlannedColumn& column = source.columns[i];
    const std::string name = sql::identifier(column.name);
    const bool integer = starts_with(column.type, "int") && !marked.contains(i);
    const bool fraction = starts_with(column.type, "float");
    out.any = out.any || integer || fraction;
    out.types.push_back(integer || fraction ? sql::engine_type(column.type) : "VARCHAR");
    if (integer) {
      out.columns.push_back(name);
    } else if (fraction) {
      out.columns.push_back(format("CASE WHEN isinf({0}) THEN error({1}) ELSE {0} END AS {0}", name,
                                   sql::literal(kInfinite)));
    } else {
      out.columns.push_back(strict_column(column));
    }
  }
  return out;
}

}  // namespace kingpost::steps::ingest
