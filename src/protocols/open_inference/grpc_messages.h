// SPDX-License-Identifier: Apache-2.0
// The other messages of the Open Inference Protocol over gRPC (grpc_service.proto): what is asked
// about a server and its models, and the answers, made of the JSON that HTTP answers.
#pragma once

#include <string>
#include <string_view>

#include "base/json.h"
#include "base/result.h"

namespace kingpost::open_inference {

/// A model and a version of it; the latter may be empty.
struct NamedModel {
  std::string name;
  std::string version;
};
/// Of ModelReady, ModelMetadata, ModelConfig and ModelStatistics, and of ModelInfer, of which
/// nothing else is looked at. This and the functions below that may fail do so with
/// `infer.message_malformed`.
Result<NamedModel> read_named_model(std::string_view bytes);
/// The same of the beginning of such a message, which may be cut off anywhere: what of the two
/// stands there. Nothing else is kept or looked at.
NamedModel peek_named_model(std::string_view beginning);
/// Of RepositoryIndex: only the models that are ready.
Result<bool> read_index_request(std::string_view bytes);
/// Of RepositoryModelLoad and RepositoryModelUnload: the model, and whether it shall be loaded with
/// a config or files that come with the request.
struct RepositoryChange {
  std::string model;
  bool has_content = false;
};
Result<RepositoryChange> read_repository_change(std::string_view bytes);
/// Of LogSettings: settings by name, of texts, truths and whole numbers; one without a value is
/// null.
Result<Json> read_log_settings(std::string_view bytes);
/// Of grpc.health.v1: the service, empty for the server.
Result<std::string> read_health_request(std::string_view bytes);

/// ServerLive, ServerReady and ModelReady.
std::string grpc_truth(bool is_true);
std::string grpc_server_metadata(const Json& metadata);
std::string grpc_model_metadata(const Json& metadata);
std::string grpc_model_config(const Json& config);
std::string grpc_statistics(const Json& statistics);
std::string grpc_log_settings(const Json& settings);
std::string grpc_index(const Json& rows);
std::string grpc_health(bool is_serving);

}  // namespace kingpost::open_inference
