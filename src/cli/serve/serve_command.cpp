// SPDX-License-Identifier: Apache-2.0
// kingpost serve: registered models, given to kingpost-serve.
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <set>

#include "base/files.h"
#include "base/text.h"
#include "cli/cli.h"
#include "cli/load.h"
#include "cli/output.h"
#include "cli/serve/unpacked.h"
#include "steps/bundle.h"

namespace kingpost::cli {
namespace {

// Of a model without the alias champion, the newest version.
Result<std::vector<std::string>> all_models(store::Registry& registry) {
  TRY(const auto models, registry.models());
  std::vector<std::string> out;
  for (const auto& each : models) out.push_back(each.name);
  if (out.empty()) {
    return fail(Code::kNotFound, "serve.nothing_registered", "no model is registered here")
        .hint("`kingpost run` registers the winner; or name a bundle's folder as NAME=PATH");
  }
  return out;
}

class Words {
 public:
  Words(const Arguments& arguments) : arguments_(arguments) {}

  Result<std::vector<std::string>> make() {
    words_ = {program_folder() + "/kingpost-serve"};
    TRY_STATUS(take_settings());
    TRY_STATUS(take_models());
    // Of an option that stands twice the last counts.
    if (arguments_.port >= 0) add("--http", format("{}", arguments_.port));
    if (arguments_.grpc_port >= 0) add("--grpc", format("{}", arguments_.grpc_port));
    if (!arguments_.address.empty()) add("--address", arguments_.address);
    if (arguments_.threads > 0) add("--threads", format("{}", arguments_.threads));
    for (const std::string& each : arguments_.keys) add("--trust", each);
    return std::move(words_);
  }

 private:
  void add(std::string option, std::string value) {
    words_.push_back(std::move(option));
    words_.push_back(std::move(value));
  }

  // What is said in the pipeline file, where there is one.
  Status take_settings() {
    const auto file = lifecycle::find_pipeline_file(arguments_.file);
    const bool is_none = !file && file.error().id() == "file.pipeline_missing";
    if (is_none && file_option(arguments_).empty()) return {};
    TRY(const auto pipeline, load(arguments_));
    const std::vector<std::string> said = serve_words(pipeline);
    for (std::size_t i = 0; i + 1 < said.size(); i += 2) {
      // Of several keys each counts, so that those of the file would be trusted too.
      if (said[i] != "--trust" || arguments_.keys.empty()) add(said[i], said[i + 1]);
    }
    return {};
  }

  Status take_models() {
    std::vector<std::string> names = arguments_.words;
    std::vector<std::string> stored;
    for (const std::string& each : names) {
      if (each.find('=') == std::string::npos) {
        stored.push_back(each);
      } else {
        add("--model", each);
      }
    }
    if (!names.empty() && stored.empty()) return {};
    TRY(auto store, open_store(arguments_));
    store::Registry& registry = store.journal->registry();
    if (names.empty()) {
      TRY(stored, all_models(registry));
    }
    std::set<std::string> taken;
    for (const std::string& each : stored) {
      TRY(const auto version, registry.resolve(each));
      // Two aliases may stand for one version.
      const std::string name = format("{}/{}", version.model, version.version);
      if (!taken.insert(name).second) continue;
      TRY(const auto bundle, steps::Bundle::of_version(store.objects, version));
      TRY(const std::string folder, unpacked(bundle, store.objects.folder()));
      add("--model", format("{}={}", name, folder));
    }
    return {};
  }

  const Arguments& arguments_;
  std::vector<std::string> words_;
};

}  // namespace

Status serve_command(const Arguments& arguments) {
  TRY(std::vector<std::string> words, Words(arguments).make());
  std::vector<char*> line;
  for (std::string& each : words) line.push_back(each.data());
  line.push_back(nullptr);
  ::execv(line[0], line.data());
  return fail(Code::kNotFound, "serve.program_missing", "{} cannot be started: {}",
              shown(words[0], 200), std::strerror(errno))
      .hint("it is built and installed beside kingpost");
}

}  // namespace kingpost::cli
