// SPDX-License-Identifier: Apache-2.0
// Loading in a fixed order: extends, profile, --set, ${}, field tables.
#include "lifecycle/pipeline_file.h"

#include <unistd.h>

#include <algorithm>
#include <array>

#include "base/files.h"
#include "base/text.h"
#include "base/utf8.h"
#include "engines/yaml/yaml.h"
#include "lifecycle/lifecycle.h"
#include "lifecycle/substitution.h"

namespace kingpost::lifecycle {
namespace {

// Maps are merged key by key; anything else replaces.
void merge_into(Node& base, const Node& over) {
  if (!base.is_map() || !over.is_map()) {
    base = over;
    return;
  }
  for (const Entry& entry : over.entries) {
    if (Node* same = base.find(entry.key)) {
      merge_into(*same, entry.value);
    } else {
      base.entries.push_back(entry);
    }
  }
}

Error missing_file(const std::string& path, const Mark& wanted_by, const Error& why) {
  std::vector<std::string> names;
  for (const std::string& name : entries_of(parent_of(path))) {
    if (name.ends_with(".yaml") || name.ends_with(".yml")) names.push_back(name);
  }
  const std::string hint = did_you_mean(
      name_of(path), names, "name the file, or write one; `kingpost help` shows the smallest");
  const bool missing = why.code() == Code::kNotFound;
  Error error = missing ? fail(Code::kNotFound, "file.pipeline_missing",
                               "there is no pipeline file \"{}\"", path)
                        : fail(Code::kNotFound, "file.pipeline_missing", "pipeline file \"{}\": {}",
                               path, why.what());
  error = std::move(error).hint(hint);
  return wanted_by.source == nullptr ? error : std::move(error).at(wanted_by.place());
}

std::optional<Node> read_tree(const std::string& path, const Mark& wanted_by, Faults& faults) {
  const auto text = read_file(path, (1U << 20U) + 1);
  if (!text) {
    faults.add(missing_file(path, wanted_by, text.error()));
    return std::nullopt;
  }
  auto tree = yaml::parse(std::make_shared<const SourceText>(path, *text), faults);
  if (tree && !tree->is_map()) {
    faults.add(fault_at(tree->mark, "file.not_a_map", "a pipeline file is a map of sections",
                        "begin with `version: 1`"));
    return std::nullopt;
  }
  return tree;
}

std::optional<Node> read_with_base(const std::string& path, Faults& faults) {
  auto tree = read_tree(path, {}, faults);
  if (!tree) return std::nullopt;
  const Node* extends = tree->find("extends");
  if (extends == nullptr) return tree;
  if (!extends->is_scalar()) {
    faults.add(fault_at(extends->mark, "file.wrong_type", "\"extends\" wants one path",
                        "write extends: shared.yaml"));
    return std::nullopt;
  }
  const std::string base_path = resolve_path(parent_of(path), extends->text);
  auto base = read_tree(base_path, extends->mark, faults);
  if (!base) return std::nullopt;
  if (const Node* again = base->find("extends")) {
    const bool itself = base_path == resolve_path(parent_of(path), name_of(path));
    faults.add(
        fault_at(again->mark, "file.extends_twice",
                 itself ? format("\"{}\" extends itself", base_path)
                        : format("\"{}\" is extended and may not extend another file", base_path),
                 itself ? "name the file whose keys it adds to"
                        : "one level only: merge the two shared files"));
    return std::nullopt;
  }
  merge_into(*base, *tree);
  return base;
}

void apply_profile(Node& root, const std::string& profile, Faults& faults) {
  if (profile.empty()) return;
  const Node* profiles = root.find("profiles");
  const Node* chosen = profiles != nullptr ? profiles->find(profile) : nullptr;
  if (chosen == nullptr) {
    std::vector<std::string> names;
    if (profiles != nullptr) {
      for (const Entry& entry : profiles->entries) names.push_back(entry.key);
    }
    faults.add(fail(Code::kInvalidInput, "file.unknown_profile", "there is no profile \"{}\"",
                    shown(profile))
                   .hint(did_you_mean(profile, names,
                                      names.empty() ? "the file has no profiles"
                                                    : format("profiles: {}", listed(names)))));
    return;
  }
  const Node copy = *chosen;
  merge_into(root, copy);
}

// The command line is one line, and it is named as a whole.
void forget_lines(Node& node) {
  node.mark.line = 0;
  for (Node& item : node.items) forget_lines(item);
  for (Entry& entry : node.entries) {
    entry.key_mark.line = 0;
    forget_lines(entry.value);
  }
}

void apply_set(Node& root, const std::string& assignment, Faults& faults) {
  const std::size_t equals = assignment.find('=');
  if (equals == std::string::npos || equals == 0) {
    faults.add(fail(Code::kInvalidInput, "file.malformed_set", "--set {} is not KEY=VALUE",
                    shown(assignment))
                   .hint("e.g. --set curate.split.seed=7"));
    return;
  }
  const std::string value_text = assignment.substr(equals + 1);
  const auto source = std::make_shared<const SourceText>("--set " + shown(assignment), value_text);
  const auto value = yaml::parse(source, faults);
  if (!value) return;
  Node over = *value;
  forget_lines(over);
  auto parts = split(assignment.substr(0, equals), '.');
  for (auto part = parts.rbegin(); part != parts.rend(); ++part) {
    Node map;
    map.kind = Node::Kind::kMap;
    map.mark = over.mark;
    map.entries.push_back({*part, over.mark, std::move(over)});
    over = std::move(map);
  }
  merge_into(root, over);
}

Error unbuilt_section(const StepRow& row) {
  return fail(Code::kInvalidInput, "file.step_not_built", "step {} \"{}\" is not built yet",
              row.number, row.word)
      .hint(format("end before it with --to {}, or take the section out", last_built().word));
}

// Sections of steps that cannot run: noted unless the run ends before them. Those without a field
// table are taken out.
std::vector<Error> take_unbuilt(Node& root, const std::string& to) {
  std::vector<Error> out;
  const StepRow* last = to.empty() ? nullptr : find_row(to);
  for (const StepRow& row : rows()) {
    if (row.spec != nullptr && row.built()) continue;
    const auto entry = std::find_if(root.entries.begin(), root.entries.end(),
                                    [&](const Entry& each) { return each.key == row.word; });
    if (entry == root.entries.end()) continue;
    if (last == nullptr || row.number <= last->number) {
      out.push_back(unbuilt_section(row).at(entry->key_mark.place()));
    }
    if (row.spec == nullptr) root.entries.erase(entry);
  }
  return out;
}

void fill_settings(Pipeline& pipeline, Faults& faults) {
  steps::Settings& settings = pipeline.settings;
  settings.project = pipeline.root.text_at("project");
  settings.folder = parent_of(absolute_path(pipeline.path));
  settings.now = wall_clock();
  if (const Node* now = pipeline.root.at("vars").find("now")) {
    const auto time = parse_timestamp(now->text);
    if (time) {
      settings.now = *time;
      settings.now_given = true;
    } else {
      faults.add(fault_at(now->mark, "file.malformed_now",
                          format("vars.now \"{}\" is not a timestamp", shown(now->text)),
                          "write \"2014-01-02T00:00:00Z\""));
    }
  }
  const Node& engine = pipeline.root.at("engine");
  settings.engine.memory = engine.text_at("memory");
  if (engine.has("memory") && !is_amount(settings.engine.memory)) {
    faults.add(fault_at(engine.at("memory").mark, "file.malformed_memory",
                        format("\"memory\" wants an amount such as 4GB but found \"{}\"",
                               shown(settings.engine.memory)),
                        "units: MB, GB, TB, MiB, GiB, TiB"));
  }
  settings.engine.threads = static_cast<int>(engine.integer("threads"));
  pipeline.store_folder = settings.folder + "/.kingpost";
  pipeline.objects_folder = resolve_path(settings.folder, pipeline.root.text_at("artifacts"));
  settings.engine.temp_folder =
      format("{}/{}-spill", store::Objects::temp_folder_of(pipeline.objects_folder), ::getpid());
}

}  // namespace

const Field& file_spec() {
  static const Field field = [] {
    Shape engine{.fields = {
                     {.name = "type",
                      .kind = FieldKind::kChoice,
                      .doc = "the SQL engine that does the data steps",
                      .fallback = "duckdb",
                      .choices = {"duckdb"}},
                     {.name = "memory",
                      .kind = FieldKind::kText,
                      .doc = "memory the engine may use before it spills to disk, e.g. 4GB"},
                     {.name = "threads",
                      .kind = FieldKind::kInteger,
                      .doc = "threads of the engine; results do not depend on it",
                      .least = 1,
                      .most = 1024},
                 }};
    Shape top{
        .fields = {
            {.name = "version",
             .kind = FieldKind::kInteger,
             .doc = "version of the file's own format; 1",
             .required = true,
             .least = 1,
             .most = 1},
            {.name = "project",
             .kind = FieldKind::kName,
             .doc = "name of the project",
             .required = true},
            {.name = "extends",
             .kind = FieldKind::kPath,
             .doc = "a file whose keys this one adds to and replaces"},
            map_of({.name = "vars", .doc = "values that ${name} stands for; `now` is the clock"},
                   {.kind = FieldKind::kScalar}),
            map_of({.name = "profiles", .doc = "named changes to the file, for --profile"},
                   {.kind = FieldKind::kAny}),
            object_of({.name = "engine", .doc = "where the data steps run", .fallback = "{}"},
                      std::move(engine)),
            {.name = "artifacts",
             .kind = FieldKind::kPath,
             .doc = "folder of the objects",
             .fallback = ".kingpost/objects"},
        }};
    for (const StepRow& row : rows()) {
      if (row.spec == nullptr) continue;
      top.fields.push_back(row.spec());
      top.fields.back().section = true;
    }
    return object_of({.name = "file"}, std::move(top));
  }();
  return field;
}

std::optional<Pipeline> load_pipeline(const LoadOptions& options, Faults& faults) {
  auto tree = read_with_base(options.path, faults);
  if (!tree) return std::nullopt;
  apply_profile(*tree, options.profile, faults);
  for (const std::string& set : options.sets) apply_set(*tree, set, faults);
  substitute_vars(*tree, faults);
  std::vector<Error> unbuilt = take_unbuilt(*tree, options.to);
  if (tree->at("version").is_scalar() && tree->at("version").text != "1") {
    faults.add(fault_at(tree->at("version").mark, "file.unknown_version",
                        format("version {} is not known", shown(tree->at("version").text)),
                        "this kingpost reads version 1"));
    return std::nullopt;
  }
  Pipeline pipeline;
  pipeline.path = options.path;
  pipeline.root = resolve(*tree, file_spec(), "file", faults);
  fill_settings(pipeline, faults);
  if (!faults.empty()) {
    for (Error& error : unbuilt) faults.add(std::move(error));
    return std::nullopt;
  }
  pipeline.unbuilt = std::move(unbuilt);
  return pipeline;
}

Result<std::string> find_pipeline_file(const std::string& path) {
  if (!path.empty()) return path;
  if (exists("kingpost.yaml")) return std::string("kingpost.yaml");
  std::vector<std::string> found;
  for (const std::string& name : entries_of(".")) {
    if (!name.ends_with(".yaml") && !name.ends_with(".yml")) continue;
    const auto text = read_file(name, 4096);
    if (!text) continue;
    if (format("\n{}", without_bom(*text)).find("\nversion:") != std::string::npos)
      found.push_back(name);
  }
  if (found.size() == 1) return found.front();
  if (found.empty()) {
    return fail(Code::kInvalidInput, "file.pipeline_missing", "no pipeline file in this folder")
        .hint("name one: kingpost run FILE");
  }
  return fail(Code::kInvalidInput, "file.pipeline_missing", "several pipeline files here: {}",
              listed(found))
      .hint("name one: kingpost run FILE");
}

}  // namespace kingpost::lifecycle
