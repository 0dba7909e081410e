// SPDX-License-Identifier: Apache-2.0
#include "steps/19_serve/http_routes.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <vector>

#include "base/text.h"
#include "base/version.h"
#include "protocols/open_inference/infer_reader.h"
#include "protocols/open_inference/infer_writer.h"
#include "steps/19_serve/describe.h"

namespace kingpost::steps::serve {
namespace {

using http::Exchange;
using Shared = std::shared_ptr<Exchange>;

constexpr std::string_view kJsonLength = "Inference-Header-Content-Length";

void send_json(const Shared& exchange, int status, std::string_view body) {
  exchange->status(status);
  exchange->add_header("Content-Type", "application/json");
  exchange->answer() = body;
  exchange->finish();
}

void send(const Shared& exchange, const Json& json) {
  send_json(exchange, 200, json.dump());
}

void refuse(const Shared& exchange, int status, std::string_view why) {
  send_json(exchange, status, open_inference::error_body(why));
}

void refuse(const Shared& exchange, const Error& error) {
  refuse(exchange, http_status(error.code()), error.what());
}

void send(const Shared& exchange, const Status& status) {
  if (!status) return refuse(exchange, status.error());
  exchange->finish();
}

int hex(char digit) {
  if (digit >= '0' && digit <= '9') return digit - '0';
  const char small = static_cast<char>(digit | 0x20);
  return small >= 'a' && small <= 'f' ? small - 'a' + 10 : -1;
}

// RFC 3986, section 2.1; nothing where a percent sign has no two digits behind it.
std::optional<std::string> decoded(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    const bool has_digits = i + 2 < text.size();
    const int high = has_digits ? hex(text[i + 1]) : -1;
    const int low = has_digits ? hex(text[i + 2]) : -1;
    if (high < 0 || low < 0) return std::nullopt;
    out += static_cast<char>(high * 16 + low);
    i += 2;
  }
  return out;
}

Json server_metadata() {
  Json extensions = Json::array();
  for (const char* each : {"classification", "model_repository", "model_configuration",
                           "binary_tensor_data", "parameters", "statistics"}) {
    extensions.push(each);
  }
  Json out = Json::object().set("name", "kingpost").set("version", kingpost_version());
  return std::move(out.set("extensions", std::move(extensions)));
}

}  // namespace

int http_status(Code code) {
  switch (code) {
    case Code::kInvalidInput:
    case Code::kDataRejected:
    case Code::kAlreadyExists:
    case Code::kCancelled:
      return 400;
    case Code::kNotFound:
      return 404;
    case Code::kConflict:
    case Code::kPrecondition:
      return 409;
    case Code::kUnavailable:
      return 503;
    case Code::kExhausted:
      return 429;
    case Code::kNotBuilt:
      return 501;
    case Code::kCorrupt:
    case Code::kInternal:
      break;
  }
  return 500;
}

// The path in parts, percent-decoded, and where the first that was not looked at stands.
struct HttpRoutes::Target {
  std::vector<std::string> parts;
  std::string_view method;

  std::size_t size() const { return parts.size(); }
  bool is(std::size_t at, std::string_view word) const {
    return at < parts.size() && parts[at] == word;
  }
};

// One infer request on its way; lives until it is answered.
class HttpRoutes::InferCall final : public Completion {
 public:
  /// `header`: the length of the JSON in front of tensors, where the request says it.
  static void begin(Service& service, Shared exchange, std::string model, std::string version) {
    auto& free = free_calls();
    std::unique_ptr<InferCall> call;
    if (free.empty()) {
      call.reset(new InferCall);
    } else {
      call = std::move(free.back());
      free.pop_back();
    }
    call->exchange_ = std::move(exchange);
    call->model_ = std::move(model);
    call->version_ = std::move(version);
    call->request_.clear();
    call->response_.clear();
    // It belongs to itself until it is done.
    call.release()->ask(service);
  }

  void done(Status status) override {
    std::unique_ptr<InferCall> self(this);
    const Shared exchange = std::move(exchange_);
    if (status) {
      answer(exchange);
    } else {
      refuse(exchange, status.error());
    }
    constexpr std::size_t kMost = 8;
    if (free_calls().size() < kMost) free_calls().push_back(std::move(self));
  }

 private:
  InferCall() = default;

  // Memory that is warm is used again by the thread that ended a request.
  static std::vector<std::unique_ptr<InferCall>>& free_calls() {
    thread_local std::vector<std::unique_ptr<InferCall>> calls;
    return calls;
  }

  void answer(const Shared& exchange) {
    std::string& body = exchange->answer();
    const auto header = open_inference::write_infer(request_, response_, body);
    if (!header) {
      body.clear();
      return refuse(exchange, header.error());
    }
    if (*header) exchange->add_header(kJsonLength, format("{}", **header));
    exchange->add_header("Content-Type", *header ? "application/octet-stream" : "application/json");
    exchange->finish();
  }

