// SPDX-License-Identifier: Apache-2.0
// kingpost candidates: which models are tried, which are not, and why.
#include "base/text.h"
#include "cli/cli.h"
#include "cli/load.h"
#include "cli/output.h"

namespace kingpost::cli {
namespace {

std::string value_text(const Json& value) {
  return value.is_string() ? shown(value.text()) : value.dump();
}

// `num_leaves 15..255 log, max_bin 63, extra_trees 0|1`.
std::string space_text(const Json& space) {
  std::vector<std::string> parts;
  for (const auto& [name, each] : space.entries()) {
    if (each.has("value")) {
      parts.push_back(format("{} {}", name, value_text(each["value"])));
    } else if (each.has("values")) {
      std::vector<std::string> values;
      for (const Json& value : each["values"].items()) values.push_back(value_text(value));
      parts.push_back(format("{} {}", name, join(values, "|")));
    } else {
      parts.push_back(format("{} {}..{}{}", name, value_text(each["from"]), value_text(each["to"]),
                             each["scale"].text() == "log" ? " log" : ""));
    }
  }
  return parts.empty() ? "-" : join(parts, ", ");
}

}  // namespace

Status candidates_command(const Arguments& arguments) {
  TRY(const auto pipeline, load(arguments));
  TRY(auto workspace, lifecycle::Workspace::open(pipeline));
  TRY(const auto found, find_file(pipeline, workspace, "candidates.json"));
  if (!found) {
    return fail(Code::kPrecondition, "data.nothing_sealed",
                "step \"candidates\" has left no list yet")
        .hint("run the pipeline first: kingpost run --to candidates");
  }
  TRY(const std::string bytes, workspace.objects.read(found->file.digest));
  TRY(const Json json, parse_json(bytes));
  if (arguments.json) {
    print(json.pretty());
    return {};
  }
  std::vector<std::vector<std::string>> lines;
  for (const char* list : {"candidates", "left_out"}) {
    for (const Json& each : json[list].items()) {
      lines.push_back({each["name"].text(), each["family"].text(),
                       std::string_view(list) == "candidates" ? "on the list" : "left out",
                       each["why"].text(), space_text(each["space"])});
    }
  }
  print(table_text({"name", "family", "", "why", "parameters"}, lines));
  return {};
}

}  // namespace kingpost::cli
