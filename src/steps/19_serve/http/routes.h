// SPDX-License-Identifier: Apache-2.0
// The Open Inference Protocol over HTTP, with the extensions of Triton that its clients use; rows
// of fields as KServe's version 1 and MLflow's scoring server take them.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>

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

  /// One thread for what takes long, one thing after the other.
  class Errands {
   public:
    Errands() : thread_([this] { run(); }) {}
    /// Ends what is being done; what waits is not begun.
    ~Errands();
    Errands(const Errands&) = delete;
    Errands& operator=(const Errands&) = delete;
    void add(std::function<void()> errand);

   private:
    void run();
    std::mutex mutex_;
    std::condition_variable came_;
    std::deque<std::function<void()>> waiting_;
    bool stopped_ = false;
    std::thread thread_;
  };

  void route(const Target& target, const std::shared_ptr<http::Exchange>& exchange);
  void route_model(const Target& target, const std::shared_ptr<http::Exchange>& exchange);
  void route_rows(const Target& target, const std::shared_ptr<http::Exchange>& exchange);
  void route_scoring(const Target& target, const std::shared_ptr<http::Exchange>& exchange);
  void send_names(const std::shared_ptr<http::Exchange>& exchange);
  void route_repository(const Target& target, const std::shared_ptr<http::Exchange>& exchange);

  Service& service_;
  ServiceOptions options_;
  std::atomic<const http::Server*> server_{nullptr};
  Errands errands_;
};

}  // namespace kingpost::steps::serve
