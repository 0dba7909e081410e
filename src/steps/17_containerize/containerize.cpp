// SPDX-License-Identifier: Apache-2.0
// The recipe: what was registered, built in a folder of the store, its blobs sealed as they are.
#include "steps/17_containerize/containerize.h"

#include <filesystem>

#include "base/digest.h"
#include "base/files.h"
#include "base/text.h"

namespace kingpost::steps::containerize {
namespace {

/// Removed with what is in it.
class Folder {
 public:
  explicit Folder(std::string path) : path_(std::move(path)) {}
  ~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

std::int64_t user_of(const Node& section) {
  const auto number = parse_integer(section.text_at("user"));
  return number ? *number : kUser;
}

class Containerizing {
 public:
  explicit Containerizing(RunContext& context) : context_(context) {}

  Result<Outcome> run() {
    outcome_.output = context_.input;
    TRY(const Json version, json_of(context_, "version.json"));
    const records::File* signature =
        context_.input.find_file(format("bundle/{}", kBundleSignature));
    TRY(const Bundle bundle,
        Bundle::in_store(context_.objects, version["bundle"].text(),
                         signature == nullptr ? std::string() : signature->digest));
    TRY(Request request,
        request_of(context_.section, version["model"].text(), version["version"].integer()));
    TRY(request.serving, serving_of(context_.pipeline.at("serve")));
    TRY(const Programs programs, programs_here());
    const Folder folder(context_.objects.temp_path("image"));
    TRY_STATUS(make_folders(folder.path()));
    TRY(Built built, build_image(bundle, request, programs, folder.path()));
    TRY_STATUS(seal(built.image, folder.path()));
    TRY(records::File lock, seal_bytes(context_, "image.lock.json", built.lock.pretty()));
    outcome_.output.put(std::move(lock));
    outcome_.warnings = std::move(built.warnings);
    std::int64_t bytes = 0;
    for (const oci::Layer& each : built.image.layers) bytes += each.bytes;
    outcome_.counts = {{"layers", static_cast<std::int64_t>(built.image.layers.size())},
                       {"bytes", bytes}};
    outcome_.report = std::move(built.lock);
    return std::move(outcome_);
  }

 private:
  Status seal(const oci::Image& image, const std::string& folder) {
    std::vector<std::string> blobs = image.blobs();
    blobs.push_back(image.digest());
    for (const std::string& each : blobs) {
      TRY_STATUS(put(format("blobs/sha256/{}", each), folder, each));
    }
    TRY_STATUS(put("index.json", folder));
    return put("oci-layout", folder);
  }

  Status put(const std::string& name, const std::string& folder, const std::string& digest = {}) {
    TRY(records::File file,
        seal_file(context_, format("image/{}", name), format("{}/{}", folder, name), digest));
    outcome_.output.put(std::move(file));
    return {};
  }

  RunContext& context_;
  Outcome outcome_;
};

}  // namespace

std::string tagged(const std::string& ref, std::int64_t version) {
  const std::size_t slash = ref.rfind('/');
  const std::size_t from = slash == std::string::npos ? 0 : slash;
  return ref.find(':', from) == std::string::npos ? format("{}:{}", ref, version) : ref;
}

Result<Request> request_of(const Node& section, const std::string& model, std::int64_t version,
                           const std::string& ref) {
  Request out;
  out.model = model;
  out.version = version;
  std::string name = ref;
  if (name.empty() && section.has("ref")) name = section.text_at("ref");
  if (name.empty()) name = default_reference(model, version);
  TRY(out.reference, oci::parse_reference(tagged(name, version)));
  if (section.has("user")) out.user = user_of(section);
  for (const Entry& each : section.map("labels"))
    out.labels.emplace_back(each.key, each.value.text);
  return out;
}

void check(CheckContext& context) {
  if (!context.section.is_null()) {
    const Node& serve = context.pipeline.at("serve");
    const auto serving = serving_of(serve);
    if (!serving) {
      context.faults.add(fault_at(serve.mark, "containerize.ports_unfit", serving.error().what(),
                                  serving.error().hint()));
    }
  }
  if (!context.section.is_map() || !context.section.has("ref")) return;
  const Node& ref = context.section.at("ref");
  const auto parsed = oci::parse_reference(ref.text);
  if (parsed) return;
  context.faults.add(fault_at(ref.mark, "containerize.ref_malformed", parsed.error().what(),
                              parsed.error().hint()));
}

Result<Json> key_parts(KeyContext& context) {
  TRY(const Programs programs, programs_here());
  TRY(const SystemFiles system, system_files(programs, user_of(context.section)));
  TRY(const std::string serve, sha256_of_file(programs.serve));
  TRY(const std::string runtime, sha256_of_file(programs.runtime));
  TRY(const std::string files, system.contents.digest());
  Json out = Json::object().set("program", serve).set("runtime", runtime).set("system", files);
  TRY(const Serving serving, serving_of(context.pipeline.at("serve")));
  Json words = Json::array();
  for (const std::string& each : serving.words) words.push(each);
  return std::move(out.set("serving", std::move(words)));
}

Result<Outcome> run(RunContext& context) {
  return Containerizing(context).run();
}

}  // namespace kingpost::steps::containerize
