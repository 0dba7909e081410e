// SPDX-License-Identifier: Apache-2.0
#include "cli/serve/unpacked.h"

#include <filesystem>

#include "base/files.h"
#include "base/text.h"
#include "steps/19_serve/serve.h"

namespace kingpost::cli {

Result<std::string> unpacked(const steps::Bundle& bundle, const std::string& store) {
  const std::string folder = resolve_path(store, "serving/" + bundle.digest());
  const auto there = steps::Bundle::in_folder(folder);
  if (there && there->digest() == bundle.digest() && there->verify()) return folder;
  std::error_code fault;
  std::filesystem::remove_all(folder, fault);
  TRY_STATUS(make_folders(parent_of(folder)));
  TRY_STATUS(bundle.write_to(folder));
  return folder;
}

std::vector<std::string> serve_words(const lifecycle::Pipeline& pipeline) {
  std::vector<std::string> out = steps::serve::command_words(pipeline.section("serve"));
  for (std::size_t i = 0; i + 1 < out.size(); i += 2) {
    const bool is_path = out[i] == "--api-keys" || out[i] == "--request-log" ||
                         out[i] == "--access-log" || starts_with(out[i], "--tls-");
    if (is_path) out[i + 1] = resolve_path(pipeline.settings.folder, out[i + 1]);
  }
  return out;
}

}  // namespace kingpost::cli
