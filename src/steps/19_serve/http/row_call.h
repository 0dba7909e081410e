// SPDX-License-Identifier: Apache-2.0
// Rows of named fields asked over HTTP.
#pragma once

#include <string>

#include "steps/19_serve/http/reply.h"
#include "steps/19_serve/service.h"

namespace kingpost::steps::serve {

enum class RowStyle {
  /// KServe's version 1; errors by row and field, and no field may be unknown to a strict model.
  kPredict,
  /// As kPredict, and for each row why: KServe's verb `explain`.
  kExplain,
  /// MLflow's scoring server: its forms, its errors; further fields are ignored.
  kMlflow,
};

struct RowRequest {
  std::string model;
  /// Empty: the newest.
  std::string version;
  RowStyle style = RowStyle::kPredict;
};

/// Bodies are JSON or CSV with names in the first record. Refuses with `serve.no_rows`,
/// `serve.rows_refused`, `serve.body_type`,
/// `serve.no_reasons`, `serve.too_many_rows` and as scoring::Reader and Service::infer do.
void ask_rows(Service& service, SharedExchange exchange, RowRequest request);

}  // namespace kingpost::steps::serve
