// SPDX-License-Identifier: Apache-2.0
// Names of images, as registries take them: HOST[:PORT]/PATH[:TAG]; an address of IPv6 stands in
// brackets.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace kingpost::oci {

struct Reference {
  /// Host and port; "docker.io" where none is written.
  std::string registry;
  /// Without the host; of Docker Hub with its "library/" in front of a single word.
  std::string repository;
  std::string tag;
  /// The whole as it was written, with the tag.
  std::string text;

  /// The registry is this machine, which may be spoken to without TLS.
  bool is_local() const;
};

/// The tag is `latest` where none is written. Fails with `containerize.ref_malformed` for whatever
/// a registry would not take, and for a digest: it cannot be chosen.
Result<Reference> parse_reference(std::string_view text);

/// A word that may stand in a path of a reference: "Flight Delay" becomes "flight-delay".
std::string reference_word(std::string_view text);

}  // namespace kingpost::oci
