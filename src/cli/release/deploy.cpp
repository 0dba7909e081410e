// SPDX-License-Identifier: Apache-2.0
// kingpost deploy: one supervisor a deployment, which lives on by itself, and what is asked of it.
#include "steps/18_deploy/deploy.h"

#include <signal.h>

#include <algorithm>
#include <optional>
#include <thread>

#include "base/files.h"
#include "base/text.h"
#include "cli/cli.h"
#include "cli/load.h"
#include "cli/output.h"
#include "cli/release/control.h"
#include "cli/serve/unpacked.h"
#include "steps/18_deploy/backend.h"
#include "steps/18_deploy/supervisor.h"
#include "store/lock.h"

namespace kingpost::cli {
namespace {

namespace deploy = steps::deploy;
using Clock = std::chrono::steady_clock;

Result<std::string> deployments_folder(const Arguments& arguments) {
  auto store = open_store(arguments);
  if (store) return store->objects.folder() + "/deployments";
  const bool is_none =
      store.error().id() == "file.pipeline_missing" && file_option(arguments).empty();
  if (!is_none) return std::move(store).error();
  return absolute_path(".kingpost/deployments");
}

Status hold_name(const std::string& name) {
  const bool fine =
      !name.empty() && name.size() <= 100 && name[0] != '.' &&
      std::all_of(name.begin(), name.end(), [](char c) {
        return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '-' || c == '.';
      });
  if (fine) return {};
  return fail(Code::kInvalidInput, "deploy.name_malformed", "\"{}\" is no name of a deployment",
              shown(name))
      .hint("letters, digits, underscore, dash and point");
}

// Where a deployment listens.
std::string places_of(const Json& status) {
  const std::string grpc = status["grpc_url"].text();
  return status["url"].text() + (grpc.empty() ? "" : " and ") + grpc;
}

class Deploying {
 public:
  explicit Deploying(const Arguments& arguments) : arguments_(arguments) {}

  Status run() {
    if (arguments_.to != "local") {
      return fail(Code::kInvalidInput, "deploy.place_unknown",
                  "--to {} is not known: this version deploys to local", shown(arguments_.to));
    }
    TRY_STATUS(take_file());
    TRY_STATUS(take_source());
    if (config_.name.empty()) config_.name = source_.model;
    if (!arguments_.name.empty()) config_.name = arguments_.name;
    TRY_STATUS(hold_name(config_.name));
    TRY(const std::string base, deployments_folder(arguments_));
    folder_ = format("{}/{}", base, config_.name);
    TRY_STATUS(make_folders(folder_));
    Json body = Json::object().set("source", deploy::to_json(source_));
    body.set("plan", deploy::to_json(plan_));
    const auto until = Clock::now() + kPatience;
    for (;;) {
      TRY(const Control control, reach());
      const auto asked = control.ask("/deploy", body);
      if (asked) return wait(control, (*asked)["attempt"].integer());
      // It was killed just now: the next one takes up what there was.
      const bool is_lost = asked.error().id() == "deploy.not_running";
      if (!is_lost || Clock::now() > until) return Error(asked.error());
      std::this_thread::sleep_for(kLook);
    }
  }

 private:
  Status take_file() {
    config_.program = program_folder() + "/kingpost-serve";
    config_.words = {"--drain", "0"};
    const auto file = lifecycle::find_pipeline_file(arguments_.file);
    const bool is_none = !file && file.error().id() == "file.pipeline_missing";
    if (!is_none || !file_option(arguments_).empty()) {
      TRY(const auto pipeline, load(arguments_));
      take_serve(serve_words(pipeline));
      said_.serve = true;
      TRY_STATUS(take_section(pipeline.section("deploy")));
    }
    take_options();
    TRY_STATUS(hold_tls());
    if (!arguments_.plan.is_empty()) {
      TRY(plan_, deploy::plan_of(arguments_.plan));
    }
    return {};
  }

