// SPDX-License-Identifier: Apache-2.0
// What models, aliases and tags may be called, and how a version is named on a command line.
#pragma once

#include <string>
#include <string_view>

#include "base/json.h"
#include "base/result.h"

namespace kingpost::store {

/// Whether MLflow would take the name of a model, and "@" is not in it.
bool is_model_name(std::string_view name);
/// Whether MLflow would take the alias.
bool is_alias(std::string_view alias);

/// Fail with `registry.name_malformed`, `registry.alias_malformed`, `registry.tag_malformed`.
Status check_model_name(const std::string& name);
Status check_alias(const std::string& alias);
Status check_tag(const std::string& key, std::string_view value);
Status check_tags(const Json& tags);

/// What a reference names: a version or an alias, or neither.
struct ModelReference {
  std::string model;
  std::string version;
  std::string alias;
};
/// NAME, NAME/3, NAME@ALIAS, each with or without `models:/`. Fails with
/// `registry.reference_malformed`.
Result<ModelReference> parse_model_reference(std::string_view text);

}  // namespace kingpost::store
