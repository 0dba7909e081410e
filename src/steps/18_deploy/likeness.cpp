// SPDX-License-Identifier: Apache-2.0
#include "steps/18_deploy/likeness.h"

#include <algorithm>
#include <array>
#include <optional>

#include "base/text.h"
#include "engines/archive/coding.h"
#include "protocols/open_inference/grpc_infer.h"

namespace kingpost::steps::deploy {
namespace {

std::string_view header_of(const http::ClientAnswer& answer, std::string_view name) {
  for (const auto& [key, value] : answer.headers) {
    if (lower(key) == name) return value;
  }
  return {};
}

// Nothing where it is not known, or too large.
std::optional<std::string> plain_of(std::string_view bytes, std::string_view word) {
  const auto coding = archive::coding_of(word);
  if (!coding || bytes.size() > kMostCompared) return std::nullopt;
  if (*coding == archive::Coding::kIdentity) return std::string(bytes);
  auto plain = archive::decompress(bytes, *coding, kMostCompared);
  if (!plain) return std::nullopt;
  return std::move(*plain);
}

// In a text of JSON the quotes that are part of another text have a backslash before them, so that
// nothing else looks like the key.
void cut_version(std::string& text, std::size_t head) {
  constexpr std::string_view kKey = R"("model_version":")";
  const std::size_t at = std::string_view(text).substr(0, head).find(kKey);
  if (at == std::string::npos) return;
  std::size_t end = at + kKey.size();
  while (end < text.size() && text[end] != '"') end += text[end] == '\\' ? 2 : 1;
  text.erase(at, std::min(end, text.size()) - at);
}

// What is behind the head are raw tensors, whose bytes may look like anything.
std::optional<std::string> said_by(const http::ClientAnswer& answer) {
  auto out = plain_of(answer.body, header_of(answer, "content-encoding"));
  if (!out) return out;
  const auto head = parse_integer(header_of(answer, "inference-header-content-length"));
  cut_version(*out, head ? static_cast<std::size_t>(*head) : out->size());
  return out;
}

std::optional<std::string> said_by(const grpc::Head& asked, const grpc::Message& message) {
  auto plain = plain_of(message.bytes, message.is_compressed ? asked.encoding : "");
  if (!plain) return plain;
  auto alone = open_inference::grpc_answer_alone(*plain, asked.path == kStreamPath);
  return alone ? std::move(alone) : std::move(plain);
}

Likeness likeness_of(const std::optional<std::string>& one,
                     const std::optional<std::string>& other) {
  if (!one || !other) return Likeness::kUnknown;
  return *one == *other ? Likeness::kSame : Likeness::kDifferent;
}

}  // namespace

Likeness likeness_of(const http::ClientAnswer& one, const http::ClientAnswer& other) {
  if (one.body == other.body) return Likeness::kSame;
  return likeness_of(said_by(one), said_by(other));
}

Likeness likeness_of(const grpc::Head& asked, const std::vector<grpc::Message>& one,
                     const std::vector<grpc::Message>& other) {
  if (one.size() != other.size()) return Likeness::kDifferent;
  if (bytes_of(one) > kMostCompared || bytes_of(other) > kMostCompared) return Likeness::kUnknown;
  Likeness out = Likeness::kSame;
  for (std::size_t i = 0; i < one.size() && out == Likeness::kSame; ++i) {
    out = likeness_of(said_by(asked, one[i]), said_by(asked, other[i]));
  }
  return out;
}

std::size_t bytes_of(const std::vector<grpc::Message>& messages) {
  std::size_t out = 0;
  for (const grpc::Message& each : messages) out += each.bytes.size();
  return out;
}

bool asks_model(std::string_view method, std::string_view target) {
  constexpr std::array<std::string_view, 5> kEnds = {"/infer", ":predict", ":explain", "/invoke",
                                                     "/invocations"};
  const std::string_view path = target.substr(0, target.find('?'));
  return method == "POST" && std::any_of(kEnds.begin(), kEnds.end(),
                                         [&](std::string_view end) { return path.ends_with(end); });
}

bool asks_model(const grpc::Head& head) {
  return head.path == kStreamPath || head.path == "/inference.GRPCInferenceService/ModelInfer";
}

}  // namespace kingpost::steps::deploy
