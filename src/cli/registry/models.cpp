// SPDX-License-Identifier: Apache-2.0
// kingpost models, show, alias, tag: the registered models of a store.
#include "base/clock.h"
#include "base/text.h"
#include "cli/cli.h"
#include "cli/load.h"
#include "cli/output.h"
#include "steps/bundle.h"

namespace kingpost::cli {
namespace {

Json strings(const std::vector<std::string>& words) {
  Json out = Json::array();
  for (const std::string& word : words) out.push(word);
  return out;
}

Json version_json(const store::ModelVersion& version) {
  Json out = Json::object();
  out.set("model", version.model).set("version", version.version).set("bundle", version.bundle);
  out.set("created", second_text(version.created)).set("file", version.file);
  out.set("run", version.run).set("description", version.description);
  out.set("aliases", strings(version.aliases)).set("tags", version.tags);
  return std::move(out.set("facts", version.facts));
}

std::string metric_text(const Json& facts) {
  if (!facts["value"].is_number()) return "";
  return format("{} {:.6g}", facts["metric"].text(), facts["value"].number());
}

// "champion 1, challenger 3".
std::string aliases_text(const store::RegisteredModel& model) {
  std::vector<std::string> out;
  for (const auto& [alias, version] : model.aliases) out.push_back(format("{} {}", alias, version));
  return join(out, ", ");
}

std::string tags_text(const Json& tags) {
  std::vector<std::string> out;
  for (const auto& [key, value] : tags.entries()) {
    out.push_back(format("{}={}", shown(key), shown(value.text())));
  }
  return join(out, ", ");
}

// No run has registered what was made elsewhere.
std::string registered_text(const store::ModelVersion& version) {
  const std::string time = second_text(version.created);
  if (version.run == 0) return format("{}, of {}", time, shown(version.file));
  return format("{}, by run {} of {}", time, version.run, shown(version.file));
}

void print_pairs(const std::vector<std::pair<std::string, std::string>>& pairs) {
  for (const auto& [name, text] : pairs) {
    if (!text.empty()) print(format("  {} {}\n", padded(name, 12), text));
  }
}

std::string column_text(const Json& column) {
  return format("{} {}", shown(column["name"].text()), column["type"].text());
}

void print_signature(const Json& signature) {
  std::vector<std::string> inputs;
  for (const Json& each : signature["inputs"].items()) inputs.push_back(column_text(each));
  std::vector<std::string> outputs;
  for (const Json& each : signature["outputs"].items()) outputs.push_back(each["name"].text());
  print_pairs(
      {{"predicts", format("{} ({})", shown(signature["target"].text()), signature["task"].text())},
       {"inputs", join(inputs, ", ")},
       {"outputs", join(outputs, ", ")}});
}

// Of the model, beside those of the baseline that it has to beat.
void print_metrics(const Json& metrics) {
  const Json& ours = metrics["test"][metrics["model"].text()]["metrics"];
  const Json& base = metrics["test"][metrics["baseline"].text()]["metrics"];
  std::vector<std::vector<std::string>> lines;
  for (const auto& [name, value] : ours.entries()) {
    const auto number = [](const Json& each) {
      return each.is_number() ? format("{:.6g}", each.number()) : std::string();
    };
    lines.push_back({name, number(value["value"]), number(value["low"]), number(value["high"]),
                     number(base[name]["value"])});
  }
  if (lines.empty()) return;
  print(format("\non {} test rows\n", grouped(metrics["rows"].integer())));
  print(table_text({"metric", "value", "low", "high", "baseline"}, lines));
}

// Files by their digests, as far as a person needs them to tell them apart.
void print_lineage(const Json& lineage) {
  std::vector<std::vector<std::string>> lines;
  for (const auto& [source, files] : lineage["sources"].entries()) {
    for (const Json& file : files.items()) {
      lines.push_back({shown(source), shown(file["file"].text()), file["sha256"].text()});
    }
  }
  for (const Json& table : lineage["tables"].items()) {
    lines.push_back({shown(table["name"].text()),
                     format("{} rows", grouped(table["rows"].integer())), table["sha256"].text()});
  }
  print("\n" + table_text({"made from", "", "sha256"}, lines));
}

void print_history(const std::vector<store::Change>& history, std::int64_t version) {
  std::vector<std::vector<std::string>> lines;
  for (const store::Change& each : history) {
    if (each.version != version) continue;
    lines.push_back({second_text(each.at), each.what, shown(each.detail, 70), shown(each.by)});
  }
  print("\n" + table_text({"when", "what", "", "by"}, lines));
}

Json history_json(const std::vector<store::Change>& history, std::int64_t version) {
  Json out = Json::array();
  for (const store::Change& each : history) {
    if (each.version != version) continue;
    out.push(Json::object()
                 .set("at", second_text(each.at))
                 .set("what", each.what)
                 .set("detail", each.detail)
                 .set("by", each.by));
  }
  return out;
}

// A version by its number, as it stands on a command line.
Result<std::int64_t> version_number(const std::string& text) {
  const auto number = parse_integer(text);
  if (number && *number > 0) return *number;
  return fail(Code::kInvalidInput, "registry.version_unknown", "\"{}\" is no number of a version",
              shown(text))
      .hint("e.g. kingpost alias late champion 3");
}

// KEY=VALUE, or KEY where it is taken away.
Status change_tag(store::Registry& registry, const store::ModelVersion& version,
                  const Arguments& arguments, const std::string& word) {
  const std::size_t equals = word.find('=');
  const std::string key = word.substr(0, equals);
  if (arguments.remove) {
    if (equals != std::string::npos) {
      return refuse("registry.no_effect", format("the value of {}", shown(word)),
                    "with --remove: a tag is taken away by its key");
    }
    if (!version.tags.has(key)) {
      std::vector<std::string> keys;
      for (const auto& [each, value] : version.tags.entries()) keys.push_back(each);
      return fail(Code::kNotFound, "registry.tag_unknown", "version {} of {} has no tag \"{}\"",
                  version.version, version.model, shown(key))
          .hint(did_you_mean(key, keys, keys.empty() ? "it has none" : "tags: " + listed(keys)));
    }
    return registry.remove_tag(version.model, version.version, key, arguments.line);
  }
  if (equals == std::string::npos) {
    return fail(Code::kInvalidInput, "registry.tag_malformed", "\"{}\" is not KEY=VALUE",
                shown(word))
        .hint("e.g. kingpost tag late@champion risk=low");
  }
  return registry.set_tag(version.model, version.version, key, word.substr(equals + 1),
                          arguments.line);
}

}  // namespace

Status models_command(const Arguments& arguments) {
  TRY(auto store, open_store(arguments));
  auto& registry = store.journal->registry();
  TRY(const auto models, registry.models());
  Json out = Json::array();
  std::vector<std::vector<std::string>> lines;
  for (const store::RegisteredModel& model : models) {
    TRY(const auto newest, registry.resolve(format("{}/{}", model.name, model.newest)));
    Json aliases = Json::object();
    for (const auto& [alias, version] : model.aliases) aliases.set(alias, version);
    out.push(Json::object()
                 .set("model", model.name)
                 .set("created", second_text(model.created))
                 .set("versions", model.newest)
                 .set("aliases", std::move(aliases))
                 .set("newest", version_json(newest)));
    lines.push_back({model.name, format("{}", model.newest), aliases_text(model),
                     metric_text(newest.facts), second_text(newest.created)});
  }
  if (arguments.json) {
    print(out.pretty());
  } else if (models.empty()) {
    print("no model is registered yet; kingpost run registers one\n");
  } else {
    print(table_text({"model", "versions", "aliases", "newest", "registered"}, lines));
  }
  return {};
}

Status show_command(const Arguments& arguments) {
  TRY(auto store, open_store(arguments));
  auto& registry = store.journal->registry();
  TRY(const auto version, registry.resolve(arguments.words.at(0)));
  TRY(const auto history, registry.history(version.model));
  TRY(const auto bundle, steps::Bundle::in_store(store.objects, version.bundle));
  TRY(const Json signature, bundle.json("signature.json"));
  TRY(const Json metrics, bundle.json("metrics.json"));
  TRY(const Json lineage, bundle.json("lineage.json"));
  if (arguments.json) {
    Json out = version_json(version);
    out.set("metrics", metrics).set("signature", signature).set("lineage", lineage);
    print(out.set("history", history_json(history, version.version)).pretty());
    return {};
  }
  print(format("{}, version {}\n", version.model, version.version));
  print_pairs({{"aliases", join(version.aliases, ", ")},
               {"bundle", version.bundle},
               {"registered", registered_text(version)},
               {"model", format("{} ({})", version.facts["candidate"].text(),
                                version.facts["family"].text())},
               {"chosen by", metric_text(version.facts)},
               {"parity", shown(version.facts["parity"]["words"].text(), 200)},
               {"tags", tags_text(version.tags)},
               {"", shown(version.description, 400)}});
  print_signature(signature);
  print_metrics(metrics);
  print_lineage(lineage);
  print_history(history, version.version);
  return {};
}

Status alias_command(const Arguments& arguments) {
  TRY(auto store, open_store(arguments));
  auto& registry = store.journal->registry();
  const std::string& model = arguments.words.at(0);
  const std::string& alias = arguments.words.at(1);
  if (arguments.remove) {
    if (arguments.words.size() > 2) {
      return refuse("registry.no_effect", format("the version {}", shown(arguments.words[2])),
                    "with --remove: an alias stands for one version alone");
    }
    TRY_STATUS(registry.remove_alias(model, alias, arguments.line));
    print(format("{} has no {} any more\n", model, alias));
    return {};
  }
  if (arguments.words.size() < 3) {
    return fail(Code::kInvalidInput, "registry.version_unknown", "which version is the {}?", alias)
        .hint(format("kingpost alias {} {} 3, or --remove", model, alias));
  }
  TRY(const std::int64_t version, version_number(arguments.words.at(2)));
  TRY_STATUS(registry.set_alias(model, alias, version, arguments.line));
  print(format("version {} of {} is the {}\n", version, model, alias));
  return {};
}

Status tag_command(const Arguments& arguments) {
  TRY(auto store, open_store(arguments));
  auto& registry = store.journal->registry();
  TRY(const auto version, registry.resolve(arguments.words.at(0)));
  for (std::size_t i = 1; i < arguments.words.size(); ++i) {
    TRY_STATUS(change_tag(registry, version, arguments, arguments.words[i]));
  }
  TRY(const auto now, registry.resolve(format("{}/{}", version.model, version.version)));
  print(format("version {} of {}: {}\n", now.version, now.model,
               now.tags.entries().empty() ? "no tags" : tags_text(now.tags)));
  return {};
}

}  // namespace kingpost::cli
