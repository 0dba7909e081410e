// SPDX-License-Identifier: Apache-2.0
// Tensors as the bytes of the binary tensor data extension and of gRPC's raw contents: row-major,
// little-endian, without padding; a text of BYTES is its length in four bytes, then its bytes.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "records/inference.h"

namespace kingpost::open_inference {

/// Fills data or texts of a tensor whose name, datatype and shape are known, of so many elements.
/// Numbers are copied into the arena where they do not lie aligned; texts point into `bytes`. Fails
/// with `infer.data_size` where the bytes are too few or too many, and with `infer.data_malformed`
/// where a length of BYTES runs past the end, or a byte of BOOL is neither 0 nor 1.
Status read_raw(std::string_view bytes, std::size_t count, Arena& arena,
                records::InferTensor& tensor);

/// How many bytes append_raw appends.
std::size_t raw_size(const records::InferTensor& tensor);
void append_raw(const records::InferTensor& tensor, std::string& out);

}  // namespace kingpost::open_inference
