// SPDX-License-Identifier: Apache-2.0
// What a server has done, for Prometheus: by Triton's names, so that dashboards made for it work,
// KServe's for the phases of a request, and our own.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "steps/19_serve/service.h"

namespace kingpost::steps::serve {

/// What only the server below knows.
struct TransportCounts {
  std::size_t connections = 0;
  /// By HTTP status.
  std::map<int, std::uint64_t> answers;
};

/// The text of /metrics. Counters begin when a version is loaded; each is as of some moment while
/// it is written.
std::string metrics_text(const Service& service, const TransportCounts& transport);

}  // namespace kingpost::steps::serve
