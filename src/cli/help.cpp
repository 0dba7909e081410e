// SPDX-License-Identifier: Apache-2.0
// kingpost help, schema, doctor.
#include <sys/utsname.h>

#include "base/files.h"
#include "base/text.h"
#include "cli/cli.h"
#include "cli/output.h"
#include "engines/lightgbm/lightgbm.h"
#include "engines/onnx/runtime.h"
#include "engines/sql/session.h"
#include "lifecycle/lifecycle.h"

namespace kingpost::cli {
namespace {

constexpr std::string_view kSmallest = R"(
the smallest pipeline file:

  version: 1
  project: penguins
  ingest:
    penguins: {path: penguins.csv, nulls: ["", NA]}
  curate:
    spine: penguins
    target: {name: species, type: multiclass, expr: species}

then: kingpost check FILE, kingpost run FILE, kingpost data list FILE
)";

void print_steps() {
  std::vector<std::vector<std::string>> lines;
  for (const auto& row : lifecycle::rows()) {
    const std::string state = row.built() ? "built" : "not built yet";
    lines.push_back({format("{}", row.number), std::string(row.word), std::string(row.reads),
                     std::string(row.writes), state});
  }
  print(table_text({"#", "step", "reads", "writes", ""}, lines));
}

void print_exit_statuses() {
  std::vector<std::vector<std::string>> lines = {{"0", "ok", "all went well"}};
  for (const CodeRow& row : code_rows()) {
    lines.push_back(
        {format("{}", row.exit_status), std::string(row.word), std::string(row.sentence)});
  }
  print("\nexit statuses:\n");
  print(table_text({"status", "word", "meaning"}, lines));
}

}  // namespace

Status help_command(const Arguments& arguments) {
  if (arguments.words.empty()) {
    print("the 22 steps; kingpost help STEP shows the keys of a section\n\n");
    print_steps();
    print_exit_statuses();
    print(kSmallest);
    return {};
  }
  const std::string& word = arguments.words[0];
  if (word == "file") {
    for (const Field& field : lifecycle::file_spec().shape->fields) {
      if (!field.section) print(help_text(field));
    }
    return {};
  }
  const auto* row = lifecycle::find_row(word);
  if (row == nullptr) {
    return fail(Code::kInvalidInput, "help.unknown_step", "\"{}\" is not a step", shown(word))
        .hint(did_you_mean(word, lifecycle::words(), "kingpost help shows them"));
  }
  print(format("step {}: reads {}; writes {}\n\n", row->number, row->reads, row->writes));
  if (!row->command.empty()) {
    print(format("{}; kingpost {} --help lists its options\n", row->command, row->word));
    if (row->spec == nullptr) print("the pipeline file has no section for it yet\n");
    if (row->spec != nullptr) print("\n" + help_text(row->spec()));
    return {};
  }
  if (row->spec == nullptr) {
    return fail(Code::kNotBuilt, "help.step_not_built", "step {} \"{}\" is not built yet",
                row->number, row->word);
  }
  print(help_text(row->spec()));
  return {};
}

Status schema_command(const Arguments&) {
  Json schema = Json::object();
  schema.set("$schema", "https://json-schema.org/draft/2020-12/schema");
  schema.set("title", "Kingpost pipeline file");
  const Json body = json_schema(lifecycle::file_spec());
  for (const auto& [key, value] : body.entries()) schema.set(key, value);
  print(schema.pretty());
  return {};
}

Status doctor_command(const Arguments& arguments) {
  std::vector<std::vector<std::string>> lines;
  bool fine = true;
  const auto line = [&](bool good, std::string what, std::string found, std::string mend) {
    fine = fine && good;
    lines.push_back({good ? "ok" : "MISSING", std::move(what), std::move(found),
                     good ? std::string() : std::move(mend)});
  };
  line(true, "kingpost", version() + " in " + program_folder(), "");
  utsname system{};
  ::uname(&system);
  line(true, "system",
       format("{} {} {}", static_cast<const char*>(system.sysname),
              static_cast<const char*>(system.release), static_cast<const char*>(system.machine)),
       "");
  const std::string driver = sql::driver_path();
  line(!driver.empty(), "SQL driver duckdb", driver.empty() ? "not found" : driver,
       "python3 tools/setup.py, then make build; or set KINGPOST_DRIVERS to its folder");
  if (!driver.empty()) {
    const std::string folder = absolute_path(".");
    auto session = sql::Session::open({"", 1, folder + "/.kingpost/tmp/spill"});
    std::string found = session ? "" : session.error().what();
    if (session) {
      const auto answer = (*session)->query("SELECT version() AS v");
      found = answer ? answer->text(0, "v") : answer.error().what();
    }
    line(session.has_value(), "SQL engine", found, "the library is damaged: fetch it again");
  }
  const std::string again = "python3 tools/setup.py, then make build";
  const std::string trees = lightgbm::library_path();
  line(!trees.empty(), "LightGBM", trees.empty() ? "lib_lightgbm.so not found" : trees, again);
  const std::string inference = onnx::runtime_path();
  line(!inference.empty(), "ONNX Runtime",
       inference.empty() ? "libonnxruntime.so.1 not found" : inference, again);
  const std::int64_t space = disk_free(".");
  line(space > (std::int64_t{1} << 30), "disk free here", human_bytes(space),
       "free some space: a run needs about three times the size of its sources");
  print(table_text({"", "what", "found", "to mend it"}, lines));
  (void)arguments;
  if (fine) return {};
  return fail(Code::kPrecondition, "doctor.missing", "something is missing; see the table");
}

}  // namespace kingpost::cli
