// SPDX-License-Identifier: Apache-2.0
#include "steps/serve_options.h"

#include <array>

#include "base/clock.h"
#include "base/format.h"

namespace kingpost::steps {
namespace {

enum class Form : std::uint8_t { kText, kInteger, kNumber, kDuration };

struct Row {
  /// The object that the key stands in; empty for the section itself.
  std::string_view object;
  std::string_view key;
  std::string_view option;
  Form form = Form::kText;
  ServeOptionKind kind = ServeOptionKind::kPlain;
};

constexpr std::array<Row, 19> kRows = {{
    {"", "address", "--address", Form::kText, ServeOptionKind::kAddress},
    {"", "http", "--http", Form::kInteger, ServeOptionKind::kPort},
    {"", "grpc", "--grpc", Form::kInteger, ServeOptionKind::kPort},
    {"", "threads", "--threads", Form::kInteger},
    {"batching", "max_rows", "--batch-rows", Form::kInteger},
    {"batching", "max_delay", "--batch-delay", Form::kDuration},
    {"", "queue_rows", "--queue-rows", Form::kInteger},
    {"", "timeout", "--timeout", Form::kDuration},
    {"", "drain", "--drain", Form::kDuration},
    {"", "busy_poll", "--busy-poll", Form::kDuration},
    {"", "api_keys", "--api-keys", Form::kText, ServeOptionKind::kSecretFile},
    {"", "access_log", "--access-log", Form::kText, ServeOptionKind::kOutputFile},
    {"tls", "certificate", "--tls-certificate", Form::kText, ServeOptionKind::kSecretFile},
    {"tls", "key", "--tls-key", Form::kText, ServeOptionKind::kSecretFile},
    {"tls", "client_authorities", "--tls-client-authorities", Form::kText,
     ServeOptionKind::kSecretFile},
    {"log", "folder", "--request-log", Form::kText, ServeOptionKind::kOutputFolder},
    {"log", "share", "--log-share", Form::kNumber},
    {"log", "bytes", "--log-bytes", Form::kInteger},
    {"log", "time", "--log-time", Form::kDuration},
}};

std::string value_of(const Node& from, std::string_view key, Form form) {
  switch (form) {
    case Form::kInteger:
      return format("{}", from.integer(key));
    case Form::kNumber:
      return format("{}", from.number(key));
    case Form::kDuration:
      return duration_text(from.integer(key));
    case Form::kText:
      break;
  }
  return from.text_at(key);
}

}  // namespace

std::vector<ServeOption> serve_options(const Node& section) {
  std::vector<ServeOption> out;
  for (const Row& row : kRows) {
    const Node& from = row.object.empty() ? section : section.at(row.object);
    if (!from.has(row.key)) continue;
    const std::string key =
        row.object.empty() ? std::string(row.key) : format("{}.{}", row.object, row.key);
    out.push_back({key, std::string(row.option), value_of(from, row.key, row.form), row.kind,
                   !from.at(row.key).implied});
  }
  std::size_t number = 0;
  for (const std::string& each : section.texts("trust")) {
    out.push_back(
        {format("trust.{}", ++number), "--trust", each, ServeOptionKind::kSecretFile, true});
  }
  return out;
}

}  // namespace kingpost::steps
