// SPDX-License-Identifier: Apache-2.0
// kingpost compare, runs, package: versions side by side, what ran when, a bundle as a folder.
#include <algorithm>

#include "base/clock.h"
#include "base/files.h"
#include "base/text.h"
#include "cli/cli.h"
#include "cli/load.h"
#include "cli/output.h"
#include "steps/bundle.h"

namespace kingpost::cli {
namespace {

constexpr Micros kSecond = 1'000'000;

std::string time_text(Micros time) {
  return time == 0 ? "" : second_text(time);
}

double seconds_between(Micros from, Micros to) {
  return to < from ? 0 : static_cast<double>(to - from) / static_cast<double>(kSecond);
}

// One of the two that are compared.
struct Version {
  store::ModelVersion registered;
  Json metrics;
  Json features;
  Json signature;

  std::string title() const {
    const std::string name = format("{}/{}", registered.model, registered.version);
    return registered.aliases.empty() ? name
                                      : format("{} ({})", name, join(registered.aliases, ", "));
  }
};

Result<Version> version_of(lifecycle::Workspace& store, const std::string& reference) {
  Version out;
  TRY(out.registered, store.journal->registry().resolve(reference));
  TRY(const auto bundle, steps::Bundle::in_store(store.objects, out.registered.bundle));
  TRY(out.metrics, bundle.json("metrics.json"));
  TRY(out.features, bundle.json("features.json"));
  TRY(out.signature, bundle.json("signature.json"));
  return out;
}

// Name -> value, in the order of A, then what B has beside.
using Pairs = std::vector<std::pair<std::string, Json>>;

struct Line {
  std::string name;
  Json a;
  Json b;
};

std::vector<Line> side_by_side(const Pairs& a, const Pairs& b) {
  std::vector<Line> out;
  for (const auto& [name, value] : a) out.push_back({name, value, {}});
  for (const auto& [name, value] : b) {
    const auto found =
        std::find_if(out.begin(), out.end(), [&](const Line& each) { return each.name == name; });
    if (found == out.end()) {
      out.push_back({name, {}, value});
    } else {
      found->b = value;
    }
  }
  return out;
}

Pairs entries(const Json& object) {
  return {object.entries().begin(), object.entries().end()};
}

// Those of the model itself; the baseline's stand beside them in the bundle.
Pairs metrics_of(const Json& metrics) {
  return entries(metrics["test"][metrics["model"].text()]["metrics"]);
}

Pairs types_of(const Json& columns) {
  Pairs out;
  for (const Json& each : columns.items()) out.emplace_back(each["name"].text(), each["type"]);
  return out;
}

Pairs features_of(const Json& features) {
  Pairs out;
  for (const Json& each : features["features"]["columns"].items()) {
    out.emplace_back(each["name"].text(), each["feature"]);
  }
  return out;
}

struct Section {
  std::string title;
  std::vector<Line> lines;
  /// Lines in which both are alike say nothing here.
  bool only_differences = false;
};

std::vector<Section> sections_of(const Version& a, const Version& b) {
  const Json& parameters_a = a.registered.facts["parameters"];
  const Json& parameters_b = b.registered.facts["parameters"];
  const auto made = [](const Version& version) {
    const Json& facts = version.registered.facts;
    return Pairs{{"candidate", facts["candidate"]},
                 {"family", facts["family"]},
                 {"threshold", facts["threshold"]},
                 {"training set", facts["rows"]["training"]},
                 {"bundle", version.registered.bundle}};
  };
  return {{"model", side_by_side(made(a), made(b))},
          {"metrics on test rows", side_by_side(metrics_of(a.metrics), metrics_of(b.metrics))},
          {"parameters", side_by_side(entries(parameters_a), entries(parameters_b))},
          {"inputs", side_by_side(types_of(a.signature["inputs"]), types_of(b.signature["inputs"])),
           true},
          {"features", side_by_side(features_of(a.features), features_of(b.features)), true}};
}

std::string cell(const Json& value) {
  if (value.is_null()) return "-";
  if (value.is_string()) return shown(value.text(), 12);
  if (value["value"].is_number()) {
    std::string number = format("{:.6g}", value["value"].number());
    if (!value["low"].is_number()) return number;
    return format("{} [{:.4g}, {:.4g}]", number, value["low"].number(), value["high"].number());
  }
  if (value.is_number() && !value.is_integer()) return format("{:.6g}", value.number());
  return shown(value.dump(), 40);
}

Json sections_json(const std::vector<Section>& sections) {
  Json out = Json::object();
  for (const Section& section : sections) {
    Json lines = Json::object();
    for (const Line& line : section.lines) {
      lines.set(line.name, Json::object().set("a", line.a).set("b", line.b));
    }
    out.set(section.title, std::move(lines));
  }
  return out;
}

void print_section(const Section& section) {
  std::vector<std::vector<std::string>> lines;
  std::size_t alike = 0;
  for (const Line& line : section.lines) {
    const bool same = line.a == line.b;
    if (same) ++alike;
    if (same && section.only_differences) continue;
    lines.push_back({shown(line.name, 40), cell(line.a), cell(line.b), same ? "" : "*"});
  }
  print(format("\n{}\n", section.title));
  if (!lines.empty()) print(table_text({"", "A", "B", ""}, lines));
  if (section.only_differences) print(format("  {} alike\n", alike));
}

Json execution_json(const store::Execution& execution) {
  Json out = Json::object().set("step", execution.step).set("state", execution.state);
  out.set("started", time_text(execution.started));
  out.set("seconds", seconds_between(execution.started, execution.ended));
  if (!execution.error.empty()) out.set("error", execution.error);
  return out;
}

Status print_trials(const Arguments& arguments) {
  TRY(const auto pipeline, load(arguments));
  TRY(auto workspace, lifecycle::Workspace::open(pipeline));
  TRY(const auto found, find_file(pipeline, workspace, "trials.json"));
  if (!found) {
    return fail(Code::kPrecondition, "data.nothing_sealed", "step \"train\" has left no trials yet")
        .hint("run the pipeline first: kingpost run --to train");
  }
  TRY(const std::string bytes, workspace.objects.read(found->file.digest));
  TRY(const Json trials, parse_json(bytes));
  if (arguments.json) {
    print(trials.pretty());
    return {};
  }
  std::vector<std::vector<std::string>> lines;
  for (const Json& each : trials["trials"].items()) {
    const Json& best = trials["best"][each["candidate"].text()];
    std::vector<std::string> parameters;
    for (const auto& [name, value] : each["parameters"].entries()) {
      parameters.push_back(format("{} {}", name, cell(value)));
    }
    lines.push_back({each["candidate"].text(), each["trial"].dump(), cell(each["score"]),
                     cell(each["train_score"]), cell(each["rounds"]), each["state"].text(),
                     best == each["trial"] ? "best" : "", join(parameters, ", ")});
  }
  print(table_text({"candidate", "trial", trials["metric"].text(), "on train", "rounds", "state",
                    "", "parameters"},
                   lines));
  return {};
}

}  // namespace

Status compare_command(const Arguments& arguments) {
  TRY(auto store, open_store(arguments));
  TRY(const Version a, version_of(store, arguments.words.at(0)));
  TRY(const Version b, version_of(store, arguments.words.at(1)));
  const auto sections = sections_of(a, b);
  if (arguments.json) {
    Json out = Json::object().set("a", a.title()).set("b", b.title());
    print(out.set("sections", sections_json(sections)).pretty());
    return {};
  }
  print(format("A: {}\nB: {}\n", a.title(), b.title()));
  for (const Section& section : sections) print_section(section);
  return {};
}

Status runs_command(const Arguments& arguments) {
  if (arguments.trials) return print_trials(arguments);
  TRY(auto store, open_store(arguments));
  TRY(const auto runs, store.journal->runs(arguments.rows));
  TRY(const auto executions, store.journal->executions());
  Json out = Json::array();
  std::vector<std::vector<std::string>> lines;
  for (const store::Run& run : runs) {
    Json steps = Json::array();
    std::vector<std::string> done;
    for (const store::Execution& each : executions) {
      if (each.run != run.id) continue;
      steps.push(execution_json(each));
      const double seconds = seconds_between(each.started, each.ended);
      done.push_back(each.state == "sealed" ? format("{} {:.1f}s", each.step, seconds)
                                            : format("{} {}", each.step, each.state));
    }
    out.push(Json::object()
                 .set("run", run.id)
                 .set("command", run.command)
                 .set("file", run.file)
                 .set("state", run.state)
                 .set("started", time_text(run.started))
                 .set("ended", time_text(run.ended))
                 .set("seconds", seconds_between(run.started, run.ended))
                 .set("steps", std::move(steps)));
    lines.push_back({format("{}", run.id), shown(run.file), run.state, time_text(run.started),
                     format("{:.1f}", seconds_between(run.started, run.ended)), join(done, ", ")});
  }
  print(arguments.json
            ? out.pretty()
            : table_text({"run", "file", "state", "started", "seconds", "steps that ran"}, lines));
  return {};
}

namespace {

Status sign_if_asked(const Arguments& arguments, steps::Bundle& bundle) {
  if (arguments.sign.empty()) return {};
  TRY(const std::string pem, read_file(arguments.sign));
  return bundle.sign_with(pem);
}

}  // namespace

Status package_command(const Arguments& arguments) {
  const std::string& folder = arguments.words.at(0);
  if (!arguments.model.empty()) {
    TRY(auto store, open_store(arguments));
    TRY(const auto version, store.journal->registry().resolve(arguments.model));
    TRY(auto bundle, steps::Bundle::of_version(store.objects, version));
    TRY_STATUS(sign_if_asked(arguments, bundle));
    TRY_STATUS(bundle.write_to(folder));
    print(format("{}: version {} of {}, {} files{}\n", folder, version.version, version.model,
                 bundle.files().size() + 1, bundle.signature().empty() ? "" : ", signed"));
    return {};
  }
  TRY(const auto pipeline, load(arguments));
  TRY(auto workspace, lifecycle::Workspace::open(pipeline));
  TRY(const auto found, find_file(pipeline, workspace, format("bundle/{}", steps::kBundleSums)));
  if (!found) {
    return fail(Code::kPrecondition, "data.nothing_sealed",
                "step \"package\" has left no bundle yet")
        .hint("run the pipeline first: kingpost run --to package");
  }
  // Of the same step as the bundle, which another run may have left without one.
  TRY(const auto signature,
      find_file(pipeline, workspace, format("bundle/{}@{}", steps::kBundleSignature, found->step)));
  TRY(auto bundle, steps::Bundle::in_store(workspace.objects, found->file.digest,
                                           signature ? signature->file.digest : std::string()));
  TRY_STATUS(sign_if_asked(arguments, bundle));
  TRY_STATUS(bundle.write_to(folder));
  print(format("{}: the last bundle of {}, {} files{}\n", folder, pipeline.path,
               bundle.files().size() + 1, bundle.signature().empty() ? "" : ", signed"));
  return {};
}

}  // namespace kingpost::cli
