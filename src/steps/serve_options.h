// SPDX-License-Identifier: Apache-2.0
// The section `serve` as options of kingpost-serve, for whoever starts it: this machine, a
// deployment, an image.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/node.h"

namespace kingpost::steps {

enum class ServeOptionKind : std::uint8_t {
  /// Means the same everywhere.
  kPlain,
  kAddress,
  kPort,
  /// A file that is read, and that nobody else may have or, of keys that are trusted, change.
  kSecretFile,
  /// A file that is written, or "-" for standard output.
  kOutputFile,
  kOutputFolder,
};

struct ServeOption {
  /// As the file has it: "tls.key".
  std::string key;
  /// "--tls-key".
  std::string name;
  /// Paths as the file has them.
  std::string value;
  ServeOptionKind kind = ServeOptionKind::kPlain;
  /// False for a default that stands in the section because others of its keys do.
  bool is_said = true;
};

/// What the section says, in a fixed order; nothing where there is none. What it does not say is
/// left to kingpost-serve, whose defaults are the same.
std::vector<ServeOption> serve_options(const Node& section);

}  // namespace kingpost::steps