  Status take_section(const Node& section) {
    if (!section.is_map()) return {};
    config_.name = section.text_at("name");
    if (!section.at("address").implied) said_.address = section.text_at("address");
    if (!section.at("http").implied) said_.port = static_cast<int>(section.integer("http"));
    if (section.has("grpc")) said_.grpc = static_cast<int>(section.integer("grpc"));
    TRY(plan_, deploy::plan_of(section));
    return {};
  }

  void take_options() {
    if (arguments_.port >= 0) said_.port = arguments_.port;
    if (arguments_.grpc_port != -1) said_.grpc = arguments_.grpc_port;
    if (!arguments_.address.empty()) said_.address = arguments_.address;
    if (!arguments_.tls.is_used()) return;
    said_.tls = arguments_.tls;
    for (std::string* each :
         {&said_.tls.certificate, &said_.tls.key, &said_.tls.client_authorities}) {
      if (!each->empty()) *each = absolute_path(*each);
    }
  }

  // What is said of serving: the ports of a deployment are its own, and its processes speak without
  // TLS.
  void take_serve(const std::vector<std::string>& words) {
    for (std::size_t i = 0; i + 1 < words.size(); i += 2) {
      const std::string& option = words[i];
      const std::string& value = words[i + 1];
      if (option == "--grpc") said_.grpc = static_cast<int>(parse_integer(value).value_or(-1));
      if (option == "--tls-certificate") said_.tls.certificate = value;
      if (option == "--tls-key") said_.tls.key = value;
      if (option == "--tls-client-authorities") said_.tls.client_authorities = value;
      const bool is_own = option == "--http" || option == "--address" || option == "--grpc" ||
                          option == "--drain" || starts_with(option, "--tls");
      if (is_own) continue;
      config_.words.push_back(option);
      config_.words.push_back(value);
    }
  }

  // One that has a part of it only would otherwise listen without.
  Status hold_tls() const {
    const http::TlsFiles& tls = said_.tls;
    const bool is_whole = tls.is_used() ? !tls.key.empty() : tls == http::TlsFiles();
    if (is_whole) return {};
    return fail(Code::kInvalidInput, "deploy.tls_incomplete",
                "TLS needs a certificate and its key, and one of them is not named")
        .hint("serve.tls.certificate and serve.tls.key, or --tls-certificate and --tls-key");
  }

  Status take_source() {
    const std::string& word = arguments_.words.at(0);
    if (const std::size_t equals = word.find('='); equals != std::string::npos) {
      const std::string name = word.substr(0, equals);
      const std::size_t slash = name.find('/');
      source_ = {name.substr(0, slash), slash == std::string::npos ? "1" : name.substr(slash + 1),
                 absolute_path(word.substr(equals + 1))};
      return {};
    }
    TRY(auto store, open_store(arguments_));
    TRY(const auto version, store.journal->registry().resolve(word));
    TRY(const auto bundle, steps::Bundle::of_version(store.objects, version));
    source_ = {version.model, format("{}", version.version), {}};
    TRY(source_.path, unpacked(bundle, store.objects.folder()));
    return {};
  }

  // Nothing while another one starts it.
  Result<std::optional<Control>> find_or_start(const std::string& turn) {
    std::optional<Control> out;
    if (auto running = Control::of(folder_)) {
      TRY_STATUS(hold_settings());
      out = std::move(*running);
      return out;
    }
    const auto lock = store::Lock::acquire(turn, "kingpost deploy");
    if (!lock && lock.error().id() != "store.locked") return Error(lock.error());
    if (!lock || store::Lock::holder(folder_)) return out;
    TRY_STATUS(write_config());
    TRY(out, Control::launch(folder_));
    return out;
  }

  // Of several at once one starts the supervisor, and the others find it.
  Result<Control> reach() {
    const std::string turn = path_in(folder_, "launch");
    TRY_STATUS(make_folders(turn));
    const auto until = Clock::now() + kPatience;
    while (Clock::now() < until) {
      TRY(auto control, find_or_start(turn));
      if (control) return std::move(*control);
      std::this_thread::sleep_for(kLook);
    }
    return not_started(folder_);
  }

