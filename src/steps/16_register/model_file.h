// SPDX-License-Identifier: Apache-2.0
// Models that were not trained here: an ONNX file, or LightGBM's text, as the files of a bundle.
#pragma once

#include <map>
#include <string>

#include "base/json.h"
#include "base/result.h"

namespace kingpost::steps::registering {

struct ModelFile {
  /// Name -> bytes, without SHA256SUMS.
  std::map<std::string, std::string> files;
  /// For the registry: {candidate, family, parity}.
  Json facts;
  /// What was compared, and how far apart the answers were.
  std::string parity;
};

/// The bundle of a file: model.onnx, signature.json, lineage.json, metrics.json and features.json;
/// rows.onnx where an ONNX file can be asked by columns; native/lightgbm.txt of LightGBM's text.
/// Fails with `register.file_too_large`, `register.feature_name`, `register.parity_failed`, as
/// lightgbm::parse_model, onnx::self_contained, onnx::Session::load and files do.
Result<ModelFile> read_model_file(const std::string& path);

}  // namespace kingpost::steps::registering
