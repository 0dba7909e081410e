// SPDX-License-Identifier: Apache-2.0
// Tensors cut and joined along their rows, the first dimension.
#pragma once

#include <span>

#include "base/arena.h"
#include "records/inference.h"

namespace kingpost::steps::serve {

/// Rows [from, from + rows) of a tensor, looked at where they lie. Requires: the tensor has these.
records::InferTensor rows_of(const records::InferTensor& whole, std::int64_t from,
                             std::int64_t rows, Arena& arena);

/// The rows of several tensors of one datatype under each other, copied; name and datatype are the
/// first's. Nothing is joined of texts but their views. Requires: at least one; all have the same
/// dimensions but the first.
records::InferTensor joined(std::span<const records::InferTensor* const> parts, Arena& arena);

}  // namespace kingpost::steps::serve
