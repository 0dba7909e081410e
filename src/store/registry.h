// SPDX-License-Identifier: Apache-2.0
// Registered models: versions, aliases, tags and an append-only history, in the journal's database.
// Names and aliases follow the rules of MLflow's registry, so that they can be served as such.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/json.h"
#include "base/result.h"

namespace kingpost::store {

struct ModelVersion {
  std::string model;
  /// From 1, without gaps in the order of registration.
  std::int64_t version = 0;
  /// Digest of the bundle's SHA256SUMS.
  std::string bundle;
  Micros created = 0;
  /// The pipeline file and the run that registered it first.
  std::string file;
  std::int64_t run = 0;
  std::string description;
  /// An object of texts.
  Json tags = Json::object();
  /// What is known of it beside the bundle: {metric, value, contests, objects...}.
  Json facts = Json::object();
  /// In byte order.
  std::vector<std::string> aliases;
};

struct NewVersion {
  std::string model;
  std::string bundle;
  std::string file;
  std::int64_t run = 0;
  std::string description;
  Json tags = Json::object();
  Json facts = Json::object();
  /// Who registers, for the history: "run 7".
  std::string by;
};

struct Added {
  ModelVersion version;
  /// The bundle was a version already.
  bool again = false;
};

struct RegisteredModel {
  std::string name;
  Micros created = 0;
  /// Number of the newest version.
  std::int64_t newest = 0;
  /// alias -> version, in byte order.
  std::vector<std::pair<std::string, std::int64_t>> aliases;
};

/// One line of the history. Lines are never changed or removed.
struct Change {
  std::int64_t id = 0;
  std::string model;
  std::int64_t version = 0;
  Micros at = 0;
  /// registered, alias_set, alias_removed, tag_set, tag_removed, described.
  std::string what;
  /// "champion, which was version 2".
  std::string detail;
  std::string by;
};

/// Every change is one transaction together with its line of the history. Writers of other
/// processes are waited for. Errors beside those named: as the journal's.
class Registry {
 public:
  virtual ~Registry() = default;
  Registry(const Registry&) = delete;
  Registry& operator=(const Registry&) = delete;

  /// The next version of a model; a model is made with its first version. A bundle that is a
  /// version of this model already stays that version: its facts get those that are new (objects
  /// among them are merged), its tags and description change where they are given. Fails with
  /// `registry.name_malformed` or `registry.tag_malformed`.
  virtual Result<Added> add(const NewVersion& version) = 0;

  /// NAME (the alias champion, else the newest version), NAME@ALIAS, NAME/3, and those behind
  /// `models:/`; "latest" is the newest version. Fails with `registry.reference_malformed`,
  /// `registry.model_unknown`, `registry.version_unknown` or `registry.alias_unknown`.
  virtual Result<ModelVersion> resolve(std::string_view reference) = 0;

  /// By name, in byte order.
  virtual Result<std::vector<RegisteredModel>> models() = 0;
  /// From the newest on; nothing for a model that is not there.
  virtual Result<std::vector<ModelVersion>> versions(const std::string& model) = 0;
  /// Those of all models, by model and number.
  virtual Result<std::vector<ModelVersion>> all_versions() = 0;

  /// Fails with `registry.alias_malformed` and as `resolve`. Nothing is noted when the alias stands
  /// there already.
  virtual Status set_alias(const std::string& model, const std::string& alias, std::int64_t version,
                           const std::string& by) = 0;
  /// Fails with `registry.alias_unknown`.
  virtual Status remove_alias(const std::string& model, const std::string& alias,
                              const std::string& by) = 0;
  /// Fails with `registry.tag_malformed` and as `resolve`.
  virtual Status set_tag(const std::string& model, std::int64_t version, const std::string& key,
                         const std::string& value, const std::string& by) = 0;
  /// No error when there is no such tag.
  virtual Status remove_tag(const std::string& model, std::int64_t version, const std::string& key,
                            const std::string& by) = 0;
  virtual Status describe(const std::string& model, std::int64_t version, const std::string& text,
                          const std::string& by) = 0;
  /// From the first line on.
  virtual Result<std::vector<Change>> history(const std::string& model) = 0;

 protected:
  Registry() = default;
};

}  // namespace kingpost::store
