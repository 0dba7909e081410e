// SPDX-License-Identifier: Apache-2.0
#include "steps/17_containerize/build.h"

#include <algorithm>
#include <filesystem>

#include "base/text.h"
#include "base/version.h"
#include "steps/17_containerize/packages.h"

namespace kingpost::steps::containerize {
namespace {

constexpr std::string_view kHome = "opt/kingpost";
constexpr std::size_t kLongestModel = 128;

class Building {
 public:
  Building(const Bundle& bundle, const Request& request, const std::string& folder)
      : bundle_(bundle), request_(request), folder_(folder) {}

  Result<Built> run(const Programs& programs) {
    TRY_STATUS(check_model(request_.model));
    TRY_STATUS(bundle_.verify());
    TRY(SystemFiles system, system_files(programs, request_.user));
    out_.warnings = std::move(system.warnings);
    const std::vector<std::string>& notes = request_.serving.notes;
    out_.warnings.insert(out_.warnings.end(), notes.begin(), notes.end());
    packages_ = packages_of(system.sources);
    system.contents.bytes("usr/share/kingpost/packages.json", to_json(packages_).pretty());
    Contents runtime;
    runtime.program(format("{}/lib/libonnxruntime.so.1", kHome), programs.runtime);
    Contents serve;
    serve.program(format("{}/bin/kingpost-serve", kHome), programs.serve);
    TRY_STATUS(add_layer("system files", system.contents));
    TRY_STATUS(add_layer("ONNX Runtime", runtime));
    TRY_STATUS(add_layer("kingpost-serve", serve));
    TRY_STATUS(add_bundle());
    out_.image = oci::make_image(std::move(layers_), start());
    TRY_STATUS(oci::write_layout(out_.image, request_.reference, folder_));
    out_.lock = lock();
    return std::move(out_);
  }

 private:
  std::string models_folder() const {
    return format("models/{}/{}", request_.model, request_.version);
  }

  Status add_layer(const std::string& title, const Contents& contents) {
    TRY(oci::Layer layer, write_layer(title, contents, folder_));
    layers_.push_back(std::move(layer));
    return {};
  }

  Status add_bundle() {
    Contents contents;
    const std::string folder = models_folder();
    contents.bytes(format("{}/{}", folder, kBundleSums), bundle_.sums());
    if (!bundle_.signature().empty()) {
      contents.bytes(format("{}/{}", folder, kBundleSignature), bundle_.signature());
    }
    for (const Bundle::File& file : bundle_.files()) {
      // Checked against its digest as it is read.
      TRY(std::string bytes, bundle_.bytes(file.name));
      contents.bytes(format("{}/{}", folder, file.name), std::move(bytes));
    }
    return add_layer(format("{}, version {}", request_.model, request_.version), contents);
  }

  std::vector<std::pair<std::string, std::string>> labels() const {
    std::vector<std::string> packages;
    for (const Package& each : packages_) {
      packages.push_back(format("{}={}", each.name, each.version));
    }
    std::vector<std::pair<std::string, std::string>> out = request_.labels;
    const std::string number = format("{}", request_.version);
    out.emplace_back("org.opencontainers.image.title", request_.model);
    out.emplace_back("org.opencontainers.image.version", number);
    out.emplace_back("io.kingpost.model", request_.model);
    out.emplace_back("io.kingpost.version", number);
    out.emplace_back("io.kingpost.bundle", bundle_.digest());
    out.emplace_back("io.kingpost.program", std::string(kingpost_version()));
    out.emplace_back("io.kingpost.packages", join(packages, ", "));
    return out;
  }

  oci::Start start() const {
    oci::Start out;
    out.user = format("{0}:{0}", request_.user);
    out.entrypoint = {format("/{}/bin/kingpost-serve", kHome)};
    const std::vector<std::string>& words = request_.serving.words;
    out.entrypoint.insert(out.entrypoint.end(), words.begin(), words.end());
    out.entrypoint.emplace_back("--model");
    out.entrypoint.push_back(
        format("{0}/{1}=/{2}", request_.model, request_.version, models_folder()));
    out.environment = {format("PATH=/{}/bin", kHome), format("KINGPOST_DRIVERS=/{}/lib", kHome),
                       "SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt"};
    out.ports = request_.serving.ports;
    out.labels = labels();
    return out;
  }

  Json lock() const {
    Json layers = Json::array();
    for (const oci::Layer& each : out_.image.layers) {
      layers.push(Json::object()
                      .set("what", each.title)
                      .set("digest", format("sha256:{}", each.digest))
                      .set("diff_id", format("sha256:{}", each.diff_id))
                      .set("bytes", each.bytes));
    }
    return Json::object()
        .set("image", format("sha256:{}", out_.image.digest()))
        .set("ref", request_.reference.text)
        .set("model", request_.model)
        .set("version", request_.version)
        .set("bundle", bundle_.digest())
        .set("kingpost", kingpost_version())
        .set("layers", std::move(layers))
        .set("packages", to_json(packages_));
  }

  const Bundle& bundle_;
  const Request& request_;
  const std::string& folder_;
  std::vector<oci::Layer> layers_;
  std::vector<Package> packages_;
  Built out_;
};

}  // namespace

std::string default_reference(const std::string& model, std::int64_t version) {
  return format("kingpost/{}:{}", oci::reference_word(model), version);
}

Status check_model(const std::string& model) {
  const bool plain = std::all_of(model.begin(), model.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte < 0x80 && (std::isalnum(byte) != 0 || c == '_' || c == '-' || c == '.');
  });
  if (plain && !model.empty() && model.size() <= kLongestModel && model.front() != '.' &&
      model.front() != '-') {
    return {};
  }
  return fail(Code::kInvalidInput, "containerize.name_unfit",
              "the model \"{}\" has a name that no folder of an image can have", shown(model))
      .hint(
          "letters, digits, _, - and . make such a name; `kingpost package` writes the bundle "
          "as a folder of any name");
}

Status check_links(const Bundle& bundle, const std::string& folder) {
  const auto refuse = [](const std::string& path) {
    return fail(Code::kInvalidInput, "containerize.link_refused",
                "{} is a symbolic link; an image takes files alone", shown(path, 200))
        .hint("put the file itself in its place");
  };
  std::vector<std::string> names{std::string(kBundleSums), std::string(kBundleSignature)};
  for (const Bundle::File& file : bundle.files()) names.push_back(file.name);
  for (const std::string& name : names) {
    std::string path = folder;
    for (const std::string& part : split(name, '/')) {
      path += "/" + part;
      std::error_code fault;
      if (std::filesystem::is_symlink(path, fault)) return refuse(path);
    }
  }
  return {};
}

Result<Built> build_image(const Bundle& bundle, const Request& request, const Programs& programs,
                          const std::string& folder) {
  return Building(bundle, request, folder).run(programs);
}

}  // namespace kingpost::steps::containerize
