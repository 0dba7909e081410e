// SPDX-License-Identifier: Apache-2.0
#include "steps/19_serve/http/infer_call.h"

#include <charconv>
#include <memory>
#include <optional>
#include <vector>

#include "base/text.h"
#include "protocols/open_inference/infer_reader.h"
#include "protocols/open_inference/infer_writer.h"

namespace kingpost::steps::serve {
namespace {

constexpr std::string_view kJsonLength = "Inference-Header-Content-Length";

// One infer request on its way; lives until it is answered.
class InferCall final : public Completion {
 public:
  static void begin(Service& service, SharedExchange exchange, std::string model,
                    std::string version) {
    auto& free = free_calls();
    std::unique_ptr<InferCall> call;
    if (free.empty()) {
      call.reset(new InferCall);
    } else {
      call = std::move(free.back());
      free.pop_back();
    }
    call->service_ = &service;
    call->exchange_ = std::move(exchange);
    call->model_ = std::move(model);
    call->version_ = std::move(version);
    call->request_.clear();
    call->response_.clear();
    // It belongs to itself until it is done.
    call.release()->ask();
  }

  void done(Status status) override {
    std::unique_ptr<InferCall> self(this);
    const SharedExchange exchange = std::move(exchange_);
    if (status) {
      answer(exchange);
    } else {
      service_->refused(model_, status.error());
      refuse(exchange, status.error());
    }
    constexpr std::size_t kMost = 8;
    if (free_calls().size() < kMost) free_calls().push_back(std::move(self));
  }

 private:
  InferCall() = default;

  // Memory that is warm is used again by the thread that ended a request.
  static std::vector<std::unique_ptr<InferCall>>& free_calls() {
    thread_local std::vector<std::unique_ptr<InferCall>> calls;
    return calls;
  }

  void answer(const SharedExchange& exchange) {
    std::string& body = exchange->answer();
    const auto header = open_inference::write_infer(request_, response_, body);
    if (!header) {
      body.clear();
      return refuse(exchange, header.error());
    }
    add_prediction_id(exchange, response_);
    if (*header) exchange->add_header(kJsonLength, format("{}", **header));
    exchange->add_header("Content-Type", *header ? "application/octet-stream" : "application/json");
    finish(exchange);
  }

  void ask() {
    const std::string_view length = exchange_->header(kJsonLength);
    std::optional<std::size_t> header;
    if (!length.empty()) {
      std::size_t number = 0;
      const auto [end, error] =
          std::from_chars(length.data(), length.data() + length.size(), number);
      if (error != std::errc() || end != length.data() + length.size()) {
        return done(fail(Code::kInvalidInput, "infer.request_malformed",
                         "the header {} is no number: {}", kJsonLength, shown(length)));
      }
      header = number;
    }
    request_.model = model_;
    request_.version = version_;
    Status read = reader_.read(exchange_->body(), header, request_);
    if (!read) return done(std::move(read));
    service_->infer(request_, response_, *this);
  }

  Service* service_ = nullptr;
  SharedExchange exchange_;
  std::string model_;
  std::string version_;
  open_inference::InferReader reader_;
  records::InferRequest request_;
  records::InferResponse response_;
};

}  // namespace

void infer(Service& service, SharedExchange exchange, std::string model, std::string version) {
  InferCall::begin(service, std::move(exchange), std::move(model), std::move(version));
}

}  // namespace kingpost::steps::serve
