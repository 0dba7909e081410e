// SPDX-License-Identifier: Apache-2.0
#include "engines/oci/image.h"

#include <set>

#include "base/digest.h"
#include "base/files.h"
#include "base/json.h"
#include "base/new_file.h"
#include "engines/oci/tar.h"

namespace kingpost::oci {
namespace {

constexpr std::string_view kConfigType = "application/vnd.oci.image.config.v1+json";
constexpr std::string_view kLayerType = "application/vnd.oci.image.layer.v1.tar+gzip";
constexpr std::string_view kIndexType = "application/vnd.oci.image.index.v1+json";
/// The image says nothing of when it was made: it would else be another one each time.
constexpr std::string_view kCreated = "1970-01-01T00:00:00Z";
constexpr std::string_view kLayout = R"({"imageLayoutVersion":"1.0.0"})";

std::string prefixed(std::string_view digest) {
  return format("sha256:{}", digest);
}

Json texts(const std::vector<std::string>& words) {
  Json out = Json::array();
  for (const std::string& word : words) out.push(word);
  return out;
}

Json described(std::string_view type, std::string_view digest, std::int64_t bytes) {
  Json out = Json::object().set("mediaType", type).set("digest", prefixed(digest));
  return std::move(out.set("size", bytes));
}

Json start_json(const Start& start) {
  Json ports = Json::object();
  for (const std::string& port : start.ports) ports.set(port, Json::object());
  Json labels = Json::object();
  for (const auto& [key, value] : start.labels) labels.set(key, value);
  return Json::object()
      .set("User", start.user)
      .set("ExposedPorts", std::move(ports))
      .set("Env", texts(start.environment))
      .set("Entrypoint", texts(start.entrypoint))
      .set("WorkingDir", start.folder)
      .set("Labels", std::move(labels))
      .set("StopSignal", "SIGTERM");
}

std::string config_of(const std::vector<Layer>& layers, const Start& start) {
  Json ids = Json::array();
  Json history = Json::array();
  for (const Layer& layer : layers) {
    ids.push(prefixed(layer.diff_id));
    history.push(Json::object()
                     .set("created", kCreated)
                     .set("created_by", format("kingpost containerize: {}", layer.title)));
  }
  return Json::object()
      .set("created", kCreated)
      .set("architecture", "amd64")
      .set("os", "linux")
      .set("config", start_json(start))
      .set("rootfs", Json::object().set("type", "layers").set("diff_ids", std::move(ids)))
      .set("history", std::move(history))
      .dump();
}

std::string manifest_of(const Image& image, const Start& start) {
  Json layers = Json::array();
  for (const Layer& each : image.layers) {
    layers.push(described(kLayerType, each.digest, each.bytes));
  }
  Json notes = Json::object();
  for (const auto& [key, value] : start.labels) notes.set(key, value);
  return Json::object()
      .set("schemaVersion", 2)
      .set("mediaType", kManifestType)
      .set("config", described(kConfigType, image.config_digest(),
                               static_cast<std::int64_t>(image.config.size())))
      .set("layers", std::move(layers))
      .set("annotations", std::move(notes))
      .dump();
}

std::string index_of(const Image& image, const Reference& reference) {
  Json entry =
      described(kManifestType, image.digest(), static_cast<std::int64_t>(image.manifest.size()));
  entry.set("platform", Json::object().set("architecture", "amd64").set("os", "linux"));
  // Tools look a layout's images up by the tag; others read the whole name.
  entry.set("annotations", Json::object()
                               .set("io.containerd.image.name", reference.text)
                               .set("org.opencontainers.image.ref.name", reference.tag));
  Json entries = Json::array();
  entries.push(std::move(entry));
  return Json::object()
      .set("schemaVersion", 2)
      .set("mediaType", kIndexType)
      .set("manifests", std::move(entries))
      .dump();
}

// What `docker load` reads.
std::string docker_manifest(const Image& image, const Reference& reference) {
  Json layers = Json::array();
  for (const Layer& each : image.layers) layers.push(format("blobs/sha256/{}", each.digest));
  Json tags = Json::array();
  tags.push(reference.text);
  Json entries = Json::array();
  entries.push(Json::object()
                   .set("Config", format("blobs/sha256/{}", image.config_digest()))
                   .set("RepoTags", std::move(tags))
                   .set("Layers", std::move(layers)));
  return entries.dump();
}

}  // namespace

std::string Image::config_digest() const {
  return sha256_of(config);
}

std::string Image::digest() const {
  return sha256_of(manifest);
}

std::vector<std::string> Image::blobs() const {
  std::vector<std::string> out;
  std::set<std::string> seen;
  for (const Layer& layer : layers) {
    if (seen.insert(layer.digest).second) out.push_back(layer.digest);
  }
  out.push_back(config_digest());
  return out;
}

Image make_image(std::vector<Layer> layers, const Start& start) {
  Image out;
  out.layers = std::move(layers);
  out.config = config_of(out.layers, start);
  out.manifest = manifest_of(out, start);
  return out;
}

std::string blob_path(const std::string& folder, const std::string& digest) {
  return format("{}/blobs/sha256/{}", folder, digest);
}

Status write_layout(const Image& image, const Reference& reference, const std::string& folder) {
  TRY_STATUS(make_folders(parent_of(blob_path(folder, ""))));
  TRY_STATUS(write_durably(blob_path(folder, image.config_digest()), image.config));
  TRY_STATUS(write_durably(blob_path(folder, image.digest()), image.manifest));
  TRY_STATUS(write_durably(folder + "/index.json", index_of(image, reference)));
  return write_durably(folder + "/oci-layout", kLayout);
}

Status write_archive(const Image& image, const Reference& reference, const std::string& folder,
                     NewFile& out) {
  Tar tar([&](std::string_view bytes) { return out.write(bytes); });
  TRY_STATUS(tar.folder("blobs", 0755));
  TRY_STATUS(tar.folder("blobs/sha256", 0755));
  std::set<std::string> digests{image.digest()};
  for (const std::string& each : image.blobs()) digests.insert(each);
  for (const std::string& each : digests) {
    TRY_STATUS(tar.file(format("blobs/sha256/{}", each), 0644, blob_path(folder, each)));
  }
  TRY_STATUS(tar.bytes("index.json", 0644, index_of(image, reference)));
  TRY_STATUS(tar.bytes("manifest.json", 0644, docker_manifest(image, reference)));
  TRY_STATUS(tar.bytes("oci-layout", 0644, kLayout));
  return tar.finish();
}

}  // namespace kingpost::oci
