// SPDX-License-Identifier: Apache-2.0
// The recipe: asked once more, registered, called by its aliases.
#include "steps/16_register/register.h"

#include <algorithm>

#include "base/text.h"
#include "steps/16_register/packaged_parity.h"
#include "steps/bundle.h"
#include "steps/input_example.h"
#include "steps/registration.h"
#include "store/model_names.h"

namespace kingpost::steps::registering {
namespace {

// A fault of the file under this step's own id, in the words of the registry.
void expect(const Status& status, std::string_view id, const Mark& mark, Faults& faults) {
  if (status) return;
  faults.add(fault_at(mark, id, status.error().what(), status.error().hint()));
}

// As the gate of validate_models has it.
ParityLimit parity_limit(const Json& verdict) {
  ParityLimit out;
  for (const Json& gate : verdict["gates"].items()) {
    if (gate["gate"].text() != "parity") continue;
    if (gate["limit"].is_number()) out.max_abs = gate["limit"].number();
    out.critical = gate["critical"].boolean();
  }
  return out;
}

class Registering {
 public:
  explicit Registering(RunContext& context)
      : context_(context), registration_(registration_of(context.pipeline, context.settings)) {}

  Result<Outcome> run() {
    outcome_.output = context_.input;
    TRY(const Json winner, json_of(context_, "winner.json"));
    TRY_STATUS(expect_valid(winner["name"].text()));
    const records::File* sums = context_.input.find_file(format("bundle/{}", kBundleSums));
    if (sums == nullptr) {
      return fail(Code::kInternal, "step.file_missing", "no earlier step left a bundle")
          .hint("please report this with the pipeline file");
    }
    TRY(const Bundle bundle, Bundle::in_store(context_.objects, sums->digest));
    TRY_STATUS(expect_answers(bundle));
    TRY(parity_, packaged_parity(context_, bundle, limit_));
    TRY(const store::Added added, add(bundle, winner));
    TRY_STATUS(call(added.version, winner));
    return report(added);
  }

 private:
  store::Registry& registry() const { return context_.journal->registry(); }

  Status expect_valid(const std::string& name) {
    TRY(const Json verdicts, json_of(context_, "verdicts.json"));
    limit_ = parity_limit(verdicts[name]);
    if (verdicts[name]["valid"].boolean()) return {};
    return fail(Code::kDataRejected, "register.not_valid",
                "the model \"{}\" is not valid by validate_models", shown(name))
        .hint("`kingpost data report validate_models` says which gate it fails");
  }

  static Status expect_answers(const Bundle& bundle) {
    TRY(const auto differences, differing_answers(bundle));
    if (differences.empty()) return {};
    Error error = fail(Code::kDataRejected, "register.answers_differ",
                       "the packaged graph answers {} of its input example otherwise than when it "
                       "was packaged",
                       differences.size() == 1 ? "one cell" : "some cells")
                      .hint(
                          "was it packaged with another version of the runtime? Run with --from "
                          "package");
    for (const std::string& each : differences) error = std::move(error).detail(each);
    return error;
  }

  Result<store::Added> add(const Bundle& bundle, const Json& winner) {
    store::NewVersion version;
    version.model = registration_.model;
    version.bundle = bundle.digest();
    TRY(const auto runs, context_.journal->runs(1));
    if (!runs.empty()) {
      version.run = runs.front().id;
      version.file = runs.front().file;
    }
    by_ = format("run {}", version.run);
    version.by = by_;
    version.description = context_.section.text_at("description");
    for (const Entry& tag : context_.section.map("tags")) {
      version.tags.set(tag.key, tag.value.text);
    }
    TRY(version.facts, facts_of(context_, winner));
    version.facts.set("parity", parity_);
    const records::File* signature =
        context_.input.find_file(format("bundle/{}", kBundleSignature));
    if (signature != nullptr) {
      Json objects = version.facts["objects"];
      objects.set(kSignatureObject, signature->digest);
      version.facts.set("objects", std::move(objects));
    }
    return registry().add(version);
  }

