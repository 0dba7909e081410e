// SPDX-License-Identifier: Apache-2.0
// The words of the command line, in one place.
#include "cli/cli.h"

#include <CLI/CLI.hpp>

#include "base/text.h"
#include "cli/output.h"
#include "cli/serve/tls_options.h"
#include "lifecycle/lifecycle.h"

namespace kingpost::cli {
namespace {

using Command = Status (*)(const Arguments&);

CLI::Validator port_or_off() {
  return CLI::Validator(
      [](std::string& word) {
        if (word != "off") return CLI::Range(0, 65535)(word);
        word = format("{}", Arguments::kGrpcOff);
        return std::string();
      },
      "0 - 65535 or off");
}

// Builds the parser; the command that was named ends up in `chosen`.
class Parser {
 public:
  Parser() {
    app_.set_version_flag("--version", "kingpost " + version());
    app_.require_subcommand(1);
    app_.set_help_all_flag("--help-all", "help of all commands");
    app_.footer(
        "kingpost help lists the 22 steps, the exit statuses and a smallest pipeline file.");
    add_init();
    add_runs();
    add_store();
    add_data();
    add_infer();
    add_serve();
    add_deploy();
    add_release();
    add_register();
    add_models();
    add_rest();
  }

  CLI::App& app() { return app_; }
  Arguments arguments;
  Command chosen = nullptr;

 private:
  CLI::App* add(CLI::App& parent, const std::string& name, const std::string& doc,
                Command command) {
    CLI::App* sub = parent.add_subcommand(name, doc);
    sub->callback([this, command, name] {
      chosen = command;
      arguments.command = name;
    });
    return sub;
  }

  void with_file(CLI::App* sub) {
    sub->add_option("FILE", arguments.file, "the pipeline file; default: the only one here");
    with_changes(sub);
  }

  void with_changes(CLI::App* sub) {
    sub->add_option("--profile", arguments.profile, "a profile of the file");
    sub->add_option("--set", arguments.sets, "change a value: --set curate.split.seed=7");
  }

  void with_file_option(CLI::App* sub) {
    sub->add_option("-f,--file", arguments.file, "the pipeline file; default: the only one here");
    with_changes(sub);
  }

  void add_init() {
    auto* init = add(app_, "init", "write a first pipeline file from the data", init_command);
    init->add_option("DATA", arguments.words, "csv, parquet or ndjson files")->required();
    init->add_option("--target", arguments.target, "the column to predict");
    init->add_option("--out", arguments.out, "the file to write; default: kingpost.yaml");
    init->add_flag("--overwrite", arguments.overwrite, "also when that file is there");
  }

  void add_runs() {
    auto* check = add(app_, "check", "look for every fault before anything runs", check_command);
    with_file(check);
    check->add_option("--to", arguments.range.to, "the last step to look at");
    check->add_flag("-q,--quiet", arguments.quiet, "say nothing when all is well");
    auto* run = add(app_, "run", "run the steps that are not sealed yet", run_command);
    auto* plan = add(app_, "plan", "show what a run would do, and why", plan_command);
    for (auto* sub : {run, plan}) {
      with_file(sub);
      sub->add_option("--from", arguments.range.from, "do this step and all behind it anew");
      sub->add_option("--to", arguments.range.to, "the last step");
      sub->add_option("--force", arguments.range.force, "do this step anew");
      sub->add_flag("--json", arguments.json, "one JSON value or line per event");
    }
    run->add_flag("-q,--quiet", arguments.quiet, "warnings and errors only");
    auto* why = add(app_, "why", "say which change makes a step run", why_command);
    why->add_option("STEP", arguments.words, "one of the 22 steps")->required()->expected(1);
    with_file_option(why);
    auto* candidates =
        add(app_, "candidates", "which models are tried, which not, and why", candidates_command);
    with_file(candidates);
    candidates->add_flag("--json", arguments.json, "as JSON");
    auto* status = add(app_, "status", "the 22 steps, what they left and where", status_command);
    with_file(status);
    status->add_flag("--json", arguments.json, "as JSON");
  }