  // Nothing where there was none before.
  Result<std::optional<deploy::Config>> config_there() const {
    const std::string path = path_in(folder_, deploy::kConfigFile);
    std::optional<deploy::Config> out;
    if (!exists(path)) return out;
    TRY(const std::string text, read_file(path));
    TRY(const Json json, parse_json(text));
    out = deploy::config_from_json(json);
    return out;
  }

  // Of what is said.
  int port_of_grpc() const { return said_.grpc == Arguments::kGrpcOff ? -1 : said_.grpc; }

  // What is not said is as it was before the supervisor ended.
  Status write_config() {
    TRY(const auto there, config_there());
    if (there) {
      config_.address = there->address;
      config_.http = there->http;
      config_.grpc = there->grpc;
      config_.tls = there->tls;
      if (!said_.serve) config_.words = there->words;
    }
    if (said_.port >= 0) config_.http = said_.port;
    if (said_.grpc != -1) config_.grpc = port_of_grpc();
    if (said_.tls.is_used()) config_.tls = said_.tls;
    if (!said_.address.empty()) config_.address = said_.address;
    return write_durably(path_in(folder_, deploy::kConfigFile), deploy::to_json(config_).pretty());
  }

  // Of one that runs and was given any port that is free, the one that it has, where one is named.
  Status take_ports(deploy::Config& there) const {
    const bool names_http = there.http == 0 && said_.port > 0;
    const bool names_grpc = there.grpc == 0 && said_.grpc > 0;
    if (!names_http && !names_grpc) return {};
    TRY(const std::string text, read_file(path_in(folder_, deploy::kStateFile)));
    TRY(const Json json, parse_json(text));
    const Json& ports = json["ports"];
    if (names_http) there.http = static_cast<int>(ports["http"].integer());
    if (names_grpc) there.grpc = static_cast<int>(ports["grpc"].integer());
    return {};
  }

  // What a deployment that runs would not take up is an error.
  Status hold_settings() const {
    TRY(auto there, config_there());
    if (!there) return {};
    TRY_STATUS(take_ports(*there));
    if (said_.port >= 0 && said_.port != there->http) {
      return fail(Code::kConflict, "deploy.other_port",
                  "the deployment {} already runs at port {}, and {} is asked for", config_.name,
                  there->http, said_.port)
          .hint("leave http out, stop it first, or give another --name");
    }
    if (said_.grpc != -1 && port_of_grpc() != there->grpc) {
      const std::string now =
          there->grpc < 0 ? std::string("without gRPC") : format("with gRPC at {}", there->grpc);
      return fail(Code::kConflict, "deploy.other_port",
                  "the deployment {} already runs {}, and {} is asked for", config_.name, now,
                  said_.grpc < 0 ? std::string("none") : format("gRPC at {}", said_.grpc))
          .hint("leave grpc out, stop it first, or give another --name");
    }
    if (said_.tls.is_used() && said_.tls != there->tls) {
      return fail(Code::kConflict, "deploy.other_tls",
                  "the deployment {} already runs {}, and another certificate, key or authority "
                  "is asked for",
                  config_.name,
                  there->tls.is_used() ? "with " + there->tls.certificate : "without TLS")
          .hint("leave TLS out, stop it first, or give another --name");
    }
    if (!said_.address.empty() && said_.address != there->address) {
      return fail(Code::kConflict, "deploy.other_address",
                  "the deployment {} already listens at {}, and {} is asked for", config_.name,
                  there->address, shown(said_.address))
          .hint("leave address out, stop it first, or give another --name");
    }
    if (said_.serve && config_.words != there->words) {
      return fail(Code::kConflict, "deploy.other_serve",
                  "the deployment {} runs with other settings than the section serve has: {}",
                  config_.name, join(there->words, " "))
          .hint("`kingpost deploy stop` first, then deploy again; or give another --name");
    }
    return {};
  }

