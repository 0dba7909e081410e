// SPDX-License-Identifier: Apache-2.0
#include "steps/19_serve/http/reply.h"

#include "base/text.h"
#include "engines/archive/coding.h"
#include "protocols/open_inference/infer_writer.h"

namespace kingpost::steps::serve {

int http_status(Code code) {
  switch (code) {
    case Code::kInvalidInput:
    case Code::kDataRejected:
    case Code::kAlreadyExists:
    case Code::kCancelled:
      return 400;
    case Code::kNotFound:
      return 404;
    case Code::kConflict:
    case Code::kPrecondition:
      return 409;
    case Code::kUnavailable:
      return 503;
    case Code::kExhausted:
      return 429;
    case Code::kNotBuilt:
      return 501;
    case Code::kCorrupt:
    case Code::kInternal:
      break;
  }
  return 500;
}

void finish(const SharedExchange& exchange) {
  // Below this a compressed answer is hardly shorter, and as many packets.
  constexpr std::size_t kWorthIt = 512;
  std::string& body = exchange->answer();
  if (body.size() >= kWorthIt) {
    const auto coding = archive::accepted_coding(exchange->header("Accept-Encoding"));
    if (coding != archive::Coding::kIdentity) {
      body = archive::compress(body, coding);
      exchange->add_header("Content-Encoding", archive::coding_word(coding));
      exchange->add_header("Vary", "Accept-Encoding");
    }
  }
  exchange->finish();
}

void add_prediction_id(const SharedExchange& exchange, const records::InferResponse& response) {
  if (response.prediction_id.empty()) return;
  exchange->add_header("X-Kingpost-Prediction-Id", response.prediction_id);
}

void send_json(const SharedExchange& exchange, int status, std::string_view body) {
  exchange->status(status);
  exchange->add_header("Content-Type", "application/json");
  exchange->answer() = body;
  exchange->finish();
}

void send(const SharedExchange& exchange, const Json& json) {
  send_json(exchange, 200, json.dump());
}

void send_text(const SharedExchange& exchange, std::string_view type, std::string_view body) {
  exchange->add_header("Content-Type", type);
  exchange->answer() = body;
  exchange->finish();
}

void refuse(const SharedExchange& exchange, int status, std::string_view why) {
  // What was begun of another answer is gone.
  send_json(exchange, status, open_inference::error_body(why));
}

void refuse(const SharedExchange& exchange, const Error& error) {
  refuse(exchange, http_status(error.code()), error.what());
}

void send(const SharedExchange& exchange, const Status& status) {
  if (!status) return refuse(exchange, status.error());
  exchange->finish();
}

Status decode_body(http::Exchange& exchange, std::size_t most) {
  const std::string_view word = exchange.header("Content-Encoding");
  if (word.empty()) return {};
  const auto coding = archive::coding_of(word);
  if (!coding) {
    return fail(Code::kNotBuilt, "http.coding_unknown",
                "Unsupported compression type: {} (gzip and deflate are taken)", shown(word));
  }
  if (*coding == archive::Coding::kIdentity) return {};
  TRY(std::string plain, archive::decompress(exchange.body(), *coding, most));
  exchange.replace_body(std::move(plain));
  return {};
}

}  // namespace kingpost::steps::serve
