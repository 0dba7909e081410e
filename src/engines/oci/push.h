// SPDX-License-Identifier: Apache-2.0
// An image to a registry, over the OCI distribution protocol 1.0.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "base/result.h"
#include "engines/oci/image.h"

namespace kingpost::oci {

struct PushOptions {
  /// Plain HTTP to a registry that is not this machine. To this machine it is always so.
  bool insecure = false;
  /// Another repository of the registry, whose blobs are taken over where it has them; may be
  /// empty.
  std::string mount_from;
  /// Takes a line for each blob that is sent. May be empty.
  std::function<void(const std::string&)> progress;
};

struct Pushed {
  std::int64_t sent = 0;
  std::int64_t sent_bytes = 0;
  /// Blobs that the registry had already.
  std::int64_t kept = 0;
  /// Blobs that it took over from the other repository.
  std::int64_t mounted = 0;
};

/// Sends what the registry does not have, the manifest last: the tag stands for the old image or
/// the whole new one. Repeated after a break it goes on with what is missing. `folder` is the
/// layout. Fails with `containerize.registry_unreachable`, `containerize.registry_denied` where the
/// registry wants another user, `containerize.registry_refused` for its other answers, and those of
/// `credentials_of_user`.
Result<Pushed> push_image(const Image& image, const Reference& reference, const std::string& folder,
                          const PushOptions& options);

}  // namespace kingpost::oci
