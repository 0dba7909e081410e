// SPDX-License-Identifier: Apache-2.0
#include "cli/serve/unpacked.h"

#include <filesystem>

#include "base/files.h"
#include "base/new_file.h"
#include "steps/serve_options.h"

namespace kingpost::cli {
namespace {

// Servers may read the folder now: the bundle is the same, and another has signed it.
Status put_signature(const steps::Bundle& bundle, const std::string& folder) {
  const std::string path = resolve_path(folder, std::string(steps::kBundleSignature));
  if (bundle.signature().empty()) return remove_file(path);
  return write_durably(path, bundle.signature());
}

}  // namespace

Result<std::string> unpacked(const steps::Bundle& bundle, const std::string& store) {
  const std::string folder = resolve_path(store, "serving/" + bundle.digest());
  TRY_STATUS(make_folders(parent_of(folder)));
  // Of several at once one unpacks, and none takes away what another hands to its server.
  TRY(const FolderTurn turn, FolderTurn::take(parent_of(folder)));
  const auto there = steps::Bundle::in_folder(folder);
  if (there && there->digest() == bundle.digest() && there->verify()) {
    if (there->signature() != bundle.signature()) TRY_STATUS(put_signature(bundle, folder));
    return folder;
  }
  std::error_code fault;
  std::filesystem::remove_all(folder, fault);
  TRY_STATUS(bundle.write_to(folder));
  return folder;
}

std::vector<std::string> serve_words(const lifecycle::Pipeline& pipeline) {
  using steps::ServeOptionKind;
  std::vector<std::string> out;
  for (steps::ServeOption& each : steps::serve_options(pipeline.section("serve"))) {
    const bool is_path = each.kind == ServeOptionKind::kSecretFile ||
                         each.kind == ServeOptionKind::kOutputFolder ||
                         (each.kind == ServeOptionKind::kOutputFile && each.value != "-");
    out.push_back(std::move(each.name));
    out.push_back(is_path ? resolve_path(pipeline.settings.folder, each.value)
                          : std::move(each.value));
  }
  return out;
}

}  // namespace kingpost::cli
