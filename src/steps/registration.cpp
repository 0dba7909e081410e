// SPDX-License-Identifier: Apache-2.0
// Names, champions and facts.
#include "steps/registration.h"

#include <algorithm>

#include "base/text.h"
#include "steps/trained_models.h"
#include "store/model_names.h"

namespace kingpost::steps {
namespace {

// What decides which rows models are judged on, and what they answer for.
constexpr std::string_view kRowFiles[] = {"labels.npy", "sides.npy", "folds.npy"};

// A target may be called as no model may.
std::string default_name(const Node& pipeline, const Settings& settings) {
  std::string out =
      format("{}_{}", settings.project, pipeline.at("curate").at("target").text_at("name"));
  for (const char* odd : {"/", ":", "@"}) out = replace_all(out, odd, "_");
  return out;
}

Json rows_of(const RunContext& context) {
  Json out = Json::object();
  const records::Table* training = context.input.find("training");
  if (training != nullptr) out.set("training", training->digest);
  for (const std::string_view name : kRowFiles) {
    const records::File* file = context.input.find_file(name);
    if (file != nullptr) out.set(name, file->digest);
  }
  return out;
}

}  // namespace

Registration registration_of(const Node& pipeline, const Settings& settings) {
  const Node& section = pipeline.at("register");
  const auto text = [&](const char* key, std::string fallback) {
    return section.has(key) ? section.text_at(key) : std::move(fallback);
  };
  Registration out;
  out.model = text("name", default_name(pipeline, settings));
  out.alias = text("alias", "challenger");
  out.promote_to = text("promote_to", "champion");
  out.approval = section.text_at("approval") == "required";
  return out;
}

Result<std::optional<store::ModelVersion>> champion_of(const Registration& registration,
                                                       store::Registry& registry,
                                                       const std::string& contest) {
  using Found = std::optional<store::ModelVersion>;
  TRY(const auto versions, registry.versions(registration.model));
  const auto holder =
      std::find_if(versions.begin(), versions.end(), [&](const store::ModelVersion& each) {
        return std::find(each.aliases.begin(), each.aliases.end(), registration.promote_to) !=
               each.aliases.end();
      });
  if (holder == versions.end()) return Found();
  const Json& contests = holder->facts["contests"];
  if (!contests.has(contest)) return Found(*holder);
  for (const store::ModelVersion& each : versions) {
    if (each.bundle == contests[contest].text()) return Found(each);
  }
  return Found();
}

Result<Json> facts_of(const RunContext& context, const Json& winner) {
  const std::string& name = winner["name"].text();
  Json out = Json::object();
  out.set("candidate", name).set("family", winner["family"]);
  out.set("metric", winner["metric"]).set("value", winner["value"]);
  out.set("rows", rows_of(context));
  out.set("refit", context.pipeline.at("train").text_at("refit"));
  TRY(const Json model, json_of(context, format("model.{}.json", name)));
  out.set("threshold", model["threshold"]).set("parameters", model["parameters"]);
  Json objects = Json::object();
  const records::File* scores = context.input.find_file(judged_file(context, name));
  if (scores != nullptr) objects.set("scores", scores->digest);
  out.set("objects", std::move(objects));
  Json contests = Json::object();
  contests.set(winner["contest"].text(), winner["against"]);
  return std::move(out.set("contests", std::move(contests)));
}

Result<std::optional<std::string>> kept_scores(const RunContext& context,
                                               const store::ModelVersion& version) {
  using Found = std::optional<std::string>;
  const std::string& digest = version.facts["objects"]["scores"].text();
  if (digest.empty() || version.facts["rows"].canonical() != rows_of(context).canonical()) {
    return Found();
  }
  if (context.objects.size_of(digest) < 0) return Found();
  return Found(context.objects.path_of(digest));
}

}  // namespace kingpost::steps
