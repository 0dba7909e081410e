// SPDX-License-Identifier: Apache-2.0
// What a bundle is made of: the programs that made it or are needed to run it, its data and its
// files, with versions, licences and digests.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "steps/15_package/material.h"
#include "steps/bundle.h"

namespace kingpost::steps::package {

struct Component {
  std::string_view name;
  std::string_view version;
  /// An identifier of the SPDX licence list.
  std::string_view licence;
  /// Package URL, https://github.com/package-url/purl-spec.
  std::string_view purl;
  /// Of the archive in deps.lock; empty for a package of the system.
  std::string_view sha256;
  /// "runs": without it the model does not answer; "made": it took part in making it.
  std::string_view role;
};

/// Those of a model of this family.
std::vector<Component> components_of(std::string_view family);

/// What the documents say of the model besides.
struct SbomFacts {
  std::string name;
  /// sha256 of model.onnx.
  std::string digest;
  std::string task;
  /// SPDX expression; empty where the team has not said.
  std::string licence;
  /// RFC 3339; empty: no time is told, so that equal models have equal bytes.
  std::string created;
  std::vector<Component> components;
  /// As sources_of.
  Json sources;
  std::vector<Bundle::File> files;
};

/// [{name, version, licence, role}], the model first.
Json licences_of(const SbomFacts& facts);
/// SPDX 2.3, https://spdx.github.io/spdx-spec/v2.3. Its time of creation, which it must have, is
/// 1970 where none is told.
Json spdx_of(const SbomFacts& facts);
/// CycloneDX 1.5, https://cyclonedx.org/docs/1.5/json, with the model as a machine-learning-model.
Json cyclonedx_of(const SbomFacts& facts);

/// Whether a text can be an SPDX licence expression.
bool is_licence_expression(std::string_view text);

}  // namespace kingpost::steps::package
