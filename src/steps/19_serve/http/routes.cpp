// SPDX-License-Identifier: Apache-2.0
#include "steps/19_serve/http/routes.h"

#include <algorithm>
#include <optional>
#include <vector>

#include "base/text.h"
#include "base/version.h"
#include "engines/http/path.h"
#include "protocols/prometheus/exposition.h"
#include "steps/19_serve/describe.h"
#include "steps/19_serve/http/feedback.h"
#include "steps/19_serve/http/infer_call.h"
#include "steps/19_serve/http/reply.h"
#include "steps/19_serve/http/row_call.h"
#include "steps/19_serve/metrics.h"
#include "steps/19_serve/pages/embedded.h"

namespace kingpost::steps::serve {
namespace {

using Shared = SharedExchange;

constexpr std::string_view kNoTracing =
    "the trace extension is not offered by this server: see /metrics and --access-log";

void refuse_verb(const Shared& exchange) {
  refuse(exchange, 405, "Method Not Allowed");
}

// Cuts ":predict" or ":explain" off the name of a model.
std::optional<RowStyle> take_verb(std::string& name) {
  const std::size_t colon = name.rfind(':');
  if (colon == std::string::npos || colon == 0) return std::nullopt;
  const std::string verb = name.substr(colon + 1);
  if (verb != "predict" && verb != "explain") return std::nullopt;
  name.resize(colon);
  return verb == "predict" ? RowStyle::kPredict : RowStyle::kExplain;
}

}  // namespace

// The path in parts, percent-decoded, and where the first that was not looked at stands.
struct HttpRoutes::Target {
  std::vector<std::string> parts;
  std::string_view method;