  void add_store() {
    auto* verify =
        add(app_, "verify", "hash every object of the store, or check a bundle", verify_command);
    verify
        ->add_option("WHAT", arguments.words,
                     "a bundle's folder, or NAME, NAME/3, NAME@ALIAS of the registry; or the "
                     "pipeline file whose store is meant, default: the only one here")
        ->expected(0, 1);
    verify->add_option("--key", arguments.keys,
                       "public key, of which one must have signed the bundle");
    with_file_option(verify);
    CLI::App* keys = app_.add_subcommand("keys", "keys that sign bundles");
    keys->require_subcommand(1);
    auto* fresh =
        add(*keys, "new", "a new pair: NAME, which is secret, and NAME.pub", keys_new_command);
    fresh->add_option("NAME", arguments.words, "path of a new file")->required()->expected(1);
    auto* shown_key = add(*keys, "show", "the public key and its sha256", keys_show_command);
    shown_key->add_option("FILE", arguments.words, "a key of either kind")->required()->expected(1);
    auto* list = add(*keys, "list", "the keys that lie in a folder", keys_list_command);
    list->add_option("FOLDER", arguments.words, "default: this folder")->expected(0, 1);
    list->add_flag("--json", arguments.json, "as JSON");
    auto* gc = add(app_, "gc", "remove objects that no recent result needs", gc_command);
    with_file(gc);
    gc->add_flag("--dry-run", arguments.dry_run, "only say what would be removed");
  }

