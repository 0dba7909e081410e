// SPDX-License-Identifier: Apache-2.0
#include "steps/19_serve/grpc/routes.h"

#include "base/text.h"
#include "engines/archive/coding.h"
#include "protocols/open_inference/grpc_messages.h"
#include "steps/19_serve/describe.h"
#include "steps/19_serve/grpc/infer_call.h"

namespace kingpost::steps::serve {
namespace {

using grpc::Call;
using grpc::StatusCode;

constexpr std::string_view kService = "/inference.GRPCInferenceService/";
constexpr std::string_view kStream = "ModelStreamInfer";
constexpr std::string_view kHealth = "/grpc.health.v1.Health/Check";

// "ModelInfer", "Check"; empty for a path of another service.
std::string_view method_of(const grpc::Head& head) {
  const std::string_view path = head.path;
  if (path == kHealth) return "Check";
  return starts_with(path, kService) ? path.substr(kService.size()) : std::string_view();
}

bool is_change(std::string_view method) {
  return method == "RepositoryModelLoad" || method == "RepositoryModelUnload";
}

Error unknown(const Call& call) {
  return fail(Code::kNotBuilt, "serve.method_unknown", "{} is not offered by this server",
              shown(call.head().path, 200));
}

}  // namespace

// Probes have no keys.
Status GrpcRoutes::allow(const Call& call, std::string_view method) const {
  const bool is_probe = method == "Check" || method == "ServerLive" || method == "ServerReady";
  if (is_probe) return {};
  return allow(call, is_change(method) ? Scope::kAdmin : Scope::kInfer);
}

Status GrpcRoutes::allow(const Call& call, Scope scope) const {
  if (service_.access().is_open()) return {};
  std::string_view key = call.head().find("x-api-key");
  if (key.empty()) key = bearer_of(call.head().find("authorization"));
  return service_.access().allow(key, scope);
}

void GrpcRoutes::refuse_access(Call& call, const Error& error) {
  service_.refused({}, error);
  const bool is_known = error.id() == "serve.key_scope";
  finish(service_, call, is_known ? StatusCode::kPermissionDenied : StatusCode::kUnauthenticated,
         error.what());
}

Status GrpcRoutes::decode(const Call& call, grpc::Message& message) const {
  if (!message.is_compressed) return {};
  const auto coding = archive::coding_of(call.head().encoding);
  if (!coding || *coding == archive::Coding::kIdentity) {
    return fail(Code::kNotBuilt, "http.coding_unknown",
                "Unsupported compression type: {} (gzip and deflate are taken)",
                shown(call.head().encoding));
  }
  TRY(message.bytes, archive::decompress(message.bytes, *coding, options_.body_bytes));
  return {};
}

bool GrpcRoutes::is_unary(const grpc::Head& head) const {
  return method_of(head) != kStream;
}

void GrpcRoutes::message(const std::shared_ptr<Call>& call, grpc::Message message) {
  const std::string_view method = method_of(call->head());
  if (const Status may = allow(*call, method); !may) {
    return refuse_access(*call, may.error());
  }
  if (const Status plain = decode(*call, message); !plain) {
    service_.refused({}, plain.error());
    return refuse(service_, *call, plain.error());
  }
  if (method == kStream) {
    if (call->state == nullptr) call->state = std::make_shared<AnswerStream>(service_, call);
    return infer(service_, call, std::static_pointer_cast<AnswerStream>(call->state),
                 message.bytes);
  }
  if (call->state != nullptr) {
    return finish(service_, *call, StatusCode::kInvalidArgument,
                  "the method takes one message, and here is another");
  }
  call->state = std::make_shared<bool>(true);
  unary(call, method, message.bytes);
}

void GrpcRoutes::half_closed(const std::shared_ptr<Call>& call) {
  if (!is_unary(call->head())) {
    if (call->state == nullptr) return finish(service_, *call, StatusCode::kOk, {});
    return std::static_pointer_cast<AnswerStream>(call->state)->half_closed();
  }
  if (call->state == nullptr) {
    finish(service_, *call, StatusCode::kInvalidArgument, "the call has no message");
  }
}

void GrpcRoutes::unary(const std::shared_ptr<Call>& call, std::string_view method,
                       std::string_view bytes) {
  if (method == "ModelInfer") return infer(service_, call, nullptr, bytes);
  if (is_change(method)) return change(call, method, bytes);
  if (method == "LogSettings") return log_settings(call, bytes);
  auto answer = method.empty() ? Result<std::string>(unknown(*call)) : look(method, bytes);
  if (!answer) {
    const bool is_none = answer.error().id() == "serve.method_unknown";
    const Error error = is_none ? unknown(*call) : answer.error();
    service_.refused({}, error);
    return refuse(service_, *call, error);
  }
  send(*call, std::move(*answer));
  finish(service_, *call, StatusCode::kOk, {});
}

Result<std::string> GrpcRoutes::look(std::string_view method, std::string_view bytes) {
  using namespace open_inference;  // NOLINT(google-build-using-namespace): a table of its answers
  if (method == "ServerLive") return grpc_truth(true);
  if (method == "ServerReady") return grpc_truth(service_.ready());
  if (method == "ServerMetadata") return grpc_server_metadata(server_metadata());
  if (method == "RepositoryIndex") {
    TRY(const bool ready_only, read_index_request(bytes));
    return grpc_index(index_of(service_.repository().index(ready_only)));
  }
  if (method == "Check") return check_health(bytes);
  return look_at_model(method, bytes);
}

Result<std::string> GrpcRoutes::look_at_model(std::string_view method, std::string_view bytes) {
  using namespace open_inference;  // NOLINT(google-build-using-namespace): a table of its answers
  const bool is_statistics = method == "ModelStatistics";
  const bool is_known = is_statistics || method == "ModelReady" || method == "ModelMetadata" ||
                        method == "ModelConfig";
  if (!is_known) return fail(Code::kNotBuilt, "serve.method_unknown", "unknown");
  TRY(const NamedModel named, read_named_model(bytes));
  Repository& repository = service_.repository();
  if (is_statistics && named.name.empty()) {
    return grpc_statistics(statistics_of(repository.answering()));
  }
  auto found = repository.find(named.name, named.version);
  if (method == "ModelReady") return grpc_truth(found.has_value());
  if (!found) return std::move(found).error();
  if (method == "ModelConfig") return grpc_model_config(config_of(**found, options_.batch_rows));
  if (is_statistics) {
    return grpc_statistics(statistics_of(named.version.empty()
                                             ? repository.answering(named.name)
                                             : std::vector<Repository::Model>{*found}));
  }
  return grpc_model_metadata(metadata_of(**found, repository.answering(named.name)));
}

Result<std::string> GrpcRoutes::check_health(std::string_view bytes) {
  TRY(const std::string name, open_inference::read_health_request(bytes));
  if (!name.empty() && name != "inference.GRPCInferenceService") {
    return fail(Code::kNotFound, "serve.service_unknown", "unknown service: {}", shown(name));
  }
  return open_inference::grpc_health(service_.ready());
}

// One method for looking and for changing: without settings it only looks.
void GrpcRoutes::log_settings(const std::shared_ptr<Call>& call, std::string_view bytes) {
  const auto wanted = open_inference::read_log_settings(bytes);
  Status done = wanted ? Status() : Status(wanted.error());
  if (wanted && !wanted->entries().empty()) {
    if (const Status may = allow(*call, Scope::kAdmin); !may) {
      return refuse_access(*call, may.error());
    }
    done = service_.log_settings().change(*wanted);
  }
  if (!done) {
    service_.refused({}, done.error());
    return refuse(service_, *call, done.error());
  }
  send(*call, open_inference::grpc_log_settings(service_.log_settings().read()));
  finish(service_, *call, StatusCode::kOk, {});
}

void GrpcRoutes::change(const std::shared_ptr<Call>& call, std::string_view method,
                        std::string_view bytes) {
  const auto wanted = open_inference::read_repository_change(bytes);
  if (!wanted) return refuse(service_, *call, wanted.error());
  const bool is_load = method == "RepositoryModelLoad";
  if (is_load && wanted->has_content) {
    return finish(service_, *call, StatusCode::kUnimplemented,
                  "a model is loaded as it lies there: 'config' and files are not taken with a "
                  "request");
  }
  // Reading a model may take seconds, and a loop must not be held up.
  // Without these routes: they go before the service does.
  service_.later([&service = service_, call, model = wanted->model, is_load] {
    Repository& repository = service.repository();
    const Status done = is_load ? repository.load(model) : repository.unload(model);
    if (!done) return refuse(service, *call, done.error());
    // Both answers are messages without fields.
    call->send({});
    finish(service, *call, StatusCode::kOk, {});
  });
}

}  // namespace kingpost::steps::serve
