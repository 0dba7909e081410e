// SPDX-License-Identifier: Apache-2.0
// The keys of the section `deploy`.
#include "steps/18_deploy/deploy.h"
#include "steps/listening_spec.h"

namespace kingpost::steps::deploy {
namespace {

Field shadow() {
  return object_of({.name = "shadow", .doc = "first copies of requests, whose answers nobody gets"},
                   {.fields = {{.name = "percent",
                                .kind = FieldKind::kInteger,
                                .doc = "so many of the requests are copied",
                                .fallback = "100",
                                .least = 1,
                                .most = 100},
                               {.name = "for",
                                .kind = FieldKind::kDuration,
                                .doc = "how long",
                                .fallback = "24h",
                                .least = 0}}});
}

Field guards() {
  return list_of({.name = "rollback_if", .doc = "measures of the new version that end its trial"},
                 object_of({.doc = "a measure, and what it may not be above"},
                           {.fields = {{.name = "metric",
                                        .kind = FieldKind::kChoice,
                                        .doc = "of the new version since the phase began",
                                        .required = true,
                                        .choices = {"error_rate", "p99", "null_rate"}},
                                       {.name = "op",
                                        .kind = FieldKind::kChoice,
                                        .doc = "above",
                                        .fallback = ">",
                                        .choices = {">"}},
                                       {.name = "value",
                                        .kind = FieldKind::kScalar,
                                        .doc = "a share from 0 to 1; a time for p99",
                                        .required = true}}}));
}

}  // namespace

const Field& spec() {
  static const Field field = [] {
    Shape top{.fields = {
                  {.name = "name",
                   .kind = FieldKind::kText,
                   .doc = "of the deployment; default: that of the model"},
                  address_field(),
                  port_field("port that stays, whatever version answers"),
                  grpc_field("the same of gRPC; default: that of serve, or none"),
                  {.name = "blue_green",
                   .kind = FieldKind::kBoolean,
                   .doc = "a new version waits until it is promoted, and the old one stays ready"},
                  shadow(),
                  list_of({.name = "canary", .doc = "shares of the requests in percent, growing"},
                          {.kind = FieldKind::kInteger, .least = 1, .most = 100}),
                  {.name = "bake",
                   .kind = FieldKind::kDuration,
                   .doc = "how long each share of the canary lasts; default: 1h",
                   .least = 0},
                  guards(),
                  {.name = "min_requests",
                   .kind = FieldKind::kInteger,
                   .doc = "rollback_if says nothing before so many requests; default: 50",
                   .least = 1},
              }};
    return object_of({.name = "deploy", .doc = "18: replace, blue and green, shadow, canary"},
                     std::move(top));
  }();
  return field;
}

}  // namespace kingpost::steps::deploy
