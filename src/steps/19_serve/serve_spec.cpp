// SPDX-License-Identifier: Apache-2.0
// The keys of the section `serve`.
#include "steps/19_serve/serve.h"
#include "steps/listening_spec.h"

namespace kingpost::steps::serve {
namespace {

Field batching() {
  return object_of({.name = "batching", .doc = "requests of several clients asked together"},
                   {.fields = {{.name = "max_rows",
                                .kind = FieldKind::kInteger,
                                .doc = "so many rows together at most",
                                .fallback = "256",
                                .least = 1},
                               {.name = "max_delay",
                                .kind = FieldKind::kDuration,
                                .doc = "so long the first waits for others; 0: what waits anyhow "
                                       "is taken together",
                                .fallback = "0",
                                .least = 0}}});
}

Field tls() {
  return object_of(
      {.name = "tls", .doc = "TLS for HTTP and gRPC"},
      {.fields = {{.name = "certificate",
                   .kind = FieldKind::kPath,
                   .doc = "PEM file: the certificate, then those that lead to a known authority"},
                  {.name = "key", .kind = FieldKind::kPath, .doc = "PEM file of its private key"},
                  {.name = "client_authorities",
                   .kind = FieldKind::kPath,
                   .doc = "PEM file: clients must show a certificate of these"}}});
}

Field log() {
  return object_of(
      {.name = "log", .doc = "what was asked and answered, for monitoring and for labels"},
      {.fields = {{.name = "folder",
                   .kind = FieldKind::kPath,
                   .doc = "where the Parquet files go",
                   .required = true},
                  {.name = "share",
                   .kind = FieldKind::kNumber,
                   .doc = "of the requests that are kept",
                   .fallback = "1",
                   .least = 0,
                   .most = 1},
                  {.name = "bytes",
                   .kind = FieldKind::kInteger,
                   .doc = "a file is ended when it is so large",
                   .fallback = "67108864",
                   .least = 1},
                  {.name = "time",
                   .kind = FieldKind::kDuration,
                   .doc = "a file is ended when it is so old",
                   .fallback = "10m",
                   .least = 0}}});
}

}  // namespace

const Field& spec() {
  static const Field field = [] {
    Shape top{
        .fields = {
            address_field(),
            port_field("port of HTTP/1.1; 0 is any that is free"),
            grpc_field("port of gRPC; 0 is any that is free; default: none"),
            {.name = "threads",
             .kind = FieldKind::kInteger,
             .doc = "0: as many as the machine has cores",
             .fallback = "0",
             .least = 0,
             .most = 1024},
            batching(),
            {.name = "queue_rows",
             .kind = FieldKind::kInteger,
             .doc = "so many rows of a model may wait; more are refused with 503",
             .fallback = "100000",
             .least = 1},
            {.name = "timeout",
             .kind = FieldKind::kDuration,
             .doc = "a request that waits longer is refused, unless it says so itself; 0: never",
             .fallback = "0",
             .least = 0},
            {.name = "access_log",
             .kind = FieldKind::kPath,
             .doc = "file for a line of JSON for each answer of HTTP and call of gRPC"},
            {.name = "api_keys",
             .kind = FieldKind::kPath,
             .doc = "file of the keys that clients must send; without it everybody may ask"},
            list_of({.name = "trust",
                     .doc = "public keys, of which one must have signed each bundle",
                     .least = 1},
                    {.kind = FieldKind::kPath}),
            tls(),
            log(),
            {.name = "busy_poll",
             .kind = FieldKind::kDuration,
             .doc = "how long a thread of a quick client looks for the next request before it "
                    "sleeps; 0: never",
             .fallback = "50us",
             .least = 0},
            {.name = "drain",
             .kind = FieldKind::kDuration,
             .doc = "how long requests are still taken after SIGTERM",
             .fallback = "5s",
             .least = 0},
        }};
    return object_of({.name = "serve", .doc = "19: Open Inference Protocol, rows, metrics"},
                     std::move(top));
  }();
  return field;
}

}  // namespace kingpost::steps::serve
