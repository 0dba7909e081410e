// SPDX-License-Identifier: Apache-2.0
#include "steps/19_serve/http/feedback.h"

#include <vector>

#include "base/clock.h"
#include "base/text.h"

namespace kingpost::steps::serve {
namespace {

constexpr std::size_t kLongestId = 100;

Error malformed(std::size_t item, std::string_view why) {
  return fail(Code::kInvalidInput, "serve.feedback_malformed", "label {}: {}", item, why);
}

Result<std::string> line_of(const Json& each, std::size_t item, const std::string& model) {
  if (!each.is_object()) return malformed(item, "it is no object");
  const std::string& id = each["prediction_id"].text();
  if (id.empty() || id.size() > kLongestId) {
    return malformed(item, "prediction_id is not that of an answer");
  }
  const Json& row = each["row"];
  if (!row.is_null() && (!row.is_integer() || row.integer() < 0)) {
    return malformed(item, "row is no whole number from 0 on");
  }
  const Json& label = each["label"];
  const bool is_plain = label.is_boolean() || label.is_number() || label.is_string();
  if (!is_plain) return malformed(item, "label is neither a number, a text nor a truth");
  Json out = Json::object().set("time", timestamp_text(wall_clock())).set("model", model);
  out.set("prediction_id", id).set("row", row.is_null() ? Json(0) : row);
  return out.set("label", label).dump();
}

Result<std::size_t> taken(Service& service, std::string_view body, const std::string& model) {
  RequestLog* const log = service.log();
  if (log == nullptr) {
    return fail(Code::kNotBuilt, "serve.no_log",
                "this server keeps no answers that a label could be for: see --request-log");
  }
  if (auto found = service.repository().find(model, {}); !found) return std::move(found).error();
  TRY(const Json json, parse_json(body));
  const std::vector<Json> items = json.is_array() ? json.items() : std::vector<Json>{json};
  std::vector<std::string> lines;
  for (std::size_t i = 0; i < items.size(); ++i) {
    TRY(lines.emplace_back(), line_of(items[i], i, model));
  }
  if (!lines.empty()) TRY_STATUS(log->add_label(join(lines, "\n")));
  return lines.size();
}

}  // namespace

void take_feedback(Service& service, const SharedExchange& exchange, const std::string& model) {
  const auto count = taken(service, exchange->body(), model);
  if (count) return send(exchange, Json::object().set("accepted", *count));
  service.refused(model, count.error());
  Json out = Json::object().set("error", count.error().what()).set("id", count.error().id());
  send_json(exchange, http_status(count.error().code()), out.dump());
}

}  // namespace kingpost::steps::serve