  void ask(Service& service) {
    const std::string_view length = exchange_->header(kJsonLength);
    std::optional<std::size_t> header;
    if (!length.empty()) {
      std::size_t number = 0;
      const auto [end, error] =
          std::from_chars(length.data(), length.data() + length.size(), number);
      if (error != std::errc() || end != length.data() + length.size()) {
        return done(fail(Code::kInvalidInput, "infer.request_malformed",
                         "the header {} is no number: {}", kJsonLength, shown(length)));
      }
      header = number;
    }
    request_.model = model_;
    request_.version = version_;
    Status read = reader_.read(exchange_->body(), header, request_);
    if (!read) return done(std::move(read));
    service.infer(request_, response_, *this);
  }

  Shared exchange_;
  std::string model_;
  std::string version_;
  open_inference::InferReader reader_;
  records::InferRequest request_;
  records::InferResponse response_;
};

HttpRoutes::HttpRoutes(Service& service, const ServiceOptions& options)
    : service_(service), options_(options) {}
HttpRoutes::~HttpRoutes() = default;

HttpRoutes::Errands::~Errands() {
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
  }
  came_.notify_all();
  thread_.join();
}

void HttpRoutes::Errands::add(std::function<void()> errand) {
  const std::lock_guard lock(mutex_);
  waiting_.push_back(std::move(errand));
  came_.notify_all();
}

void HttpRoutes::Errands::run() {
  std::unique_lock lock(mutex_);
  while (true) {
    came_.wait(lock, [this] { return stopped_ || !waiting_.empty(); });
    if (stopped_) return;
    const auto errand = std::move(waiting_.front());
    waiting_.pop_front();
    lock.unlock();
    errand();
    lock.lock();
  }
}

void HttpRoutes::handle(Shared exchange) {
  Target target;
  target.method = exchange->method();
  const std::string_view path = exchange->path();
  bool fine = !path.empty() && path[0] == '/';
  for (const std::string& part : split(path.substr(fine ? 1 : 0), '/')) {
    auto plain = decoded(part);
    fine = fine && plain.has_value();
    if (plain) target.parts.push_back(std::move(*plain));
  }
  // `/v2/` is `/v2`.
  if (target.size() > 1 && target.parts.back().empty()) target.parts.pop_back();
  if (!fine) return refuse(exchange, 404, "Not Found");
  if (const auto coded = exchange->header("Content-Encoding");
      !coded.empty() && coded != "identity") {
    return refuse(exchange, 415, "Unsupported compression type");
  }
  route(target, exchange);
}

void HttpRoutes::route(const Target& target, const Shared& exchange) {
  const bool is_read = target.method == "GET" || target.method == "HEAD";
  if (!target.is(0, "v2")) return refuse(exchange, 404, "Not Found");
  if (target.is(1, "models") && target.size() > 3) return route_model(target, exchange);
  if (target.is(1, "repository")) return route_repository(target, exchange);
  if (!is_read) return refuse(exchange, 405, "Method Not Allowed");
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
  Json names = Json::array();
  std::string last;
  for (const auto& model : service_.repository().answering()) {
    if (model->name() != last) names.push(model->name());
    last = model->name();
  }
  send(exchange, Json::object().set("models", std::move(names)));
}

void HttpRoutes::route_model(const Target& target, const Shared& exchange) {
  const std::string& name = target.parts[2];
  const bool versioned = target.is(3, "versions") && target.size() > 4;
  const std::string version = versioned ? target.parts[4] : std::string();
  const std::size_t rest = versioned ? 5 : 3;
  if (target.size() > rest + 1) return refuse(exchange, 404, "Not Found");
  const std::string verb = target.size() > rest ? target.parts[rest] : std::string();
  if (verb == "infer") {
    if (target.method != "POST") return refuse(exchange, 405, "Method Not Allowed");
    return InferCall::begin(service_, exchange, name, version);
  }
  if (!verb.empty() && verb != "ready" && verb != "config" && verb != "stats") {
    return refuse(exchange, 404, "Not Found");
  }
  if (target.method != "GET" && target.method != "HEAD") {
    return refuse(exchange, 405, "Method Not Allowed");
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

void HttpRoutes::route_repository(const Target& target, const Shared& exchange) {
  const bool is_index = target.size() == 3 && target.is(2, "index");
  const bool is_change = target.size() == 5 && target.is(2, "models") &&
                         (target.is(4, "load") || target.is(4, "unload"));
  if (!is_index && !is_change) return refuse(exchange, 404, "Not Found");
  if (target.method != "POST") return refuse(exchange, 405, "Method Not Allowed");
  const std::string_view body = trim(exchange->body());
  const auto json = body.empty() ? Result<Json>(Json::object()) : parse_json(std::string(body));
  if (!json) return refuse(exchange, 400, "failed to parse the request JSON buffer");
  if (is_index) {
    return send(exchange, index_of(service_.repository().index((*json)["ready"].boolean())));
  }
  if (target.is(4, "unload")) {
    return send(exchange, service_.repository().unload(target.parts[3]));
  }
  for (const auto& [key, value] : (*json)["parameters"].entries()) {
    if (key != "config" && !starts_with(key, "file:")) continue;
    return refuse(exchange, 501,
                  "a model is loaded as it lies there: 'config' and files are not "
                  "taken with a request");
  }
  // Reading a model may take seconds, and a loop must not be held up.
  errands_.add([this, exchange, model = target.parts[3]] {
    send(exchange, service_.repository().load(model));
  });
}

}  // namespace kingpost::steps::serve
