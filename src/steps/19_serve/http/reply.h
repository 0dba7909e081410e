// SPDX-License-Identifier: Apache-2.0
// Answers over HTTP.
#pragma once

#include <memory>
#include <string_view>

#include "base/error.h"
#include "base/json.h"
#include "base/result.h"
#include "engines/http/server.h"
#include "records/inference.h"

namespace kingpost::steps::serve {

using SharedExchange = std::shared_ptr<http::Exchange>;

/// The HTTP status of an error: the caller's fault is 400, never 500.
int http_status(Code code);

/// Sends an answer of a model, which stands in the exchange, compressed where that is accepted and
/// worth it. Nothing else is compressed: clients exist that accept it everywhere, and can read it
/// here only.
void finish(const SharedExchange& exchange);

/// The header X-Kingpost-Prediction-Id, where the answer is kept.
void add_prediction_id(const SharedExchange& exchange, const records::InferResponse& response);

void send_json(const SharedExchange& exchange, int status, std::string_view body);
void send(const SharedExchange& exchange, const Json& json);
/// An empty body, or the error.
void send(const SharedExchange& exchange, const Status& status);
void send_text(const SharedExchange& exchange, std::string_view type, std::string_view body);

/// {"error": "..."}
void refuse(const SharedExchange& exchange, int status, std::string_view why);
void refuse(const SharedExchange& exchange, const Error& error);

/// Decompresses the body of a request. Fails with `http.coding_unknown` (Code::kNotBuilt) and as
/// archive::decompress.
Status decode_body(http::Exchange& exchange, std::size_t most);

}  // namespace kingpost::steps::serve
