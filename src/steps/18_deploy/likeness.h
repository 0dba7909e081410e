// SPDX-License-Identifier: Apache-2.0
// Whether two versions have answered the same.
#pragma once

#include <vector>

#include "engines/http/client.h"
#include "engines/http/grpc/grpc.h"
#include "steps/18_deploy/traffic.h"

namespace kingpost::steps::deploy {

/// Of a body or of all messages of an answer, as they come and decompressed: one that is larger is
/// not compared, and need not be kept.
inline constexpr std::size_t kMostCompared = std::size_t{4} << 20;

/// Of answers of one status: what they say but for the name of the version. Bodies are JSON, or
/// JSON with raw tensors behind it.
Likeness likeness_of(const http::ClientAnswer& one, const http::ClientAnswer& other);
/// The same of the messages of a call; `asked` is its head. Prediction ids are left out too, which
/// over HTTP are headers.
Likeness likeness_of(const grpc::Head& asked, const std::vector<grpc::Message>& one,
                     const std::vector<grpc::Message>& other);

std::size_t bytes_of(const std::vector<grpc::Message>& messages);

/// Whether that asks a model: only then another version can be asked the same. What else is asked
/// is of the server itself, or changes it.
bool asks_model(std::string_view method, std::string_view target);
bool asks_model(const grpc::Head& head);

inline constexpr std::string_view kStreamPath = "/inference.GRPCInferenceService/ModelStreamInfer";

}  // namespace kingpost::steps::deploy
