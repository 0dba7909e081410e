// SPDX-License-Identifier: Apache-2.0
#include "steps/19_serve/http/row_call.h"

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "base/json_text.h"
#include "base/text.h"
#include "steps/19_serve/csv_rows.h"

namespace kingpost::steps::serve {
namespace {

// "text/csv; charset=utf-8" has the type "text/csv".
std::string body_type(std::string_view header) {
  return lower(trim(header.substr(0, header.find(';'))));
}

bool is_other_charset(std::string_view header) {
  const std::string small = lower(header);
  const std::size_t at = small.find("charset=");
  if (at == std::string::npos) return false;
  const std::string_view word = trim(std::string_view(small).substr(at + 8));
  return word != "utf-8" && word != "\"utf-8\"" && word != "utf8";
}

constexpr std::int64_t kMostExplained = 100;

// One request on its way; lives until it is answered.
class RowCall final : public Completion {
 public:
  static void begin(Service& service, SharedExchange exchange, RowRequest request) {
    std::unique_ptr<RowCall> call(new RowCall(service, std::move(exchange), std::move(request)));
    // It belongs to itself until it is done.
    call.release()->ask();
  }

  void done(Status status) override {
    std::unique_ptr<RowCall> self(this);
    if (!status) return refuse_it(http_status(status.error().code()), status.error());
    if (asked_.style != RowStyle::kExplain || rows_.rows == 0) return answer();
    // Milliseconds for each row: no loop must wait for it.
    service_.later([call = std::shared_ptr<RowCall>(std::move(self))] { call->explain(); });
  }

 private:
  RowCall(Service& service, SharedExchange exchange, RowRequest request)
      : service_(service), exchange_(std::move(exchange)), asked_(std::move(request)) {}

  void ask() {
    auto model = service_.repository().find(asked_.model, asked_.version);
    if (!model) return done(std::move(model).error());
    model_ = std::move(*model);
    Status read = read_rows();
    if (!read) {
      const std::unique_ptr<RowCall> self(this);
      const Error& error = read.error();
      int status = http_status(error.code());
      if (error.id() == "serve.body_type") status = 415;
      if (error.id() == "infer.too_many_values") status = 413;
      return refuse_it(status, error);
    }
    // No rows is no question.
    if (rows_.rows == 0) return done({});
    request_.model = model_->name();
    request_.version = model_->version();
    service_.infer(model_, request_, response_, *this);
  }

  Status read_rows() {
    const RowPlan* const plan = model_->rows();
    if (plan == nullptr) {
      return fail(Code::kInvalidInput, "serve.no_rows",
                  "model '{}' cannot be asked by rows, since its inputs are no columns: use "
                  "/v2/models/{}/infer",
                  model_->name(), model_->name());
    }
    if (asked_.style == RowStyle::kExplain && model_->explainer() == nullptr) {
      return fail(Code::kNotBuilt, "serve.no_reasons",
                  "model '{}' cannot give reasons: bundles of LightGBM's trees can, and those of a "
                  "linear model that hold native/linear_means.json; package an older one again",
                  model_->name());
    }
    TRY(rows_, rows_of_body(*plan));
    if (asked_.style == RowStyle::kExplain && rows_.rows > kMostExplained) {
      return fail(Code::kInvalidInput, "serve.too_many_rows",
                  "reasons are given for {} rows at most, and here are {}", kMostExplained,
                  rows_.rows);
    }
    std::vector<scoring::Fault> faults;
    plan->fill(rows_, request_, faults);
    if (asked_.style != RowStyle::kMlflow && plan->strict()) {
      for (scoring::Fault& each : rows_.unknown) {
        if (plan->is_key(each.field) || faults.size() >= scoring::kMostFaults) continue;
        each.why += hint_for(*plan, each.field);
        faults.push_back(std::move(each));
      }
    }
    if (faults.empty()) return {};
    std::stable_sort(faults.begin(), faults.end(),
                     [](const auto& one, const auto& other) { return one.row < other.row; });
    faults_ = std::move(faults);
    const scoring::Fault& first = faults_.front();
    return fail(Code::kInvalidInput, "serve.rows_refused", "row {}{}: {}{}", first.row,
                first.field.empty() ? "" : format(", field \"{}\"", shown(first.field)), first.why,
                faults_.size() > 1 ? format(" (and {} more)", faults_.size() - 1) : "");
  }

