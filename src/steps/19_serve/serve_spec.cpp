// SPDX-License-Identifier: Apache-2.0
// The keys of the section `serve`.
#include "base/clock.h"
#include "base/format.h"
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
            tls(),
            log(),
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

std::vector<std::string> command_words(const Node& section) {
  std::vector<std::string> out;
  // What is not said is left to kingpost-serve, whose defaults are the same.
  const auto text = [&](const char* option, const Node& from, std::string_view key) {
    if (from.has(key)) out.insert(out.end(), {option, from.text_at(key)});
  };
  const auto number = [&](const char* option, const Node& from, std::string_view key) {
    if (from.has(key)) out.insert(out.end(), {option, format("{}", from.integer(key))});
  };
  const auto duration = [&](const char* option, const Node& from, std::string_view key) {
    if (from.has(key)) out.insert(out.end(), {option, duration_text(from.integer(key))});
  };
  text("--address", section, "address");
  number("--http", section, "http");
  number("--grpc", section, "grpc");
  number("--threads", section, "threads");
  number("--batch-rows", section.at("batching"), "max_rows");
  duration("--batch-delay", section.at("batching"), "max_delay");
  number("--queue-rows", section, "queue_rows");
  duration("--timeout", section, "timeout");
  duration("--drain", section, "drain");
  text("--api-keys", section, "api_keys");
  text("--access-log", section, "access_log");
  text("--tls-certificate", section.at("tls"), "certificate");
  text("--tls-key", section.at("tls"), "key");
  text("--tls-client-authorities", section.at("tls"), "client_authorities");
  const Node& kept = section.at("log");
  text("--request-log", kept, "folder");
  if (kept.has("share")) {
    out.insert(out.end(), {"--log-share", format("{}", kept.number("share"))});
  }
  number("--log-bytes", kept, "bytes");
  duration("--log-time", kept, "time");
  return out;
}

}  // namespace kingpost::steps::serve
