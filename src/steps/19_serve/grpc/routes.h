// SPDX-License-Identifier: Apache-2.0
// The Open Inference Protocol over gRPC, with the extensions of Triton that its clients use, and
// grpc.health.v1.
#pragma once

#include <memory>
#include <string_view>

#include "engines/http/grpc/grpc.h"
#include "steps/19_serve/service.h"

namespace kingpost::steps::serve {

class GrpcRoutes final : public grpc::Handler {
 public:
  /// `service` must outlive it, and every call that it was given.
  GrpcRoutes(Service& service, const ServiceOptions& options)
      : service_(service), options_(options) {}

  bool is_unary(const grpc::Head& head) const override;
  void message(const std::shared_ptr<grpc::Call>& call, grpc::Message message) override;
  void half_closed(const std::shared_ptr<grpc::Call>& call) override;

 private:
  Status allow(const grpc::Call& call, std::string_view method) const;
  Status allow(const grpc::Call& call, Scope scope) const;
  void refuse_access(grpc::Call& call, const Error& error);
  Status decode(const grpc::Call& call, grpc::Message& message) const;
  void unary(const std::shared_ptr<grpc::Call>& call, std::string_view method,
             std::string_view bytes);
  /// The answer of a method that is no inference and takes no time.
  Result<std::string> look(std::string_view method, std::string_view bytes);
  Result<std::string> look_at_model(std::string_view method, std::string_view bytes);
  Result<std::string> check_health(std::string_view bytes);
  void log_settings(const std::shared_ptr<grpc::Call>& call, std::string_view bytes);
  void change(const std::shared_ptr<grpc::Call>& call, std::string_view method,
              std::string_view bytes);

  Service& service_;
  ServiceOptions options_;
};

}  // namespace kingpost::steps::serve
