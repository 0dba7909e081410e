// SPDX-License-Identifier: Apache-2.0
#include "steps/18_deploy/naming.h"

#include <algorithm>
#include <array>

#include "base/text.h"
#include "engines/archive/coding.h"
#include "engines/http/path.h"

namespace kingpost::steps::deploy {
namespace {

// A message begins with model and version, whoever writes it, and is looked at before anybody has
// looked at its key: that must cost next to nothing.
constexpr std::size_t kBeginning = std::size_t{4} << 10;

bool names_model(std::string_view path) {
  constexpr std::string_view kService = "/inference.GRPCInferenceService/";
  constexpr std::array<std::string_view, 6> kMethods = {"ModelInfer",  "ModelStreamInfer",
                                                        "ModelReady",  "ModelMetadata",
                                                        "ModelConfig", "ModelStatistics"};
  return starts_with(path, kService) && std::find(kMethods.begin(), kMethods.end(),
                                                  path.substr(kService.size())) != kMethods.end();
}

}  // namespace

Named named_by(std::string_view target) {
  auto parts = http::parts_of(target.substr(0, target.find('?')));
  const bool names = parts && parts->size() > 4 && ((*parts)[0] == "v2" || (*parts)[0] == "v1") &&
                     (*parts)[1] == "models" && (*parts)[3] == "versions";
  if (!names) return {};
  std::string& version = (*parts)[4];
  // Of version 1 the verb stands behind it.
  if ((*parts)[0] == "v1") version.resize(std::min(version.find(':'), version.size()));
  return {std::move((*parts)[2]), std::move(version)};
}

Named named_by(const grpc::Head& head, const std::vector<grpc::Message>& messages) {
  if (messages.empty() || !names_model(head.path)) return {};
  const grpc::Message& first = messages.front();
  using open_inference::peek_named_model;
  if (!first.is_compressed) {
    return peek_named_model(std::string_view(first.bytes).substr(0, kBeginning));
  }
  const auto coding = archive::coding_of(head.encoding);
  if (!coding) return {};
  return peek_named_model(archive::decompress_beginning(first.bytes, *coding, kBeginning));
}

}  // namespace kingpost::steps::deploy
