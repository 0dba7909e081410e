// SPDX-License-Identifier: Apache-2.0
#include "steps/18_deploy/gateway.h"

#include <array>

#include "base/text.h"

namespace kingpost::steps::deploy {
namespace {

using Clock = std::chrono::steady_clock;

constexpr auto kPatience = std::chrono::seconds(10);
// Of the new version: what it leaves must be enough for the stable one.
constexpr auto kTrialTime = std::chrono::milliseconds(5'000);
constexpr auto kPause = std::chrono::milliseconds(20);
constexpr std::int64_t kMostCopies = 64;

// FNV-1a, http://www.isthe.com/chongo/tech/comp/fnv: the same on every machine and in every run.
std::uint64_t hash_of(std::string_view text, std::uint64_t hash) {
  for (const char c : text) {
    hash ^= static_cast<unsigned char>(c);
    hash *= 1099511628211U;
  }
  return hash;
}

// From 0 to 99.99 percent, in steps of a hundredth. The low bits of FNV of short texts are not
// even.
bool is_within(std::uint64_t hash, int percent) {
  constexpr std::uint64_t kMix = 0x9E3779B97F4A7C15U;
  return (hash * kMix >> 32U) % 10'000 < static_cast<std::uint64_t>(percent) * 100;
}

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
    constexpr std::uint64_t kBasis = 14695981039346656037U;
    const std::string_view key = exchange_->header("X-Kingpost-Key");
    hash_ = key.empty()
                ? hash_of(request->body, hash_of(request->target, hash_of(request->method, kBasis)))
                : hash_of(key, kBasis);
    request_ = std::move(request);
  }

  void start() {
    const Route route = gateway_.route();
    const bool is_new = route.candidate != nullptr && is_within(hash_, route.percent);
    // Other bits than those of the share.
    is_copied_ = route.candidate != nullptr && is_within(hash_ >> 7U, route.shadow_percent);
    ask(is_new ? route.candidate : route.stable, is_new);
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
  void ask_stable() { ask(gateway_.route().stable, false); }

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
    const std::shared_ptr<Backend> candidate = gateway_.route().candidate;
    const int port = candidate == nullptr ? 0 : candidate->port();
    if (candidate != nullptr && port == 0) candidate->count_unsent();
    if (port == 0 || gateway_.copies_.load() >= kMostCopies) {
      gateway_.dropped_.fetch_add(1);
      return;
    }
    gateway_.copies_.fetch_add(1);
    gateway_.sent_.fetch_add(1);
    const auto begun = Clock::now();
    gateway_.client_->ask(
        port, request_, kTrialTime,
        [&gateway = gateway_, candidate, begun, status, body](Result<http::ClientAnswer> answer) {
          gateway.copies_.fetch_sub(1);
          const bool is_error = !answer || answer->status >= 500;
          candidate->count(is_error, Clock::now() - begun);
          const bool is_same = answer && answer->status == status && answer->body == body;
          if (!is_same) gateway.different_.fetch_add(1);
        });
  }

  Gateway& gateway_;
  const std::shared_ptr<http::Exchange> exchange_;
  const Clock::time_point until_;
  std::shared_ptr<const http::ClientRequest> request_;
  std::uint64_t hash_ = 0;
  bool is_copied_ = false;
  bool has_waited_ = false;
};

void Gateway::set_route(Route route) {
  const std::lock_guard lock(mutex_);
  route_ = std::move(route);
}

Route Gateway::route() const {
  const std::lock_guard lock(mutex_);
  return route_;
}

void Gateway::handle(std::shared_ptr<http::Exchange> exchange) {
  std::make_shared<Forward>(*this, std::move(exchange))->start();
}

}  // namespace kingpost::steps::deploy
