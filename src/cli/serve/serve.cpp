// SPDX-License-Identifier: Apache-2.0
// kingpost-serve: bundles and ONNX files behind the Open Inference Protocol.
#include "cli/serve/serve.h"

#include <signal.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <ctime>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/digest.h"
#include "base/files.h"
#include "base/key_files.h"
#include "base/text.h"
#include "base/version.h"
#include "cli/serve/tls_options.h"
#include "engines/http/grpc/grpc.h"
#include "engines/http/server.h"
#include "steps/19_serve/grpc/routes.h"
#include "steps/19_serve/http/routes.h"

namespace kingpost::cli {
namespace {

using steps::serve::GrpcRoutes;
using steps::serve::HttpRoutes;
using steps::serve::ModelSource;
using steps::serve::Service;
using steps::serve::ServiceOptions;

struct Options {
  std::vector<std::string> models;
  http::ServerOptions http;
  /// -1: no gRPC.
  int grpc_port = -1;
  /// Empty: everybody may ask for everything.
  std::string api_keys;
  /// The sha256 of a key beside those.
  std::string metrics_key;
  /// Public keys, as PEM files.
  std::vector<std::string> trust;
  steps::serve::LogOptions log;
  /// Empty: none.
  std::string access_log;
  ServiceOptions service;
  Micros drain = 5'000'000;
  Micros delay = 0;
  Micros busy_poll = 50;
  Micros timeout = 0;
};

// NAME=PATH, or NAME/3=PATH.
Result<ModelSource> source_of(const std::string& text) {
  const std::size_t equals = text.find('=');
  ModelSource out;
  out.path = equals == std::string::npos ? "" : text.substr(equals + 1);
  out.model = text.substr(0, equals);
  const std::size_t slash = out.model.find('/');
  const auto version = slash == std::string::npos ? std::optional<std::int64_t>(1)
                                                  : parse_integer(out.model.substr(slash + 1));
  if (out.path.empty() || out.model.empty() || !version) {
    return fail(Code::kInvalidInput, "serve.model_malformed", "--model {} is not NAME=PATH",
                shown(text))
        .hint("e.g. --model flight_late=bundle, or --model flight_late/3=bundle");
  }
  out.version = *version;
  out.model = out.model.substr(0, slash);
  return out;
}

void say(const std::string& text) {
  std::fputs(text.c_str(), stdout);
  std::fflush(stdout);
}

sigset_t ending_signals() {
  sigset_t out;
  ::sigemptyset(&out);
  ::sigaddset(&out, SIGTERM);
  ::sigaddset(&out, SIGINT);
  return out;
}

// Until a signal, or so long; true for a signal.
bool wait_for_signal(Micros time_to_wait) {
  constexpr Micros kSecond = 1'000'000;
  const sigset_t signals = ending_signals();
  timespec time{};
  time.tv_sec = static_cast<std::time_t>(time_to_wait / kSecond);
  time.tv_nsec = static_cast<long>(time_to_wait % kSecond * 1000);
  return ::sigtimedwait(&signals, nullptr, &time) > 0;
}

// Nothing where no port is named.
Result<std::unique_ptr<grpc::Server>> start_grpc(const Options& options, GrpcRoutes& routes,
                                                 http::AccessLog* access_log) {
  if (options.grpc_port < 0) return std::unique_ptr<grpc::Server>();
  grpc::ServerOptions how;
  how.address = options.http.address;
  how.port = options.grpc_port;
  how.threads = options.http.threads;
  how.busy_poll = options.http.busy_poll;
  how.tls = options.http.tls;
  how.access_log = access_log;
  TRY(auto server, grpc::Server::start(how, routes));
  const char* const scheme = how.tls.is_used() ? "grpcs" : "grpc";
  say(format("{}://{}:{}\n", scheme, how.address, server->port()));
  return server;
}

// Both at a time, for so long as somebody waits for an answer; a second signal ends it.
void drain(http::Server& server, grpc::Server* grpc_server) {
  constexpr std::chrono::milliseconds kStep{25};
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  bool is_done = false;
  while (!is_done && std::chrono::steady_clock::now() < until && !wait_for_signal(1)) {
    is_done = server.drain(kStep);
    if (grpc_server != nullptr) is_done = grpc_server->drain(kStep) && is_done;
  }
}

Status serve(const Options& options) {
  // Threads that are made from here on leave these signals to this one.
  const sigset_t signals = ending_signals();
  ::pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  ::signal(SIGPIPE, SIG_IGN);
  std::unique_ptr<LineLog> lines;
  std::unique_ptr<http::AccessLog> access_log;
  if (!options.access_log.empty()) {
    TRY(lines, LineLog::open(options.access_log));
    access_log = std::make_unique<http::AccessLog>(*lines);
  }
  auto owned = std::make_unique<Service>(options.service);
  Service& service = *owned;
  service.set_log_settings({access_log.get(), options.access_log});
  if (!options.api_keys.empty()) {
    TRY(auto access, steps::serve::Access::read(options.api_keys));
    if (!options.metrics_key.empty()) access.add_metrics_key(options.metrics_key);
    service.set_access(std::move(access));
  }
  if (!options.log.folder.empty()) {
    TRY(auto log, steps::serve::RequestLog::open(options.log));
    service.set_log(std::move(log));
  }
  TRY(const auto trusted, read_public_keys(options.trust));
  for (const std::string& each : options.models) {
    TRY(ModelSource source, source_of(each));
    source.trusted = trusted;
    TRY_STATUS(service.repository().add(std::move(source)));
  }
  TRY_STATUS(service.repository().load_all());
  auto routes = std::make_unique<HttpRoutes>(service, options.service);
  http::ServerOptions how = options.http;
  how.access_log = access_log.get();
  TRY(const auto server, http::Server::start(how, *routes));
  routes->watch(*server);
  for (const auto& model : service.repository().answering()) {
    say(format("model {}/{} is ready\n", model->name(), model->version()));
  }
  auto calls = std::make_unique<GrpcRoutes>(service, options.service);
  TRY(const auto grpc_server, start_grpc(options, *calls, access_log.get()));
  const char* const scheme = options.http.tls.is_used() ? "https" : "http";
  say(format("{}://{}:{}\n", scheme, options.http.address, server->port()));
  int signal = 0;
  ::sigwait(&signals, &signal);
  // Load balancers look first; requests are answered as before until they have looked.
  service.stop_soon();
  say("stopping\n");
  const bool at_once = options.drain > 0 && wait_for_signal(options.drain);
  if (!at_once) drain(*server, grpc_server.get());
  // Requests that still wait are finished on a server that does not listen any more.
  if (grpc_server != nullptr) grpc_server->stop();
  server->stop();
  routes.reset();
  calls.reset();
  owned.reset();
  return {};
}

CLI::Option* add_duration(CLI::App& app, const std::string& name, Micros& into,
                          const std::string& doc) {
  return app
      .add_option_function<std::string>(
          name,
          [&into, name](const std::string& text) {
            const auto value = parse_duration(text);
            if (!value || *value < 0) {
              throw CLI::ValidationError(name, shown(text) + " is no duration such as 500us or 5s");
            }
            into = *value;
          },
          doc)
      ->default_str(duration_text(into));
}

void add_safety(CLI::App& app, Options& options) {
  auto* keys =
      app.add_option("--api-keys", options.api_keys,
                     "file of keys: SHA256 SCOPES NAME a line; default: everybody may ask");
  app.add_option("--metrics-key", options.metrics_key,
                 "SHA256 of a key that opens /metrics alone, beside those of --api-keys")
      ->needs(keys)
      ->check([](const std::string& text) {
        return is_digest(text) ? std::string() : shown(text) + " is no sha256 of a key";
      });
  app.add_option("--trust", options.trust,
                 "public key, of which one must have signed each bundle; default: no signature")
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  add_tls_options(app, options.http.tls);
}

void add_log(CLI::App& app, Options& options) {
  app.add_option(
      "--access-log", options.access_log,
      "file for a line of JSON for each answer of HTTP and call of gRPC; - is standard output");
  auto* log =
      app.add_option("--request-log", options.log.folder,
                     "folder for Parquet files of what was asked and answered; default: none");
  app.add_option("--log-share", options.log.share, "of the requests that are kept")
      ->needs(log)
      ->check(CLI::Range(0.0, 1.0))
      ->capture_default_str();
  app.add_option("--log-bytes", options.log.rotate_bytes, "after which a file is ended")
      ->needs(log)
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{1} << 40))
      ->capture_default_str();
  add_duration(app, "--log-time", options.log.rotate_after, "after which a file is ended")
      ->needs(log);
}

