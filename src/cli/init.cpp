// SPDX-License-Identifier: Apache-2.0
// kingpost init.
#include "lifecycle/init/init.h"

#include "base/files.h"
#include "base/text.h"
#include "cli/cli.h"
#include "cli/output.h"

namespace kingpost::cli {

Status init_command(const Arguments& arguments) {
  const std::string out = arguments.out.empty() ? "kingpost.yaml" : arguments.out;
  if (exists(out) && !arguments.overwrite) {
    return fail(Code::kAlreadyExists, "init.file_exists", "\"{}\" is there already", shown(out))
        .hint("name another file with --out, or say --overwrite");
  }
  lifecycle::InitOptions options;
  options.data = arguments.words;
  options.target = arguments.target;
  options.out = out;
  TRY(const std::string text, lifecycle::draft_pipeline(options));
  TRY_STATUS(write_durably(out, text));
  print(text);
  print(format("\nwritten to {}; next: kingpost run {}\n", out, out));
  return {};
}

}  // namespace kingpost::cli
