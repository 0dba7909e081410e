// SPDX-License-Identifier: Apache-2.0
// What the section `serve` becomes in an image.
#pragma once

#include <string>
#include <vector>

#include "base/node.h"
#include "base/result.h"

namespace kingpost::steps::containerize {

struct Serving {
  /// Options of kingpost-serve.
  std::vector<std::string> words{"--address", "0.0.0.0", "--http", "8080", "--grpc", "8081"};
  std::vector<std::string> ports{"8080/tcp", "8081/tcp"};
  /// What is otherwise than the section says, for people.
  std::vector<std::string> notes{};
};

/// The image listens on every network. Files of secrets are not copied: the options name places
/// under /run/secrets, so that a container without them does not start. The access log goes to
/// standard output, the request log to /var/log/kingpost. Fails with `containerize.ports_unfit`
/// where a port is 0 or HTTP and gRPC have the same one.
Result<Serving> serving_of(const Node& serve);

}  // namespace kingpost::steps::containerize
