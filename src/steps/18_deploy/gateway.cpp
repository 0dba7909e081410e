// SPDX-License-Identifier: Apache-2.0
#include "steps/18_deploy/gateway.h"

#include <algorithm>
#include <array>

#include "base/text.h"

namespace kingpost::steps::deploy {
namespace {

using Clock = std::chrono::steady_clock;

// Those that belong to one connection, and what is written anew.
bool is_of_connection(std::string_view name) {
  constexpr std::array<std::string_view, 9> kNames = {
      "connection", "host", "content-length", "transfer-encoding", "keep-alive",
      "expect",     "te",   "upgrade",        "proxy-connection"};
  const std::string small = lower(name);
  return std::find(kNames.begin(), kNames.end(), small) != kNames.end();
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
    for (auto& [name, value] : exchange_->headers()) {
      if (!is_of_connection(name)) request->headers.emplace_back(name, std::move(value));
    }
    if (const std::string_view key = exchange_->header("X-Kingpost-Key"); !key.empty()) {
      share_.add(key);
    } else {
      for (const auto* part : {&request->method, &request->target, &request->body}) {
        share_.add(*part);
      }
    }
    request_ = std::move(request);
  }

  void start() {
    const Traffic::Choice choice = gateway_.traffic_.choose(share_);
    is_copied_ = choice.is_copied;
    ask(choice.backend, choice.is_new);
  }

 private:
  void ask(const std::shared_ptr<Backend>& backend, bool is_new) {
    const int port = backend == nullptr ? 0 : backend->port();
    if (port == 0) {
      if (is_new) backend->count_unsent();
      return is_new ? ask_stable() : again();
    }
    const auto begun = Clock::now();
    gateway_.client_->ask(
        port, request_, is_new ? kTrialTime : request_->timeout,
        [self = shared_from_this(), backend, is_new, begun](Result<http::ClientAnswer> answer) {
          const bool is_error = !answer || answer->status >= 500;
          backend->count(is_error, Clock::now() - begun);
          if (is_new && is_error) return self->ask_stable();
          if (!answer) return self->again();
          self->finish(*backend, *answer);
        });
  }

  // Whichever that is by now.
  void ask_stable() { ask(gateway_.traffic_.stable(), false); }

  // After the stable version itself did not answer.
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
                            [self = shared_from_this()] { self->ask_stable(); });
  }

  void finish(const Backend& backend, http::ClientAnswer& answer) {
    if (is_copied_) copy(answer.status, answer.body);
    exchange_->status(answer.status);
    for (const auto& [name, value] : answer.headers) {
      if (!is_of_connection(name)) exchange_->add_header(name, value);
    }
    exchange_->add_header("X-Kingpost-Version", backend.source().version);
    exchange_->answer() = std::move(answer.body);
    exchange_->finish();
  }

  // After the answer is known, so that nobody waits for it.
  void copy(int status, const std::string& body) {
    const std::shared_ptr<Backend> candidate = gateway_.traffic_.begin_copy();
    if (candidate == nullptr) return;
    const auto begun = Clock::now();
    gateway_.client_->ask(
        candidate->port(), request_, kTrialTime,
        [&traffic = gateway_.traffic_, candidate, begun, status,
         body](Result<http::ClientAnswer> answer) {
          const bool is_error = !answer || answer->status >= 500;
          candidate->count(is_error, Clock::now() - begun);
          traffic.end_copy(answer && answer->status == status && answer->body == body);
        });
  }

  Gateway& gateway_;
  const std::shared_ptr<http::Exchange> exchange_;
  const Clock::time_point until_;
  std::shared_ptr<const http::ClientRequest> request_;
  Share share_;
  bool is_copied_ = false;
  bool has_waited_ = false;
};

void Gateway::handle(std::shared_ptr<http::Exchange> exchange) {
  std::make_shared<Forward>(*this, std::move(exchange))->start();
}

}  // namespace kingpost::steps::deploy
