// SPDX-License-Identifier: Apache-2.0
// Which version of a model a request asks for by name.
#pragma once

#include <string_view>
#include <vector>

#include "engines/http/grpc/grpc.h"
#include "steps/18_deploy/traffic.h"

namespace kingpost::steps::deploy {

/// By `/v2/models/M/versions/N` and what is behind it, and by `/v1/models/M/versions/N`.
Named named_by(std::string_view target);
/// By the first message, of the methods that ask a model or ask about one. What cannot be read
/// names nothing, nor does what stands behind the first 4 KiB of it, decompressed; no more of it is
/// copied or decompressed.
Named named_by(const grpc::Head& head, const std::vector<grpc::Message>& messages);

}  // namespace kingpost::steps::deploy
