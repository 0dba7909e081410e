// SPDX-License-Identifier: Apache-2.0
// Batches out of and into Arrow C data arrays.
#pragma once

#include "base/result.h"
#include "records/tensor.h"

struct ArrowSchema;
struct ArrowArray;

namespace kingpost::sql {

/// Appends the rows of one struct array to `out`; where that has no rows, its columns are made, in
/// the room of those that stand there. Numbers, booleans and times become float64, as
/// records::BatchColumn says. Fails with
/// `engine.number_inexact` on a whole number beyond 2^53, naming column and value, and with
/// `engine.type_unsupported` on a nested column.
Status append_batch(const ArrowSchema& schema, const ArrowArray& array, records::Batch& out);

/// Fills both structs with views of the batch, which must outlive them: numbers as float64, NaN as
/// null; texts as they are. Their release callbacks free what was allocated here.
void view_batch(const records::Batch& batch, ArrowSchema& schema, ArrowArray& array);

}  // namespace kingpost::sql
