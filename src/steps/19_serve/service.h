// SPDX-License-Identifier: Apache-2.0
// Requests answered: at once on the caller's thread where that is quick, else by a few workers that
// take waiting requests together.
#pragma once

#include <array>
#include <atomic>
#include <functional>
#include <memory>
#include <utility>

#include "base/result.h"
#include "records/inference.h"
#include "steps/19_serve/access.h"
#include "steps/19_serve/completion.h"
#include "steps/19_serve/errands.h"
#include "steps/19_serve/log/log_settings.h"
#include "steps/19_serve/log/request_log.h"
#include "steps/19_serve/repository.h"

namespace kingpost::steps::serve {

struct ServiceOptions {
  /// Workers for what is not answered at once; 0: as many as the machine has cores.
  int threads = 0;
  /// What is expected to take longer than this goes to the workers. 0: everything.
  Nanos inline_limit = std::chrono::microseconds(300);
  /// So many rows of one model may wait; more are refused.
  std::int64_t queue_rows = 100'000;
  /// So many rows are taken together at most.
  std::int64_t batch_rows = 256;
  /// So long the first of a batch waits for others, when positive.
  Nanos batch_delay{0};
  /// So long a request may wait that does not say it itself; zero: for ever.
  std::chrono::microseconds timeout{0};
  /// Of a body, decompressed.
  std::size_t body_bytes = std::size_t{64} << 20;
};

class Workers;

class Service {
 public:
  explicit Service(const ServiceOptions& options);
  /// Ends what waits with `serve.stopping`, then the workers.
  ~Service();
  Service(const Service&) = delete;
  Service& operator=(const Service&) = delete;

  /// Before anybody asks.
  void set_access(Access access) { access_ = std::move(access); }
  const Access& access() const { return access_; }

  /// Before anybody asks.
  void set_log(std::unique_ptr<RequestLog> log) { log_ = std::move(log); }
  /// Null where nothing is kept.
  RequestLog* log() const { return log_.get(); }

  /// Before anybody asks.
  void set_log_settings(LogSettings settings) { log_settings_ = std::move(settings); }
  LogSettings& log_settings() { return log_settings_; }

  Repository& repository() { return repository_; }
  const Repository& repository() const { return repository_; }

  /// Request, response and completion must live until `done`. `request.timeout` counts from here.
  /// Fails as Repository::find, ServedModel::question and ServedModel::answer do, and with
  /// `serve.queue_full`, `serve.timeout` or `serve.stopping` (Code::kUnavailable).
  void infer(const records::InferRequest& request, records::InferResponse& response,
             Completion& completion);
  /// Asks this model, whatever answers for the request's name by now.
  void infer(Repository::Model model, const records::InferRequest& request,
             records::InferResponse& response, Completion& completion);

  /// What would hold up a thread that others wait for; not done where the service ends before.
  void later(std::function<void()> errand) { errands_.add(std::move(errand)); }

  /// Each way in says what it refuses, whatever the protocol. A name that no model has is not kept:
  /// anybody may send any number of them.
  void refused(std::string_view model, const Error& error);
  std::vector<ErrorCounts::Row> errors() const { return errors_.read(); }

  /// How many gRPC calls ended with each status, by its number.
  static constexpr std::size_t kGrpcStatuses = 17;
  void count_grpc(std::size_t status) { grpc_[status % kGrpcStatuses].fetch_add(1); }
  std::uint64_t grpc_answers(std::size_t status) const { return grpc_[status].load(); }

  /// Answers the load balancer: everything is loaded, and `stop_soon` was not called.
  bool ready() const { return !stopping_.load() && repository_.ready(); }
  /// Not ready from now on; requests are answered as before.
  void stop_soon() { stopping_.store(true); }

 private:
  ServiceOptions options_;
  Access access_;
  Repository repository_;
  std::unique_ptr<RequestLog> log_;
  LogSettings log_settings_;
  ErrorCounts errors_;
  std::array<std::atomic<std::uint64_t>, kGrpcStatuses> grpc_{};
  std::atomic<bool> stopping_{false};
  std::unique_ptr<Workers> workers_;
  Errands errands_;
};

}  // namespace kingpost::steps::serve