void add_work(CLI::App& app, Options& options) {
  app.add_option("--threads", options.http.threads, "0: as many as there are cores")
      ->check(CLI::Range(0, 1024));
  add_duration(app, "--busy-poll", options.busy_poll,
               "how long a thread of a quick client looks for the next request before it sleeps");
  add_duration(app, "--drain", options.drain, "how long requests are still taken after SIGTERM");
  app.add_option("--batch-rows", options.service.batch_rows, "rows asked together at most")
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{1'000'000}))
      ->capture_default_str();
  add_duration(app, "--batch-delay", options.delay,
               "how long the first of a batch waits for others");
  app.add_option("--queue-rows", options.service.queue_rows, "rows of a model that may wait")
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{1} << 40))
      ->capture_default_str();
  add_duration(app, "--timeout", options.timeout,
               "how long a request may wait that does not say; 0: ever");
}

}  // namespace

int serve_main(int count, char** words) {
  Options options;
  CLI::App app("kingpost-serve: models behind the Open Inference Protocol, version 2");
  // So that `kingpost serve` can put its own words behind those of the pipeline file.
  app.option_defaults()->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
  app.set_version_flag("--version", std::string(kingpost_version()));
  app.add_option("--model", options.models,
                 "NAME=PATH or NAME/VERSION=PATH: a bundle or .onnx file")
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
      ->required();
  app.add_option("--http", options.http.port, "port; 0 is any that is free")
      ->check(CLI::Range(0, 65535))
      ->capture_default_str();
  app.add_option("--grpc", options.grpc_port, "port of gRPC; 0 is any that is free; default: none")
      ->check(CLI::Range(0, 65535));
  app.add_option("--address", options.http.address, "where to listen")->capture_default_str();
  add_safety(app, options);
  add_log(app, options);
  add_work(app, options);
  options.http.port = 8080;
  try {
    app.parse(count, words);
  } catch (const CLI::ParseError& error) {
    return app.exit(error);
  }
  options.service.threads = options.http.threads;
  options.http.busy_poll = std::chrono::microseconds(options.busy_poll);
  options.service.batch_delay = std::chrono::microseconds(options.delay);
  options.service.timeout = std::chrono::microseconds(options.timeout);
  options.service.body_bytes = options.http.body_bytes;
  const Status done = serve(options);
  if (done) return 0;
  std::fputs(render(done.error()).c_str(), stderr);
  return exit_status(done.error().code());
}

}  // namespace kingpost::cli
