// SPDX-License-Identifier: Apache-2.0
#include "steps/18_deploy/pulse.h"

#include "steps/18_deploy/traffic.h"

namespace kingpost::steps::deploy {

void Pulse::beat(http::Client& client, int port, Micros now) {
  constexpr Micros kOften = 1'000'000;
  if (port != port_) {
    port_ = port;
    state_ = std::make_shared<State>();
  }
  const bool is_early = now - state_->ended.load() < kOften;
  if (port == 0 || is_early || state_->is_asking.exchange(true)) return;
  auto request = std::make_shared<http::ClientRequest>();
  // Nobody needs a key for it.
  request->target = "/v2/health/ready";
  client.ask(port, request, kTrialTime,
             [state = state_, now](const Result<http::ClientAnswer>& answer) {
               const bool is_ready = answer && answer->status == 200;
               if (is_ready) state->answered.store(now);
               state->unanswered.store(is_ready ? 0 : state->unanswered.load() + 1);
               state->ended.store(monotonic_micros());
               state->is_asking.store(false);
             });
}

}  // namespace kingpost::steps::deploy