  Status call(const store::ModelVersion& version, const Json& winner) {
    TRY_STATUS(registry().set_alias(version.model, registration_.alias, version.version, by_));
    TRY(const bool promoted, promotes(version, winner["champion"]));
    if (!promoted) return {};
    return registry().set_alias(version.model, registration_.promote_to, version.version, by_);
  }

  // Whether the champion's alias goes to this version, and why or why not.
  Result<bool> promotes(const store::ModelVersion& version, const Json& match) {
    TRY(const auto versions, registry().versions(version.model));
    const std::string& alias = registration_.promote_to;
    const auto holder = std::find_if(versions.begin(), versions.end(), [&](const auto& each) {
      return std::find(each.aliases.begin(), each.aliases.end(), alias) != each.aliases.end();
    });
    if (holder != versions.end() && holder->version == version.version) {
      words_ = format("it is the {} already", alias);
      return false;
    }
    if (registration_.approval) {
      words_ = format("approval is required: kingpost alias {} {} {}", version.model, alias,
                      version.version);
      return false;
    }
    if (holder == versions.end()) {
      words_ = format("there was no {}", alias);
      return true;
    }
    if (match["bundle"].text() != holder->bundle) {
      words_ = format("version {} is the {}, and was not what it was compared with",
                      holder->version, alias);
      return false;
    }
    words_ = format("version {} is the {}: {}", holder->version, alias, match["words"].text());
    return match["verdict"].text() == "better";
  }

  Result<Outcome> report(const store::Added& added) {
    TRY(const auto now,
        registry().resolve(format("{}/{}", added.version.model, added.version.version)));
    Json aliases = Json::array();
    for (const std::string& alias : now.aliases) aliases.push(alias);
    Json out = Json::object().set("model", now.model).set("version", now.version);
    out.set("bundle", now.bundle).set("aliases", std::move(aliases)).set("again", added.again);
    TRY(records::File file, seal_bytes(context_, "version.json", out.dump()));
    outcome_.output.put(std::move(file));
    outcome_.report = std::move(out.set("words", words_).set("parity", parity_["words"]));
    TRY(const auto versions, registry().versions(now.model));
    outcome_.counts = {{"versions", static_cast<std::int64_t>(versions.size())},
                       {"new", added.again ? 0 : 1}};
    return std::move(outcome_);
  }

  RunContext& context_;
  Registration registration_;
  Outcome outcome_;
  ParityLimit limit_;
  Json parity_;
  std::string by_;
  std::string words_;
};

}  // namespace

void check(CheckContext& context) {
  const Node& section = context.section;
  if (!section.is_map()) return;
  if (section.has("name")) {
    expect(store::check_model_name(section.text_at("name")), "register.name_malformed",
           section.at("name").mark, context.faults);
  }
  for (const char* key : {"alias", "promote_to"}) {
    if (!section.has(key)) continue;
    expect(store::check_alias(section.text_at(key)), "register.alias_malformed",
           section.at(key).mark, context.faults);
  }
  const Registration registration = registration_of(context.pipeline, context.settings);
  if (registration.alias == registration.promote_to) {
    context.faults.add(fault_at(section.at("promote_to").mark, "register.alias_twice",
                                "every new version would be promoted: alias and promote_to are "
                                "the same",
                                "e.g. alias: challenger, promote_to: champion"));
  }
  for (const Entry& tag : section.map("tags")) {
    expect(store::check_tag(tag.key, tag.value.text), "register.tag_malformed", tag.key_mark,
           context.faults);
  }
}

Result<Json> key_parts(KeyContext& context) {
  return Json::object().set("model", registration_of(context.pipeline, context.settings).model);
}

Result<Outcome> run(RunContext& context) {
  return Registering(context).run();
}

}  // namespace kingpost::steps::registering
