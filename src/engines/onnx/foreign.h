// SPDX-License-Identifier: Apache-2.0
// Models that other programs wrote, looked at before the runtime sees them.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace kingpost::onnx {

/// The same model with the constants that it keeps in other files of `folder` put into it; its own
/// bytes where it keeps none there. Fails with `onnx.not_a_model` on other bytes, with
/// `onnx.name_hostile` where an input or output has no name or one with control characters, with
/// `onnx.external_data` where such a file is missing, too short, outside of the folder or a link.
Result<std::string> self_contained(std::string_view bytes, const std::string& folder);

/// The same model asked by columns: each input [rows, n] of float32 or float64 becomes n inputs
/// [rows, 1] of float64, NAME or NAME_0, NAME_1 ..., and each output [rows] becomes [rows, 1].
/// Nothing where it has other inputs, a name is taken, or it has bodies of loops. Requires: the
/// bytes are self-contained.
std::optional<std::string> asked_by_columns(std::string_view bytes);

}  // namespace kingpost::onnx
