// SPDX-License-Identifier: Apache-2.0
// Several questions to one model, asked together.
#pragma once

#include <memory>
#include <span>

#include "base/result.h"
#include "records/inference.h"
#include "steps/19_serve/log/request_log.h"
#include "steps/19_serve/model.h"

namespace kingpost::steps::serve {

/// A request on its way.
struct Asked {
  const records::InferRequest* request = nullptr;
  records::InferResponse* response = nullptr;
  std::shared_ptr<const ServedModel> model;
  Question question;
  Clock::time_point arrived;
  /// Keeps what is answered; null where nothing is kept.
  RequestLog* log = nullptr;
};

/// Both may be asked together: one model that answers by rows, the same outputs, and inputs that
/// differ in their number of rows only.
bool may_join(const Asked& one, const Asked& other);

/// Answers each as if it were alone, and counts it; where the model fails on all together, each is
/// asked alone, so that none suffers for another. `outcomes` has one place for each. Requires: they
/// may all join the first.
void answer_all(std::span<Asked> asked, std::span<Status> outcomes);

}  // namespace kingpost::steps::serve
