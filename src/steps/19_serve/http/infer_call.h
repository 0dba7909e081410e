// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "steps/19_serve/http/reply.h"
#include "steps/19_serve/service.h"

namespace kingpost::steps::serve {

/// Answers the Open Inference Protocol's infer request. `version` empty: the newest.
void infer(Service& service, SharedExchange exchange, std::string model, std::string version);

}  // namespace kingpost::steps::serve
