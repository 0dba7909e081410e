// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "steps/19_serve/http/reply.h"
#include "steps/19_serve/service.h"

namespace kingpost::steps::serve {

/// Keeps labels of answers, all of a request or none: {"prediction_id": ..., "row": 0, "label":
/// ...}, or a list of such. Refuses with `serve.no_log`, `serve.feedback_malformed` or
/// `serve.log_full`.
void take_feedback(Service& service, const SharedExchange& exchange, const std::string& model);

}  // namespace kingpost::steps::serve
