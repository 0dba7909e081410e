// SPDX-License-Identifier: Apache-2.0
// The Open Inference Protocol over HTTP, with the extensions of Triton that its clients use; rows
// of fields as KServe's version 1 and MLflow's scoring server take them.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <string_view>

#include "engines/http/server.h"
#include "steps/19_serve/service.h"

namespace kingpost::steps::serve {

class HttpRoutes final : public http::Handler {
 public:
  /// `service` must outlive it, and every request that it was given.
  HttpRoutes(Service& service, const ServiceOptions& options);
  ~HttpRoutes() override;

  void handle(std::shared_ptr<http::Exchange> exchange) override;
  /// The server that calls it, whose counts are then told among the metrics.
  void watch(const http::Server& server) { server_.store(&server); }

 private:
  struct Target;

  Status allow(const Target& target, const http::Exchange& exchange) const;
  void route(const Target& target, const std::shared_ptr<http::Exchange>& exchange);
  void route_model(const Target& target, const std::shared_ptr<http::Exchange>& exchange);
  void route_rows(const Target& target, const std::shared_ptr<http::Exchange>& exchange);
  void route_scoring(const Target& target, const std::shared_ptr<http::Exchange>& exchange);
  void route_page(const Target& target, const std::shared_ptr<http::Exchange>& exchange);
  void send_names(const std::shared_ptr<http::Exchange>& exchange);
  void route_logging(const std::shared_ptr<http::Exchange>& exchange);
  void route_repository(const Target& target, const std::shared_ptr<http::Exchange>& exchange);

  Service& service_;
  ServiceOptions options_;
  std::atomic<const http::Server*> server_{nullptr};
};

}  // namespace kingpost::steps::serve
