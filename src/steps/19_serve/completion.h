// SPDX-License-Identifier: Apache-2.0
// Who is told that a request has ended.
#pragma once

#include "base/result.h"

namespace kingpost::steps::serve {

class Completion {
 public:
  virtual ~Completion() = default;
  Completion(const Completion&) = delete;
  Completion& operator=(const Completion&) = delete;
  /// Called once, by the thread that asked before its call returns, or by a worker. Must not throw.
  /// Nobody waits for the answer any more; asked before the model is, from any thread.
  virtual bool is_cancelled() const { return false; }
  virtual void done(Status status) = 0;

 protected:
  Completion() = default;
};

}  // namespace kingpost::steps::serve