  static std::string hint_for(const RowPlan& plan, const std::string& field) {
    std::vector<std::string> names;
    for (const auto& each : plan.fields()) names.emplace_back(each.name);
    const std::string hint = did_you_mean(field, names);
    return hint.empty() ? "" : "; " + hint;
  }

  Result<scoring::Rows> rows_of_body(const RowPlan& plan) {
    const std::string_view header = exchange_->header("Content-Type");
    const std::string type = body_type(header);
    const bool is_csv = type == "text/csv";
    const bool is_json =
        type.empty() || type == "application/json" || type == "application/x-www-form-urlencoded";
    if ((!is_csv && !is_json) || is_other_charset(header)) {
      return fail(Code::kInvalidInput, "serve.body_type",
                  "a body of type {} is not taken: application/json or text/csv, in UTF-8",
                  shown(header));
    }
    if (is_csv) return rows_of_csv(exchange_->body(), plan.fields(), request_.arena);
    const auto form =
        asked_.style == RowStyle::kMlflow ? scoring::Form::kMlflow : scoring::Form::kInstances;
    return reader_.read(exchange_->body(), form, plan.fields());
  }

  void explain() {
    const auto question = model_->question(request_, response_.arena);
    auto reasons =
        question ? model_->explainer()->explain(*question) : Result<Json>(question.error());
    if (!reasons) return refuse_it(http_status(reasons.error().code()), reasons.error());
    reasons_ = std::move(*reasons);
    answer();
  }

  void answer() {
    std::string& out = exchange_->answer();
    out = "{";
    if (asked_.style != RowStyle::kMlflow) {
      out += "\"model_name\":";
      add_json_text(out, model_->name());
      out += format(",\"model_version\":\"{}\",", model_->version());
    }
    out += "\"predictions\":";
    const Status written = model_->rows()->write(response_, rows_.rows, out);
    if (!written) {
      out.clear();
      return refuse_it(http_status(written.error().code()), written.error());
    }
    if (asked_.style == RowStyle::kExplain) out += ",\"explanations\":" + reasons_.dump();
    out += '}';
    add_prediction_id(exchange_, response_);
    exchange_->add_header("Content-Type", "application/json");
    finish(exchange_);
  }

  void refuse_it(int status, const Error& error) {
    service_.refused(model_ == nullptr ? std::string_view() : model_->name(), error);
    std::string out;
    if (asked_.style == RowStyle::kMlflow) {
      out = format("{{\"error_code\":\"{}\",\"message\":",
                   status < 500 ? "BAD_REQUEST" : "INTERNAL_ERROR");
      add_json_text(out, error.what());
    } else {
      out = "{\"error\":";
      add_json_text(out, error.what());
    }
    out += format(",\"id\":\"{}\"", error.id());
    if (!faults_.empty()) add_faults(out);
    out += '}';
    send_json(exchange_, status, out);
  }

  void add_faults(std::string& out) const {
    out += ",\"errors\":[";
    for (const scoring::Fault& each : faults_) {
      out += out.back() == '[' ? "" : ",";
      out += format("{{\"row\":{},\"field\":", each.row);
      add_json_text(out, each.field);
      out += ",\"error\":";
      add_json_text(out, each.why);
      out += '}';
    }
    out += ']';
  }

  Service& service_;
  SharedExchange exchange_;
  RowRequest asked_;
  Repository::Model model_;
  scoring::Reader reader_;
  scoring::Rows rows_;
  std::vector<scoring::Fault> faults_;
  Json reasons_ = Json::array();
  records::InferRequest request_;
  records::InferResponse response_;
};

}  // namespace

void ask_rows(Service& service, SharedExchange exchange, RowRequest request) {
  RowCall::begin(service, std::move(exchange), std::move(request));
}

}  // namespace kingpost::steps::serve
