// SPDX-License-Identifier: Apache-2.0
#include "steps/19_serve/service.h"

#include <algorithm>

#include "base/parallel.h"
#include "steps/19_serve/workers.h"

namespace kingpost::steps::serve {

Service::Service(const ServiceOptions& options)
    : options_(options),
      workers_(std::make_unique<Workers>(WorkerOptions{threads_or_all(options.threads),
                                                       options.queue_rows, options.batch_rows,
                                                       options.batch_delay, options.timeout})) {}

// What the workers end may still become an errand.
Service::~Service() {
  workers_.reset();
}

void Service::refused(std::string_view model, const Error& error) {
  const bool is_known = !model.empty() && repository_.find(model, {}).has_value();
  errors_.add(is_known ? model : std::string_view(), error.id());
}

void Service::infer(const records::InferRequest& request, records::InferResponse& response,
                    Completion& completion) {
  auto model = repository_.find(request.model, request.version);
  if (!model) return completion.done(std::move(model).error());
  infer(std::move(*model), request, response, completion);
}

void Service::infer(Repository::Model model, const records::InferRequest& request,
                    records::InferResponse& response, Completion& completion) {
  Asked asked;
  asked.arrived = Clock::now();
  asked.request = &request;
  asked.response = &response;
  asked.model = std::move(model);
  auto question = asked.model->question(request, response.arena);
  if (!question) {
    asked.model->statistics().failed(Clock::now() - asked.arrived, Failure::kOther);
    return completion.done(std::move(question).error());
  }
  asked.question = *question;
  if (log_ != nullptr) {
    asked.log = log_.get();
    response.prediction_id = response.arena.copy(log_->next_id());
  }
  const bool is_quick = options_.batch_delay <= Nanos(0) &&
                        asked.model->cost(asked.question.rows) <= options_.inline_limit;
  // One that comes after others that wait must not overtake them for ever: the backlog goes first.
  if (!is_quick || workers_->has_backlog()) return workers_->add(std::move(asked), completion);
  Status outcome;
  answer_all({&asked, 1}, {&outcome, 1});
  completion.done(std::move(outcome));
}

}  // namespace kingpost::steps::serve