  std::size_t size() const { return parts.size(); }
  bool is(std::size_t at, std::string_view word) const {
    return at < parts.size() && parts[at] == word;
  }
};

HttpRoutes::HttpRoutes(Service& service, const ServiceOptions& options)
    : service_(service), options_(options) {}
HttpRoutes::~HttpRoutes() = default;

void HttpRoutes::handle(Shared exchange) {
  Target target;
  target.method = exchange->method();
  auto parts = http::parts_of(exchange->path());
  if (!parts) return refuse(exchange, 404, "Not Found");
  target.parts = std::move(*parts);
  if (const Status may = allow(target, *exchange); !may) {
    service_.refused({}, may.error());
    exchange->add_header("WWW-Authenticate", "Bearer");
    return refuse(exchange, refusal_status(may.error()), may.error().what());
  }
  if (const Status plain = decode_body(*exchange, options_.body_bytes); !plain) {
    int status = 400;
    if (plain.error().code() == Code::kNotBuilt) status = 415;
    if (plain.error().code() == Code::kExhausted) status = 413;
    return refuse(exchange, status, plain.error().what());
  }
  route(target, exchange);
}

// Probes have no keys.
Status HttpRoutes::allow(const Target& target, const http::Exchange& exchange) const {
  const Access& access = service_.access();
  // Pages hold nothing of a model; what they ask for needs a key as ever.
  const bool is_file = (target.is(0, "") || target.is(0, "pages") || target.is(0, "models")) &&
                       target.size() <= 2 && exchange.method() == "GET";
  const bool is_probe = is_file || target.is(0, "ping") || target.is(0, "health") ||
                        (target.is(0, "v2") && target.is(1, "health"));
  if (access.is_open() || is_probe) return {};
  Scope scope = Scope::kInfer;
  if (target.is(0, "metrics")) scope = Scope::kMetrics;
  const bool is_change = target.is(1, "logging") && exchange.method() == "POST";
  if (is_change || (target.is(1, "repository") && target.is(2, "models"))) scope = Scope::kAdmin;
  std::string_view key = exchange.header("X-API-Key");
  if (key.empty()) key = bearer_of(exchange.header("Authorization"));
  return access.allow(key, scope);
}

void HttpRoutes::route(const Target& target, const Shared& exchange) {
  const bool is_read = target.method == "GET" || target.method == "HEAD";
  if (target.is(0, "v1")) return route_rows(target, exchange);
  const bool is_page = is_read && (target.is(0, "") || target.is(0, "pages") ||
                                   (target.is(0, "models") && target.size() == 2));
  if (is_page) return route_page(target, exchange);
  if (!target.is(0, "v2")) return route_scoring(target, exchange);
  if (target.is(1, "models") && target.size() > 3) return route_model(target, exchange);
  if (target.is(1, "repository")) return route_repository(target, exchange);
  if (target.is(1, "logging") && target.size() == 2) return route_logging(exchange);
  if (target.is(1, "trace") && target.is(2, "setting") && target.size() == 3)
    return refuse(exchange, 501, kNoTracing);
  if (!is_read) return refuse_verb(exchange);
  if (target.size() == 1) return send(exchange, server_metadata());
  if (target.is(1, "health") && target.is(2, "live") && target.size() == 3) {
    return send(exchange, Json::object().set("live", true));
  }
  if (target.is(1, "health") && target.is(2, "ready") && target.size() == 3) {
    if (!service_.ready()) return refuse(exchange, 503, "not ready");
    return send(exchange, Json::object().set("ready", true));
  }
  if (!target.is(1, "models")) return refuse(exchange, 404, "Not Found");
  if (target.size() == 3 && target.is(2, "stats")) {
    return send(exchange, statistics_of(service_.repository().answering()));
  }
  if (target.size() == 3) return route_model(target, exchange);
  if (target.size() > 3) return refuse(exchange, 404, "Not Found");
  send_names(exchange);
}

void HttpRoutes::send_names(const Shared& exchange) {
  Json names = Json::array();
  for (std::string& each : service_.repository().names()) names.push(std::move(each));
  send(exchange, Json::object().set("models", std::move(names)));
}

void HttpRoutes::route_model(const Target& target, const Shared& exchange) {
  const std::string& name = target.parts[2];
  const bool versioned = target.is(3, "versions") && target.size() > 4;
  const std::string version = versioned ? target.parts[4] : std::string();
  const std::size_t rest = versioned ? 5 : 3;
  const bool is_trace = target.is(rest, "trace") && target.is(rest + 1, "setting");
  if (target.size() > rest + (is_trace ? 2 : 1)) return refuse(exchange, 404, "Not Found");
  const std::string verb = target.size() > rest ? target.parts[rest] : std::string();
  if (is_trace) return refuse(exchange, 501, kNoTracing);
  if (verb == "infer") {
    if (target.method != "POST") return refuse_verb(exchange);
    return infer(service_, exchange, name, version);
  }
  if (!verb.empty() && verb != "ready" && verb != "config" && verb != "stats") {
    return refuse(exchange, 404, "Not Found");
  }
  if (target.method != "GET" && target.method != "HEAD") {
    return refuse_verb(exchange);
  }
  const auto found = service_.repository().find(name, version);
  if (verb == "ready") {
    if (!found) return refuse(exchange, 400, "Model version not ready");
    return send(exchange, Json::object().set("name", name).set("ready", true));
  }
  if (!found) return refuse(exchange, found.error());
  if (verb == "config") return send(exchange, config_of(**found, options_.batch_rows));
  if (verb.empty()) {
    return send(exchange, metadata_of(**found, service_.repository().answering(name)));
  }
  send(exchange, statistics_of(version.empty() ? service_.repository().answering(name)
                                               : std::vector<Repository::Model>{*found}));
}

// KServe's version 1: objects in, predictions out.
void HttpRoutes::route_rows(const Target& target, const Shared& exchange) {
  const bool is_read = target.method == "GET" || target.method == "HEAD";
  const bool versioned = target.size() == 5 && target.is(3, "versions");
  if (!target.is(1, "models") || target.size() < 2 || (target.size() > 3 && !versioned)) {
    return refuse(exchange, 404, "Not Found");
  }
  if (target.size() == 2) return is_read ? send_names(exchange) : refuse_verb(exchange);
  std::string last = target.parts.back();
  constexpr std::string_view kFeedback = ":feedback";
  if (!versioned && last.size() > kFeedback.size() && last.ends_with(kFeedback)) {
    if (target.method != "POST") return refuse_verb(exchange);
    return take_feedback(service_, exchange, last.substr(0, last.size() - kFeedback.size()));
  }
  const auto style = take_verb(last);
  const std::string& model = versioned ? target.parts[2] : last;
  const std::string version = versioned ? last : std::string();
  if (style) {
    if (target.method != "POST") return refuse_verb(exchange);
    return ask_rows(service_, exchange, {model, version, *style});
  }
  if (!is_read) return refuse_verb(exchange);
  const auto found = service_.repository().find(model, version);
  if (!found) return refuse(exchange, found.error());
  send(exchange, Json::object().set("name", model).set("ready", true));
}

// The page of each model, and what it loads; `/` is that of the first.
void HttpRoutes::route_page(const Target& target, const Shared& exchange) {
  if (target.is(0, "")) {
    const std::vector<std::string> names = service_.repository().names();
    if (names.empty()) return refuse(exchange, 404, "no model is loaded");
    exchange->status(302);
    exchange->add_header("Location", "models/" + names[0]);
    return exchange->finish();
  }
  if (target.is(1, "about") && target.size() == 3) {
    const auto found = service_.repository().find(target.parts[2], {});
    if (!found) return refuse(exchange, found.error());
    return send(exchange, about_of(**found, service_.repository().names()));
  }
  const bool is_model = target.is(0, "models");
  const std::string file = is_model ? "model.html" : target.size() == 2 ? target.parts[1] : "";
  const std::string_view text = embedded(file);
  if (text.empty() || (!is_model && file == "model.html")) {
    return refuse(exchange, 404, "Not Found");
  }
  // Nothing but what this server sends is shown or run.
  exchange->add_header("Content-Security-Policy",
                       "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' "
                       "data:; base-uri 'none'; "
                       "frame-ancestors 'none'");
  exchange->add_header("X-Content-Type-Options", "nosniff");
  std::string_view type = "text/html; charset=utf-8";
  if (file.ends_with(".css")) type = "text/css; charset=utf-8";
  if (file.ends_with(".js")) type = "text/javascript; charset=utf-8";
  send_text(exchange, type, text);
}

// MLflow's scoring server, and SageMaker's.
void HttpRoutes::route_scoring(const Target& target, const Shared& exchange) {
  const bool is_invoke = target.size() == 3 && target.is(0, "models") && target.is(2, "invoke");
  const bool is_score = target.size() == 1 && target.is(0, "invocations");
  if (is_invoke || is_score) {
    if (target.method != "POST") return refuse_verb(exchange);
    if (is_invoke) {
      return ask_rows(service_, exchange, {target.parts[1], "", RowStyle::kMlflow});
    }
    const std::vector<std::string> names = service_.repository().names();
    if (names.size() != 1) {
      return refuse(exchange, 404,
                    format("/invocations is for a server of one model, and this one has {}: use "
                           "/models/NAME/invoke",
                           names.size()));
    }
    return ask_rows(service_, exchange, {names[0], "", RowStyle::kMlflow});
  }
  const bool is_health = target.is(0, "ping") || target.is(0, "health");
  if (target.size() == 1 && target.is(0, "metrics")) {
    if (target.method != "GET" && target.method != "HEAD") return refuse_verb(exchange);
    const http::Server* const server = server_.load();
    TransportCounts transport;
    if (server != nullptr) transport = {server->connections(), server->answers()};
    return send_text(exchange, prometheus_text::kExpositionType, metrics_text(service_, transport));
  }
  if (target.size() != 1 || (!is_health && !target.is(0, "version"))) {
    return refuse(exchange, 404, "Not Found");
  }
  if (target.method != "GET" && target.method != "HEAD") return refuse_verb(exchange);
  if (!is_health) return send_text(exchange, "text/plain", kingpost_version());
  if (!service_.ready()) return refuse(exchange, 503, "not ready");
  send_text(exchange, "application/json", "\n");
}

// Triton's logging extension.
void HttpRoutes::route_logging(const Shared& exchange) {
  LogSettings& settings = service_.log_settings();
  if (exchange->method() == "POST") {
    const std::string_view body = trim(exchange->body());
    const auto json = body.empty() ? Result<Json>(Json::object()) : parse_json(body);
    if (!json) return refuse(exchange, 400, "failed to parse the request JSON buffer");
    if (const Status done = settings.change(*json); !done) {
      service_.refused({}, done.error());
      return refuse(exchange, done.error());
    }
  } else if (exchange->method() != "GET" && exchange->method() != "HEAD") {
    return refuse_verb(exchange);
  }
  send(exchange, settings.read());
}

void HttpRoutes::route_repository(const Target& target, const Shared& exchange) {
  const bool is_index = target.size() == 3 && target.is(2, "index");
  const bool is_change = target.size() == 5 && target.is(2, "models") &&
                         (target.is(4, "load") || target.is(4, "unload"));
  if (!is_index && !is_change) return refuse(exchange, 404, "Not Found");
  if (target.method != "POST") return refuse_verb(exchange);
  const std::string_view body = trim(exchange->body());
  const auto json = body.empty() ? Result<Json>(Json::object()) : parse_json(std::string(body));
  if (!json) return refuse(exchange, 400, "failed to parse the request JSON buffer");
  if (is_index) {
    return send(exchange, index_of(service_.repository().index((*json)["ready"].boolean())));
  }
  const bool is_load = target.is(4, "load");
  for (const auto& [key, value] : (*json)["parameters"].entries()) {
    if (!is_load || (key != "config" && !starts_with(key, "file:"))) continue;
    return refuse(exchange, 501,
                  "a model is loaded as it lies there: 'config' and files are not "
                  "taken with a request");
  }
  // Reading a model may take seconds, another change waits for it, and a loop must not be held up.
  // Without these routes: they go before the service does.
  service_.later([&service = service_, exchange, model = target.parts[3], is_load] {
    Repository& repository = service.repository();
    send(exchange, is_load ? repository.load(model) : repository.unload(model));
  });
}

}  // namespace kingpost::steps::serve
