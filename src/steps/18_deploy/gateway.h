// SPDX-License-Identifier: Apache-2.0
// Takes the requests of a deployment over HTTP and asks the versions that share them.
#pragma once

#include <memory>

#include "engines/http/client.h"
#include "engines/http/server.h"
#include "steps/18_deploy/traffic.h"

namespace kingpost::steps::deploy {

/// The share is of keys, not of requests: the header X-Kingpost-Key, or else the request itself
/// (method, target, body), always comes to the same version while the share stays. One that names a
/// version in its path goes there, and nobody else is asked in its place, so that it has as long
/// for its answer as the stable version has.
///
/// A request that a process does not answer, because it is killed or starts anew, is asked again of
/// the stable version, for up to ten seconds; one that the new version answers with 500 or more,
/// but for 501, which is what no version offers, is asked of the stable version too, and so is one
/// that cannot be sent to it, which counts as its error; it has five seconds for an answer, so that
/// the stable one still has time. Asking twice does no harm: inference has no effects. The header
/// X-Kingpost-Version of an answer says which version gave it.
class Gateway final : public http::Handler {
 public:
  /// The traffic must outlive it.
  Gateway(Traffic& traffic, int threads)
      : traffic_(traffic), client_(std::make_unique<http::Client>(threads)) {}

  void handle(std::shared_ptr<http::Exchange> exchange) override;

  http::Client& client() { return *client_; }
  /// Lets go of every request, unanswered; nothing may be asked any more.
  void stop() {
    // Its threads may be asking still.
    if (client_ != nullptr) client_->stop();
    client_.reset();
  }

 private:
  class Forward;

  Traffic& traffic_;
  std::unique_ptr<http::Client> client_;
};

}  // namespace kingpost::steps::deploy
