// SPDX-License-Identifier: Apache-2.0
#include "steps/18_deploy/gateway.h"

#include <algorithm>
#include <array>

#include "base/text.h"
#include "steps/18_deploy/likeness.h"
#include "steps/18_deploy/naming.h"

namespace kingpost::steps::deploy {
namespace {

using Clock = std::chrono::steady_clock;

// Those that belong to one connection, and what is written anew.
bool is_of_connection(std::string_view name) {
  constexpr std::array<std::string_view, 10> kNames = {
      "connection", "host", "content-length", "transfer-encoding", "keep-alive",
      "expect",     "te",   "upgrade",        "proxy-connection",  "trailer"};
  const std::string small = lower(name);
  return std::find(kNames.begin(), kNames.end(), small) != kNames.end();
}

std::string_view header_of(const http::Headers& headers, std::string_view name) {
  for (const auto& [key, value] : headers) {
    if (lower(key) == name) return value;
  }
  return {};
}

// Of a body that is not there.
std::size_t length_of(const http::Headers& headers) {
  constexpr std::int64_t kMost = std::int64_t{64} << 20;
  const auto length = parse_integer(header_of(headers, "content-length")).value_or(0);
  return static_cast<std::size_t>(std::clamp<std::int64_t>(length, 0, kMost));
}

// What Connection names belongs to the connection too (RFC 9110, 7.6.1).
http::Headers passed_on(const http::Headers& headers) {
  const std::vector<std::string> named = split(lower(header_of(headers, "connection")), ',');
  http::Headers out;
  for (const auto& each : headers) {
    const bool is_named = std::any_of(named.begin(), named.end(), [&](const std::string& name) {
      return trim(name) == lower(each.first);
    });
    if (!is_named && !is_of_connection(each.first)) out.push_back(each);
  }
  return out;
}

// What no version offers is no error of the one that says so.
bool is_its_fault(int status) {
  return status >= 500 && status != 501;
}

}  // namespace

// One request on its way.
class Gateway::Forward : public std::enable_shared_from_this<Forward> {
 public:
  Forward(Gateway& gateway, std::shared_ptr<http::Exchange> exchange)
      : gateway_(gateway), exchange_(std::move(exchange)), until_(Clock::now() + kPatience) {
    auto request = std::make_shared<http::ClientRequest>();
    request->method = exchange_->method();
    request->target = exchange_->target();
    request->body = exchange_->body();
    request->headers = passed_on(exchange_->headers());
    request_ = std::move(request);
  }

  void start() {
    Traffic::Choice choice = gateway_.traffic_.choose([this] { return named_by(request_->target); },
                                                      [this] { return share(); });
    named_ = std::move(choice.named);
    is_copied_ = choice.is_copied && asks_model(request_->method, request_->target);
    ask(choice.backend, choice.is_new);
  }

 private:
  Share share() const {
    Share out;
    if (const std::string_view key = exchange_->header("X-Kingpost-Key"); !key.empty()) {
      out.add(key);
      return out;
    }
    for (const auto* part : {&request_->method, &request_->target, &request_->body}) {
      out.add(*part);
    }
    return out;
  }

  void ask(const std::shared_ptr<Backend>& backend, bool is_new) {
    const int port = backend == nullptr ? 0 : backend->port();
    if (port == 0) {
      if (is_new) backend->count_unsent();
      return is_new && !is_bound() ? ask_other() : again();
    }
    const auto begun = Clock::now();
    // Only what another version can answer must leave it time.
    gateway_.client_->ask(
        port, request_, is_new && !is_bound() ? kTrialTime : request_->timeout,
        [self = shared_from_this(), backend, is_new, begun](Result<http::ClientAnswer> answer) {
          const bool is_error = !answer || is_its_fault(answer->status);
          backend->count(is_error, Clock::now() - begun);
          if (is_new && is_error && !self->is_bound()) return self->ask_other();
          if (!answer) return self->again();
          self->finish(*backend, *answer);
        });
  }

  // No other version can answer.
  bool is_bound() const { return !named_.version.empty(); }

  // The stable version, or the one that is named, whichever that is by now.
  void ask_other() { ask(gateway_.traffic_.serving(named_), false); }

  // After the only version that may did not answer.
  void again() {
    if (Clock::now() > until_) {
      exchange_->status(503);
      exchange_->add_header("Content-Type", "application/json");
      exchange_->answer() = R"({"error":"no version of the model answers"})";
      return exchange_->finish();
    }
    const bool is_first = !has_waited_;
    has_waited_ = true;
    // At once the first time: it may have been replaced just now.
    gateway_.client_->after(is_first ? std::chrono::milliseconds(0) : kPause,
                            [self = shared_from_this()] { self->ask_other(); });
  }

  void finish(const Backend& backend, http::ClientAnswer& answer) {
    if (is_copied_) copy(answer);
    exchange_->status(answer.status);
    for (const auto& [name, value] : passed_on(answer.headers)) exchange_->add_header(name, value);
    exchange_->add_header("X-Kingpost-Version", backend.source().version);
    // Of an answer to HEAD the length alone is sent, which is that of what GET would have.
    if (request_->method == "HEAD") answer.body = std::string(length_of(answer.headers), ' ');
    exchange_->answer() = std::move(answer.body);
    exchange_->finish();
  }

  // After the answer is known, so that nobody waits for it.
  void copy(const http::ClientAnswer& given) {
    const std::shared_ptr<Backend> candidate = gateway_.traffic_.begin_copy();
    if (candidate == nullptr) return;
    const auto begun = Clock::now();
    auto kept = std::make_shared<http::ClientAnswer>();
    const bool is_kept = given.body.size() <= kMostCompared;
    if (is_kept) {
      *kept = given;
    } else {
      kept->status = given.status;
    }
    gateway_.client_->ask(
        candidate->port(), request_, kTrialTime,
        [&traffic = gateway_.traffic_, candidate, begun, kept,
         is_kept](const Result<http::ClientAnswer>& answer) {
          const bool is_error = !answer || is_its_fault(answer->status);
          candidate->count(is_error, Clock::now() - begun);
          if (!answer || answer->status != kept->status) {
            return traffic.end_copy(Likeness::kDifferent);
          }
          traffic.end_copy(is_kept ? likeness_of(*kept, *answer) : Likeness::kUnknown);
        });
  }

  Gateway& gateway_;
  const std::shared_ptr<http::Exchange> exchange_;
  const Clock::time_point until_;
  std::shared_ptr<const http::ClientRequest> request_;
  Named named_;
  bool is_copied_ = false;
  bool has_waited_ = false;
};

void Gateway::handle(std::shared_ptr<http::Exchange> exchange) {
  std::make_shared<Forward>(*this, std::move(exchange))->start();
}

}  // namespace kingpost::steps::deploy
