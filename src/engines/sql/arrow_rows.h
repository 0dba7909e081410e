// SPDX-License-Identifier: Apache-2.0
// Cells out of Arrow C data arrays (https://arrow.apache.org/docs/format/CDataInterface.html).
#pragma once

#include "base/result.h"
#include "engines/sql/session.h"

struct ArrowSchema;
struct ArrowArray;

namespace kingpost::sql {

/// Appends the rows of one struct array. Fails with `engine.type_unsupported` on a nested column.
Status append_rows(const ArrowSchema& schema, const ArrowArray& array, Rows& out);

}  // namespace kingpost::sql