  Status wait(const Control& control, std::int64_t attempt) {
    const auto until = Clock::now() + kPatience;
    while (Clock::now() < until) {
      TRY(const Json status, control.ask("/status"));
      const Json& candidate = status["candidate"];
      // Another one is tried only when this one's trial is over.
      const bool is_over = candidate.is_null() || status["attempt"].integer() != attempt;
      if (is_over && status["promoted"].integer() >= attempt) {
        print(format("{}: version {} answers at {}\n", config_.name, source_.version,
                     places_of(status)));
        return {};
      }
      if (is_over) {
        return fail(Code::kPrecondition, "deploy.rolled_back", "{}", status["last_outcome"].text())
            .hint(format("the log is {}", path_in(folder_, deploy::kLogFile)));
      }
      if (candidate["stage"].text() != "starting") {
        print(format("{}: version {} is {} at {}: {}\n", config_.name, source_.version,
                     candidate["stage"].text(), places_of(status), candidate["reason"].text()));
        return {};
      }
      std::this_thread::sleep_for(kLook);
    }
    return fail(Code::kUnavailable, "deploy.not_started", "version {} is not ready after a minute",
                source_.version)
        .hint("`kingpost deploy status` says more");
  }

  const Arguments& arguments_;
  /// By option or file, not by default.
  struct Said {
    int port = -1;
    /// -1: nothing is said; kGrpcOff.
    int grpc = -1;
    http::TlsFiles tls{};
    std::string address;
    bool serve = false;
  };
  Said said_;
  deploy::Config config_;
  deploy::Plan plan_;
  deploy::Source source_;
  std::string folder_;
};

// What `deploy MODEL` takes stands before the other word, where nothing would look at it.
Status hold_no_plan(const Arguments& arguments) {
  std::string_view option;
  if (!arguments.plan.is_empty()) option = "a plan such as --canary or --shadow";
  if (arguments.port >= 0) option = "--http";
  if (arguments.grpc_port != -1) option = "--grpc";
  if (arguments.tls != http::TlsFiles()) option = "--tls-certificate and its like";
  if (!arguments.address.empty()) option = "--address";
  if (!arguments.name.empty()) option = "--name";
  if (option.empty()) return {};
  return refuse("deploy.no_effect", option,
                format("before deploy {}, which changes no settings", arguments.command));
}

// NAME, or the only one there is.
Result<std::string> folder_of(const Arguments& arguments) {
  TRY_STATUS(hold_no_plan(arguments));
  TRY(const std::string base, deployments_folder(arguments));
  if (!arguments.words.empty()) {
    TRY_STATUS(hold_name(arguments.words[0]));
    const std::string folder = format("{}/{}", base, arguments.words[0]);
    if (is_folder(folder)) return folder;
    return fail(Code::kNotFound, "deploy.unknown", "there is no deployment {}",
                shown(arguments.words[0]))
        .hint("`kingpost deploy MODEL` makes one");
  }
  std::vector<std::string> names;
  if (is_folder(base)) names = entries_of(base);
  if (names.size() == 1) return format("{}/{}", base, names[0]);
  if (names.empty()) {
    return fail(Code::kNotFound, "deploy.unknown", "nothing is deployed here")
        .hint("`kingpost deploy MODEL` deploys a registered version");
  }
  return fail(Code::kInvalidInput, "deploy.unknown", "there are several deployments: {}",
              listed(names))
      .hint("name one of them");
}

void print_status(const Json& status) {
  print(format("{} at {}\n", status["name"].text(), places_of(status)));
  std::vector<std::vector<std::string>> lines;
  for (const char* role : {"stable", "candidate", "standby"}) {
    const Json& each = status[role];
    if (each.is_null()) continue;
    const bool is_stable = std::string_view(role) == "stable";
    const std::int64_t given = status["candidate"]["percent"].integer();
    const std::int64_t share = is_stable ? 100 - given : each["percent"].integer();
    lines.push_back(
        {role, each["version"].text(), each["ready"].boolean() ? "ready" : "not ready",
         format("{}%", share), grouped(each["requests"].integer()),
         grouped(each["recent_errors"].integer()), format("{:.1f} ms", each["p99_ms"].number()),
         format("{}", each["process"].integer()), format("{}", each["restarts"].integer())});
  }
  print(table_text({"", "version", "", "share", "requests", "errors", "p99", "process", "restarts"},
                   lines));
  const Json& candidate = status["candidate"];
  if (!candidate.is_null()) {
    print(format("version {} is {}: {}\n", candidate["version"].text(), candidate["stage"].text(),
                 candidate["reason"].text()));
  }
  const Json& shadow = status["shadow"];
  if (shadow["sent"].integer() + shadow["dropped"].integer() > 0) {
    const std::int64_t uncompared = shadow["uncompared"].integer();
    print(format("shadow: {} copies, {} not sent, {} answered otherwise{}\n",
                 grouped(shadow["sent"].integer()), grouped(shadow["dropped"].integer()),
                 grouped(shadow["different"].integer()),
                 uncompared > 0 ? format(", {} too large to compare", grouped(uncompared)) : ""));
  }
  if (!status["last_outcome"].text().empty()) print(status["last_outcome"].text() + "\n");
}

Status ask_and_print(const Arguments& arguments, const std::string& path) {
  TRY(const std::string folder, folder_of(arguments));
  TRY(const Control control, Control::of(folder));
  TRY(const Json status, control.ask(path));
  if (arguments.json) {
    print(status.pretty());
  } else {
    print_status(status);
  }
  return {};
}

}  // namespace

Status deploy_command(const Arguments& arguments) {
  if (arguments.words.empty()) {
    return fail(Code::kInvalidInput, "deploy.model_missing", "which model is to be deployed?")
        .hint("kingpost deploy MODEL; of one that runs: kingpost deploy status");
  }
  return Deploying(arguments).run();
}

Status deploy_status_command(const Arguments& arguments) {
  return ask_and_print(arguments, "/status");
}

Status deploy_promote_command(const Arguments& arguments) {
  return ask_and_print(arguments, "/promote");
}

Status deploy_rollback_command(const Arguments& arguments) {
  return ask_and_print(arguments, "/rollback");
}

Status deploy_stop_command(const Arguments& arguments) {
  TRY(const std::string folder, folder_of(arguments));
  TRY(const Control control, Control::of(folder));
  if (auto asked = control.ask("/stop"); !asked) return std::move(asked).error();
  const auto until = Clock::now() + kPatience;
  while (store::Lock::holder(folder) && Clock::now() < until) std::this_thread::sleep_for(kLook);
  print("stopped\n");
  return {};
}

Status deploy_history_command(const Arguments& arguments) {
  TRY(const std::string folder, folder_of(arguments));
  const std::string path = path_in(folder, deploy::kHistoryFile);
  std::string text;
  if (exists(path)) {
    TRY(text, read_file(path));
  }
  std::vector<std::vector<std::string>> lines;
  Json all = Json::array();
  for (const std::string& line : split(text, '\n')) {
    const auto json = parse_json(line);
    // The last line of a process that was killed may be cut off.
    if (!json) continue;
    lines.push_back({(*json)["at"].text(), (*json)["what"].text(), (*json)["version"].text(),
                     shown((*json)["detail"].text(), 120)});
    all.push(*json);
  }
  print(arguments.json ? all.pretty() : table_text({"when", "what", "version", ""}, lines));
  return {};
}

Status deploy_supervise_command(const Arguments& arguments) {
  sigset_t signals;
  ::sigemptyset(&signals);
  ::sigaddset(&signals, SIGTERM);
  ::sigaddset(&signals, SIGINT);
  ::pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  ::signal(SIGPIPE, SIG_IGN);
  TRY(const auto supervisor, deploy::Supervisor::start(arguments.words.at(0)));
  return supervisor->run();
}

}  // namespace kingpost::cli
