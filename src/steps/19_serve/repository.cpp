// SPDX-License-Identifier: Apache-2.0
#include "steps/19_serve/repository.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include "base/text.h"

namespace kingpost::steps::serve {
namespace {

Error unknown(std::string_view model) {
  return fail(Code::kNotFound, "serve.model_unknown",
              "Request for unknown model: '{}' is not found", shown(model));
}

std::optional<std::int64_t> number_of(std::string_view version) {
  std::int64_t out = 0;
  const auto [end, error] = std::from_chars(version.data(), version.data() + version.size(), out);
  if (error != std::errc() || end != version.data() + version.size()) return std::nullopt;
  return out;
}

bool fits_path(std::string_view name) {
  return !name.empty() && name.size() <= 256 &&
         std::none_of(name.begin(), name.end(), [](char each) {
           return each == '/' || each == ':' || static_cast<unsigned char>(each) < 0x20;
         });
}

}  // namespace

std::string_view state_word(ModelState state) {
  switch (state) {
    case ModelState::kReady:
      return "READY";
    case ModelState::kLoading:
      return "LOADING";
    case ModelState::kUnloading:
      return "UNLOADING";
    case ModelState::kUnavailable:
      return "UNAVAILABLE";
  }
  return "";
}

Status Repository::add(ModelSource source) {
  if (!fits_path(source.model) || source.version < 1) {
    return fail(Code::kInvalidInput, "serve.name_malformed",
                "\"{}\" version {} is no name of a model", shown(source.model), source.version)
        .hint("names have no slash, colon or control character; versions count from 1");
  }
  const std::lock_guard lock(mutex_);
  Versions& versions = models_[source.model];
  if (versions.contains(source.version)) {
    return fail(Code::kInvalidInput, "serve.model_twice",
                "version {} of model \"{}\" is there twice", source.version, source.model)
        .hint("give each folder a version of its own");
  }
  const std::int64_t version = source.version;
  versions[version].source = std::move(source);
  return {};
}

Status Repository::load(const std::string& model) {
  const std::lock_guard change(changing_);
  std::vector<ModelSource> sources;
  {
    const std::lock_guard lock(mutex_);
    const auto found = models_.find(model);
    if (found == models_.end()) return unknown(model);
    for (auto& [number, version] : found->second) {
      version.wanted = true;
      sources.push_back(version.source);
      if (version.model == nullptr) version.state = ModelState::kLoading;
    }
  }
  std::vector<Model> loaded;
  Status outcome;
  for (const ModelSource& source : sources) {
    auto one = ServedModel::load(source);
    if (!one) {
      outcome = std::move(one).error().within(
          format("loading version {} of model \"{}\"", source.version, source.model));
      break;
    }
    loaded.push_back(std::move(*one));
  }
  const std::lock_guard lock(mutex_);
  std::size_t next = 0;
  for (auto& [number, version] : models_.find(model)->second) {
    if (outcome) {
      version = {version.source, loaded[next++], ModelState::kReady, "", true};
    } else if (version.model == nullptr) {
      version.state = ModelState::kUnavailable;
      version.reason = outcome.error().what();
    }
  }
  return outcome;
}

Status Repository::load_all() {
  std::vector<std::string> names;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [name, versions] : models_) names.push_back(name);
  }
  for (const std::string& name : names) TRY_STATUS(load(name));
  return {};
}

Status Repository::unload(const std::string& model) {
  const std::lock_guard change(changing_);
  const std::lock_guard lock(mutex_);
  const auto found = models_.find(model);
  if (found == models_.end()) return unknown(model);
  for (auto& [number, version] : found->second) {
    version = {version.source, nullptr, ModelState::kUnavailable, "unloaded", false};
  }
  return {};
}

Result<Repository::Model> Repository::find(std::string_view model, std::string_view version) const {
  const std::lock_guard lock(mutex_);
  const auto found = models_.find(model);
  if (found == models_.end()) return unknown(model);
  const auto& versions = found->second;
  if (version.empty()) {
    for (auto each = versions.rbegin(); each != versions.rend(); ++each) {
      if (each->second.model != nullptr) return each->second.model;
    }
    return fail(Code::kNotFound, "serve.model_unknown",
                "Request for unknown model: '{}' has no available versions", shown(model));
  }
  const auto number = number_of(version);
  const auto at = number ? versions.find(*number) : versions.end();
  if (at == versions.end() || at->second.model == nullptr) {
    return fail(Code::kNotFound, "serve.model_unknown",
                "Request for unknown model: '{}' version {} is not found", shown(model),
                shown(version));
  }
  return at->second.model;
}

std::vector<Repository::Model> Repository::answering() const {
  const std::lock_guard lock(mutex_);
  std::vector<Model> out;
  for (const auto& [name, versions] : models_) {
    for (const auto& [number, version] : versions) {
      if (version.model != nullptr) out.push_back(version.model);
    }
  }
  return out;
}

std::vector<Repository::Model> Repository::answering(std::string_view model) const {
  std::vector<Model> out = answering();
  std::erase_if(out, [&](const Model& each) { return each->name() != model; });
  return out;
}

std::vector<std::string> Repository::names() const {
  std::vector<std::string> out;
  for (const Model& each : answering()) {
    if (out.empty() || out.back() != each->name()) out.push_back(each->name());
  }
  return out;
}

std::vector<IndexRow> Repository::index(bool ready_only) const {
  const std::lock_guard lock(mutex_);
  std::vector<IndexRow> out;
  for (const auto& [name, versions] : models_) {
    for (const auto& [number, version] : versions) {
      if (ready_only && version.state != ModelState::kReady) continue;
      out.push_back({name, format("{}", number), version.state, version.reason});
    }
  }
  return out;
}

bool Repository::ready() const {
  const std::lock_guard lock(mutex_);
  return std::all_of(models_.begin(), models_.end(), [](const auto& model) {
    return std::all_of(model.second.begin(), model.second.end(), [](const auto& each) {
      return !each.second.wanted || each.second.model != nullptr;
    });
  });
}

}  // namespace kingpost::steps::serve
