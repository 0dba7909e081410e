// SPDX-License-Identifier: Apache-2.0
// Answers of the Open Inference Protocol over HTTP.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "records/inference.h"

namespace kingpost::open_inference {

/// Appends the body to `out`: JSON, then the bytes of the outputs that the request wants as binary.
/// Answers the length of the JSON where there are such, for the header
/// Inference-Header-Content-Length. Numbers are the shortest texts that read back to the same bits;
/// what JSON has no word for, NaN and infinities, is null. Fails with `infer.not_text` for an
/// output of texts that are no UTF-8, or of FP16 and BF16, in JSON: they can be had as binary.
/// Requires: `response.outputs` are those that the request wants, in its order.
Result<std::optional<std::size_t>> write_infer(const records::InferRequest& request,
                                               const records::InferResponse& response,
                                               std::string& out);

/// One value of a tensor, as it stands in `data`. Fails with `infer.not_text`.
Status append_json_element(const records::InferTensor& tensor, std::size_t at, std::string& out);

/// {"error": "..."}
std::string error_body(std::string_view message);

}  // namespace kingpost::open_inference
