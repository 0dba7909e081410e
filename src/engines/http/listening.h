// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>

namespace kingpost::http {

/// What every server of this folder is to the one who started it.
class Listening {
 public:
  virtual ~Listening() = default;
  Listening(const Listening&) = delete;
  Listening& operator=(const Listening&) = delete;

  virtual int port() const = 0;
  virtual std::size_t connections() const = 0;
  /// Accepts no more, lets go of connections on which nothing is asked, and returns when the others
  /// have their answers or `most` has passed; true for the former. May be called again.
  virtual bool drain(std::chrono::milliseconds most) = 0;
  /// Ends the loops: the handler is not called any more, and what is finished from now on is not
  /// sent. What the handler was given may still be held, and finished, until the server is gone.
  virtual void stop() = 0;

 protected:
  Listening() = default;
};

}  // namespace kingpost::http