  void add_data() {
    CLI::App* data = app_.add_subcommand("data", "look at the tables that the steps left");
    data->require_subcommand(1);
    auto* list = add(*data, "list", "all tables, step by step", data_list_command);
    with_file(list);
    auto* show =
        add(*data, "show", "schema and first rows of TABLE or TABLE@STEP", data_show_command);
    show->add_option("TABLE", arguments.words, "e.g. flights, weather@clean")
        ->required()
        ->expected(1);
    auto* diff = add(*data, "diff", "what differs between two tables", data_diff_command);
    diff->add_option("TABLES", arguments.words, "A and B, e.g. weather@ingest weather@clean")
        ->required()
        ->expected(2);
    auto* out =
        add(*data, "export", "write a table as .csv, .parquet or .ndjson", data_export_command);
    out->add_option("TABLE", arguments.words, "TABLE and OUT")->required()->expected(2);
    auto* report =
        add(*data, "report", "what a step found, as JSON for machines; for people: kingpost report",
            data_report_command);
    report->add_option("STEP", arguments.words, "one of the 22 steps")->required()->expected(1);
    for (auto* sub : {show, diff, out, report}) with_file_option(sub);
    for (auto* sub : {show, diff}) {
      sub->add_option("--rows", arguments.rows, "rows to print")->check(CLI::Range(0, 100'000));
    }
    for (auto* sub : {list, show}) sub->add_flag("--json", arguments.json, "as JSON");
  }

  void add_infer() {
    auto* infer = add(app_, "infer", "rows of a file through a model", infer_command);
    infer
        ->add_option("WORDS", arguments.words,
                     "MODEL (a bundle's folder, or NAME, NAME/3, NAME@ALIAS of the registry), IN "
                     "and OUT: .csv, .ndjson, .parquet, or - for a stream")
        ->expected(0, 3);
    infer->add_option("--format", arguments.form, "of IN: csv, ndjson, parquet");
    infer->add_option("--out-format", arguments.out_form, "of OUT; default: that of IN for -");
    infer->add_option("--keep", arguments.keep,
                      "columns to pass through: a,b or all; default: the key");
    infer->add_option("--rejected", arguments.rejected,
                      "where rows go that cannot be scored; default: OUT.rejected.ndjson");
    infer->add_option("--delimiter", arguments.delimiter, "between the fields of a CSV file");
    infer->add_option("--source", arguments.sources,
                      "NAME=PATH: source files instead of IN; steps 1 to 5 run first");
    infer->add_option("--threads", arguments.threads, "default: all")->check(CLI::Range(1, 1024));
    infer->add_option("--memory", arguments.memory, "of the SQL engine, e.g. 1GB");
    infer->add_flag("--json", arguments.json, "the summary as JSON");
    infer->add_flag("-q,--quiet", arguments.quiet, "errors only");
    with_file_option(infer);
  }

  void add_serve() {
    auto* serve = add(app_, "serve", "registered models behind HTTP and gRPC", serve_command);
    serve->add_option("MODELS", arguments.words,
                      "NAME, NAME/3, NAME@ALIAS of the registry, or NAME=PATH of a bundle or ONNX "
                      "file; default: every registered model");
    serve->add_option("--http", arguments.port, "port; 0 is any that is free")
        ->check(CLI::Range(0, 65535));
    serve->add_option("--grpc", arguments.grpc_port, "port of gRPC; default: none")
        ->check(CLI::Range(0, 65535));
    serve->add_option("--address", arguments.address, "where to listen; default: 127.0.0.1");
    serve->add_option("--threads", arguments.threads, "default: all")->check(CLI::Range(1, 1024));
    serve->add_option("--trust", arguments.keys,
                      "public key, of which one must have signed each bundle; instead of those of "
                      "the file");
    with_file_option(serve);
  }

  void add_release() {
    auto* image = add(app_, "containerize", "an image that serves one model, made without a daemon",
                      containerize_command);
    image
        ->add_option("MODEL", arguments.words,
                     "NAME, NAME/3, NAME@ALIAS of the registry, or a bundle's folder")
        ->required()
        ->expected(1);
    image->add_option("--out", arguments.out, "a new folder for the image, as an OCI layout");
    image->add_option("--docker-archive", arguments.archive,
                      "a file for `docker load` and for tools that read OCI archives");
    image->add_option("--ref", arguments.ref, "name of the image; default: that of the file");
    image->add_option("--push", arguments.push, "a registry's name for it: sends what it misses");
    image->add_option(
        "--mount-from", arguments.mount_from,
        "another repository of that registry, to take layers from instead of sending");
    image->add_flag("--insecure", arguments.insecure,
                    "plain HTTP to a registry that is not this machine");
    image->add_flag("--json", arguments.json, "what was made, as JSON");
    with_file_option(image);
  }

  void add_deploy() {
    CLI::App* deploy = app_.add_subcommand(
        "deploy", "a registered version behind a port that stays; its status, promote, rollback");
    deploy->callback([this, deploy] {
      if (!deploy->get_subcommands().empty()) return;
      chosen = deploy_command;
      arguments.command = "deploy";
    });
    deploy->require_subcommand(0, 1);
    deploy->add_option("MODEL", arguments.words,
                       "NAME, NAME/3, NAME@ALIAS of the registry, or NAME/VERSION=PATH");
    deploy->add_option("--to", arguments.to, "local: a process of this machine")
        ->capture_default_str();
    deploy->add_option("--name", arguments.name, "of the deployment; default: the model's");
    deploy->add_option("--http", arguments.port, "port; 0 is any that is free")
        ->check(CLI::Range(0, 65535));
    deploy->add_option("--grpc", arguments.grpc_port, "port of gRPC; 0 is any; off; default: none")
        ->transform(port_or_off());
    deploy->add_option("--address", arguments.address, "where to listen; default: 127.0.0.1");
    add_tls_options(*deploy, arguments.tls);
    deploy->add_option("--canary", arguments.plan.canary, "shares in percent: 5,25,100");
    deploy->add_option("--bake", arguments.plan.bake, "how long each share lasts; default: 1h");
    deploy->add_option("--shadow", arguments.plan.shadow, "percent of the requests to copy first");
    deploy->add_option("--shadow-for", arguments.plan.shadow_for, "how long; default: 24h");
    deploy->add_flag("--blue-green", arguments.plan.blue_green,
                     "wait, ready, until it is promoted; the old version stays ready");
    deploy->add_option("--rollback-if", arguments.plan.guards,
                       "error_rate>0.01, p99>50ms, null_rate>0.2: ends the trial");
    deploy->add_option("--min-requests", arguments.plan.min_requests,
                       "before which --rollback-if says nothing; default: 50");
    with_file_option(deploy);
    struct Row {
      const char* name;
      const char* doc;
      Command command;
    };
    for (const Row& each :
         {Row{"status", "what answers, and how a trial goes", deploy_status_command},
          Row{"promote", "give the version in trial or on standby all requests",
              deploy_promote_command},
          Row{"rollback", "end the trial, or go back to the version before",
              deploy_rollback_command},
          Row{"history", "what has happened", deploy_history_command},
          Row{"stop", "end the deployment", deploy_stop_command}}) {
      auto* sub = add(*deploy, each.name, each.doc, each.command);
      sub->add_option("NAME", arguments.words, "default: the only deployment here")->expected(0, 1);
      sub->add_flag("--json", arguments.json, "as JSON");
      with_file_option(sub);
    }
    auto* supervise = add(*deploy, "supervise", "", deploy_supervise_command);
    supervise->group("");
    supervise->add_option("FOLDER", arguments.words)->required()->expected(1);
  }

  void add_register() {
    auto* entry =
        add(app_, "register", "make a file or a bundle a version of a model", register_command);
    entry
        ->add_option("PATH", arguments.words, "an ONNX file, LightGBM's text, or a bundle's folder")
        ->required()
        ->expected(1);
    entry->add_option("--name", arguments.model, "of the model")->required();
    entry->add_option("--alias", arguments.alias, "for the version; default: none");
    with_file_option(entry);
  }

  void add_models() {
    auto* models = add(app_, "models", "the registered models", models_command);
    auto* show = add(app_, "show", "what is known of one version of a model", show_command);
    show->add_option("MODEL", arguments.words, "e.g. late, late@champion, late/3")
        ->required()
        ->expected(1);
    auto* alias = add(app_, "alias", "give a version an alias, or take it away", alias_command);
    alias->add_option("WORDS", arguments.words, "MODEL, ALIAS and VERSION, e.g. late champion 3")
        ->required()
        ->expected(2, 3);
    auto* tag = add(app_, "tag", "keep a text with a version", tag_command);
    tag->add_option("WORDS", arguments.words, "MODEL and KEY=VALUE, or KEY with --remove")
        ->required()
        ->expected(2, 100);
    auto* compare = add(app_, "compare", "two versions side by side", compare_command);
    compare->add_option("MODELS", arguments.words, "A and B, e.g. late@champion late@challenger")
        ->required()
        ->expected(2);
    auto* runs = add(app_, "runs", "the last runs, or the trials of the last one", runs_command);
    auto* trials =
        runs->add_flag("--trials", arguments.trials, "the trials of the file's last training");
    // All trials of a training are shown.
    runs->add_option("--rows", arguments.rows, "runs to print")
        ->check(CLI::Range(1, 100'000))
        ->excludes(trials);
    auto* package = add(app_, "package", "write a bundle as a folder", package_command);
    package->add_option("FOLDER", arguments.words, "a new folder")->required()->expected(1);
    package->add_option("--model", arguments.model,
                        "a registered version; default: the file's last bundle");
    package->add_option("--sign", arguments.sign, "private key to sign it with");
    for (auto* sub : {alias, tag}) {
      sub->add_flag("--remove", arguments.remove, "take it away");
    }
    for (auto* sub : {models, show, compare, runs}) {
      sub->add_flag("--json", arguments.json, "as JSON");
    }
    for (auto* sub : {models, show, alias, tag, compare, runs, package}) with_file_option(sub);
  }

  void add_rest() {
    auto* report = add(app_, "report", "one HTML page of the last run", report_command);
    with_file(report);
    report->add_option("--out", arguments.out, "the page to write; default: report.html");
    auto* help = add(app_, "help", "the steps, or the keys of one section", help_command);
    help->add_option("STEP", arguments.words, "one of the 22 steps, or file")->expected(0, 1);
    add(app_, "schema", "the JSON Schema of the pipeline file", schema_command);
    add(app_, "doctor", "what is installed, what is missing, how to mend it", doctor_command);
  }

  CLI::App app_{
      "Kingpost carries a team's data and models through the 22 steps from raw data to a "
      "served, monitored model."};
};

}  // namespace

int run_command_line(int count, char** words) {
  Parser parser;
  std::vector<std::string> line;
  for (int i = 0; i < count; ++i) line.emplace_back(i == 0 ? "kingpost" : words[i]);
  try {
    parser.app().parse(count, words);
  } catch (const CLI::ParseError& error) {
    const int status = parser.app().exit(error);
    return status == 0 ? 0 : exit_status(Code::kInvalidInput);
  }
  parser.arguments.line = join(line, " ");
  const Status status = parser.chosen(parser.arguments);
  if (status) return 0;
  print_error(render(status.error()));
  return exit_status(status.error().code());
}

}  // namespace kingpost::cli
