// SPDX-License-Identifier: Apache-2.0
// The models that a server has, by name and version, as they come and go.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "steps/19_serve/model.h"

namespace kingpost::steps::serve {

/// In Triton's words.
enum class ModelState { kReady, kLoading, kUnloading, kUnavailable };
std::string_view state_word(ModelState state);

struct IndexRow {
  std::string model;
  std::string version;
  ModelState state = ModelState::kReady;
  /// Why it is unavailable: "unloaded", or the error.
  std::string reason;
};

class Repository {
 public:
  using Model = std::shared_ptr<const ServedModel>;

  /// What may be served; nothing is loaded yet. Fails with `serve.model_twice` where a version of a
  /// model is named twice, `serve.name_malformed` where a name would not fit into a path.
  Status add(ModelSource source);

  /// Loads every version of a model, or loads it again, and only when all are warm puts them in the
  /// place of those that answer now, whose requests end undisturbed. Where one fails, what answered
  /// goes on answering. Fails with `serve.model_unknown` or as ServedModel::load.
  Status load(const std::string& model);
  /// All models; the first failure ends it.
  Status load_all();
  /// No version answers any more. Fails with `serve.model_unknown`.
  Status unload(const std::string& model);

  /// `version` empty: the newest. Fails with `serve.model_unknown` in Triton's words.
  Result<Model> find(std::string_view model, std::string_view version) const;
  /// All versions that answer, by name and number.
  std::vector<Model> answering() const;
  /// The versions of a model that answer, from the oldest on; empty where there are none.
  std::vector<Model> answering(std::string_view model) const;
  /// Of the models that answer, in byte order.
  std::vector<std::string> names() const;
  std::vector<IndexRow> index(bool ready_only) const;
  /// Everything that was ever asked to be loaded answers.
  bool ready() const;

 private:
  struct Version {
    ModelSource source;
    Model model;
    ModelState state = ModelState::kUnavailable;
    std::string reason = "unloaded";
    /// It was asked to be loaded, and not unloaded since.
    bool wanted = false;
  };
  /// From the oldest on.
  using Versions = std::map<std::int64_t, Version>;

  mutable std::mutex mutex_;
  /// One load or unload at a time; held while a model is read, which may take seconds.
  std::mutex changing_;
  std::map<std::string, Versions, std::less<>> models_;
};

}  // namespace kingpost::steps::serve
