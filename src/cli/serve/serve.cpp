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

#include "base/text.h"
#include "base/version.h"
#include "engines/http/server.h"
#include "steps/19_serve/http/routes.h"

namespace kingpost::cli {
namespace {

using steps::serve::HttpRoutes;
using steps::serve::ModelSource;
using steps::serve::Service;
using steps::serve::ServiceOptions;

struct Options {
  std::vector<std::string> models;
  http::ServerOptions http;
  ServiceOptions service;
  double drain_seconds = 5;
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

// Until a signal, or so many seconds; true for a signal.
bool wait_for_signal(double seconds) {
  const sigset_t signals = ending_signals();
  timespec time{};
  time.tv_sec = static_cast<std::time_t>(seconds);
  time.tv_nsec = static_cast<long>((seconds - static_cast<double>(time.tv_sec)) * 1e9);
  return ::sigtimedwait(&signals, nullptr, &time) > 0;
}

Status serve(const Options& options) {
  // Threads that are made from here on leave these signals to this one.
  const sigset_t signals = ending_signals();
  ::pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  ::signal(SIGPIPE, SIG_IGN);
  auto owned = std::make_unique<Service>(options.service);
  Service& service = *owned;
  for (const std::string& each : options.models) {
    TRY(ModelSource source, source_of(each));
    TRY_STATUS(service.repository().add(std::move(source)));
  }
  TRY_STATUS(service.repository().load_all());
  auto routes = std::make_unique<HttpRoutes>(service, options.service);
  TRY(const auto server, http::Server::start(options.http, *routes));
  routes->watch(*server);
  for (const auto& model : service.repository().answering()) {
    say(format("model {}/{} is ready\n", model->name(), model->version()));
  }
  say(format("http://{}:{}\n", options.http.address, server->port()));
  int signal = 0;
  ::sigwait(&signals, &signal);
  // Load balancers look first; requests are answered as before until they have looked.
  service.stop_soon();
  say("stopping\n");
  const bool at_once = options.drain_seconds > 0 && wait_for_signal(options.drain_seconds);
  if (!at_once) server->drain(std::chrono::seconds(30));
  // Requests that still wait are finished on a server that does not listen any more.
  server->stop();
  routes.reset();
  owned.reset();
  return {};
}

}  // namespace

int serve_main(int count, char** words) {
  Options options;
  CLI::App app("kingpost-serve: models behind the Open Inference Protocol, version 2");
  app.set_version_flag("--version", std::string(kingpost_version()));
  app.add_option("--model", options.models,
                 "NAME=PATH or NAME/VERSION=PATH: a bundle or .onnx file")
      ->required();
  app.add_option("--http", options.http.port, "port; 0 is any that is free")
      ->check(CLI::Range(0, 65535))
      ->capture_default_str();
  app.add_option("--address", options.http.address, "where to listen")->capture_default_str();
  app.add_option("--threads", options.http.threads, "0: as many as there are cores")
      ->check(CLI::Range(0, 1024));
  app.add_option("--drain-seconds", options.drain_seconds,
                 "how long requests are still taken after SIGTERM")
      ->check(CLI::Range(0.0, 3600.0))
      ->capture_default_str();
  options.http.port = 8080;
  try {
    app.parse(count, words);
  } catch (const CLI::ParseError& error) {
    return app.exit(error);
  }
  options.service.threads = options.http.threads;
  options.service.body_bytes = options.http.body_bytes;
  const Status done = serve(options);
  if (done) return 0;
  std::fputs(render(done.error()).c_str(), stderr);
  return exit_status(done.error().code());
}

}  // namespace kingpost::cli
