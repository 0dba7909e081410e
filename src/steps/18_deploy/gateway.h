// SPDX-License-Identifier: Apache-2.0
// Takes the requests of a deployment and asks the versions that share them.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>

#include "engines/http/client.h"
#include "engines/http/server.h"
#include "steps/18_deploy/backend.h"

namespace kingpost::steps::deploy {

/// Which version answers what.
struct Route {
  std::shared_ptr<Backend> stable;
  /// May be null, as both are where nothing can answer yet.
  std::shared_ptr<Backend> candidate;
  int percent = 0;
  int shadow_percent = 0;
};

/// The share is of keys, not of requests: the header X-Kingpost-Key, or else the request itself
/// (method, target, body), always comes to the same version while the share stays.
///
/// A request that a process does not answer, because it is killed or starts anew, is asked again of
/// the stable version, for up to ten seconds; one that the new version answers with 500 or more is
/// asked of the stable version too, and so is one that cannot be sent to it, which counts as its
/// error; it has five seconds for an answer, so that the stable one still has time. Asking twice
/// does no harm: inference has no effects. The header X-Kingpost-Version of an answer says which
/// version gave it.
class Gateway final : public http::Handler {
 public:
  explicit Gateway(int threads) : client_(std::make_unique<http::Client>(threads)) {}

  void set_route(Route route);
  Route route() const;
  void handle(std::shared_ptr<http::Exchange> exchange) override;

  http::Client& client() { return *client_; }
  /// Lets go of every request, unanswered; nothing may be asked any more.
  void stop() { client_.reset(); }
  struct ShadowCounts {
    std::int64_t sent = 0;
    /// Not copied, since too many copies had no answer yet or the new version was not there.
    std::int64_t dropped = 0;
    /// Answered otherwise than by the stable version.
    std::int64_t different = 0;
  };
  ShadowCounts shadow_counts() const { return {sent_.load(), dropped_.load(), different_.load()}; }

 private:
  class Forward;

  mutable std::mutex mutex_;
  Route route_;
  std::atomic<std::int64_t> sent_{0};
  std::atomic<std::int64_t> dropped_{0};
  std::atomic<std::int64_t> different_{0};
  std::atomic<std::int64_t> copies_{0};
  std::unique_ptr<http::Client> client_;
};

}  // namespace kingpost::steps::deploy
