// SPDX-License-Identifier: Apache-2.0
// Who we are to a registry: what `docker login` left, and what a registry asks for.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "engines/oci/reference.h"

namespace kingpost::oci {

/// User and password in base64, as the header of basic authentication has them, out of the text of
/// Docker's config.json or of an auth.json: of the repository, else of the next of the namespaces
/// around it, else of the registry (containers-auth.json(5)); "" where it has none of these, as
/// where a helper program keeps them. Fails with `containerize.credentials_malformed`.
Result<std::string> credentials_for(const Reference& reference, std::string_view config);

/// Of the first file that knows the repository, a namespace around it or the registry:
/// $REGISTRY_AUTH_FILE, $DOCKER_CONFIG/config.json, $XDG_RUNTIME_DIR/containers/auth.json,
/// $XDG_CONFIG_HOME/containers/auth.json, and, where Docker's is not named, ~/.docker/config.json;
/// "" where there is none.
Result<std::string> credentials_of_user(const Reference& reference);

/// A header WWW-Authenticate (RFC 9110, 11.6.1), the first scheme of it that we know.
struct Challenge {
  /// "basic", "bearer", or "" for neither.
  std::string scheme;
  std::string realm;
  std::string service;
  std::string scope;
};
Challenge parse_challenge(std::string_view header);

/// Everything but letters, digits and -._~ as %XX.
std::string percent_encoded(std::string_view text);

}  // namespace kingpost::oci
