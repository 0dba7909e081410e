// SPDX-License-Identifier: Apache-2.0
// What a sealed execution left behind, as one small object of the store. It holds no time and no
// path, so equal work has an equal manifest.
#pragma once

#include <string>
#include <vector>

#include "steps/step.h"
#include "store/objects.h"

namespace kingpost::lifecycle {

struct Manifest {
  std::string step;
  records::Dataset output;
  records::Dataset beside;
  Json report = Json::object();
  std::vector<steps::Count> counts;
  std::vector<std::string> warnings;

  /// Digests of all tables and files it names.
  std::vector<std::string> digests() const;
  std::int64_t bytes() const;
};

Manifest manifest_of(std::string_view step, const steps::Outcome& outcome);
std::string to_text(const Manifest& manifest);
Result<Manifest> read_manifest(const store::Objects& objects, const std::string& digest);

/// "336,776 rows, 0 rejected".
std::string counts_text(const std::vector<steps::Count>& counts);

}  // namespace kingpost::lifecycle
