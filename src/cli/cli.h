// SPDX-License-Identifier: Apache-2.0
// The command line: what was asked for, and one function per command. Commands print to standard
// output; the error of a command is printed once, by `run_command_line`.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "engines/http/tls_files.h"
#include "lifecycle/pipeline_file.h"
#include "lifecycle/plan.h"
#include "steps/18_deploy/deploy.h"

namespace kingpost::cli {

struct Arguments {
  std::string command;
  std::string file;
  std::string profile;
  std::vector<std::string> sets;
  lifecycle::RunOptions range;
  bool json = false;
  bool quiet = false;
  bool dry_run = false;
  /// STEP, TABLE, A and B, OUT: what follows the command's own word.
  std::vector<std::string> words;
  int rows = 10;
  /// Of init: the column to predict, the file to write, and whether it may be there already.
  std::string target;
  std::string out;
  bool overwrite = false;
  /// Of alias and tag: take it away. Of package: the version. Of runs: the trials of the last one.
  bool remove = false;
  std::string model;
  /// Of register.
  std::string alias;
  bool trials = false;
  /// Of infer: forms of IN and OUT, columns to keep, where rejected rows go, limits, and source
  /// files instead of IN, as NAME=PATH.
  std::string form;
  std::string out_form;
  std::string keep;
  std::string rejected;
  std::string delimiter;
  std::string memory;
  int threads = 0;
  std::vector<std::string> sources;
  /// Of containerize: the archive to write, the image's name, the name to push it by, another
  /// repository there to take layers from, and whether registries of other machines are spoken to
  /// without TLS.
  std::string archive;
  std::string ref;
  std::string push;
  std::string mount_from;
  bool insecure = false;
  /// Public keys that are trusted, and the private one to sign with: paths of PEM files.
  std::vector<std::string> keys;
  std::string sign;
  /// Of deploy: where to, the deployment's name, and how a version gets its traffic.
  std::string to = "local";
  std::string name;
  steps::deploy::PlanWords plan;
  /// Of serve and deploy: -1 and "" where the pipeline file decides.
  int port = -1;
  int grpc_port = -1;
  /// Of deploy: gRPC is said to be off.
  static constexpr int kGrpcOff = -2;
  std::string address;
  http::TlsFiles tls{};
  /// The whole line, for the journal.
  std::string line;
};

/// Parses, runs, prints; the process's exit status.
int run_command_line(int count, char** words);

Status check_command(const Arguments& arguments);
Status run_command(const Arguments& arguments);
Status plan_command(const Arguments& arguments);
Status why_command(const Arguments& arguments);
Status status_command(const Arguments& arguments);
Status verify_command(const Arguments& arguments);
/// A bundle's folder or a registered version: every file, nothing else in a folder, and the
/// signature where keys are named.
Status verify_bundle(const Arguments& arguments);
Status keys_new_command(const Arguments& arguments);
Status keys_show_command(const Arguments& arguments);
Status keys_list_command(const Arguments& arguments);
Status gc_command(const Arguments& arguments);
Status data_list_command(const Arguments& arguments);
Status data_show_command(const Arguments& arguments);
Status data_diff_command(const Arguments& arguments);
Status data_export_command(const Arguments& arguments);
Status data_report_command(const Arguments& arguments);
Status candidates_command(const Arguments& arguments);
Status register_command(const Arguments& arguments);
Status models_command(const Arguments& arguments);
Status show_command(const Arguments& arguments);
Status alias_command(const Arguments& arguments);
Status tag_command(const Arguments& arguments);
Status compare_command(const Arguments& arguments);
Status runs_command(const Arguments& arguments);
Status package_command(const Arguments& arguments);
Status report_command(const Arguments& arguments);
Status init_command(const Arguments& arguments);
Status infer_command(const Arguments& arguments);
Status serve_command(const Arguments& arguments);
Status deploy_command(const Arguments& arguments);
Status deploy_status_command(const Arguments& arguments);
Status deploy_promote_command(const Arguments& arguments);
Status deploy_rollback_command(const Arguments& arguments);
Status deploy_history_command(const Arguments& arguments);
Status deploy_stop_command(const Arguments& arguments);
/// The supervisor itself, which `deploy` starts.
Status deploy_supervise_command(const Arguments& arguments);
Status containerize_command(const Arguments& arguments);
Status help_command(const Arguments& arguments);
Status schema_command(const Arguments& arguments);
Status doctor_command(const Arguments& arguments);

/// "0.1.0".
std::string version();

}  // namespace kingpost::cli
