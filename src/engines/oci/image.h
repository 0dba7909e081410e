// SPDX-License-Identifier: Apache-2.0
// The JSON documents of an image (OCI image specification 1.0) and the files that hold one: a
// layout, and an archive that both `docker load` and tools for OCI archives take.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/new_file.h"
#include "base/result.h"
#include "engines/oci/reference.h"

namespace kingpost::oci {

inline constexpr std::string_view kManifestType = "application/vnd.oci.image.manifest.v1+json";

struct Layer {
  /// What is in it, for people.
  std::string title;
  /// Hex digests of the bytes as they are stored, and of the tar archive inside.
  std::string digest;
  std::string diff_id;
  std::int64_t bytes = 0;
};

/// How a container is started.
struct Start {
  std::string user;
  std::vector<std::string> entrypoint;
  std::vector<std::string> environment;
  std::vector<std::string> ports;
  std::string folder = "/";
  /// In the order in which they are written.
  std::vector<std::pair<std::string, std::string>> labels;
};

struct Image {
  std::vector<Layer> layers;
  std::string config;
  std::string manifest;

  std::string config_digest() const;
  /// The digest by which registries know the image.
  std::string digest() const;
  /// As blobs are named: "sha256:...", of config and layers, each once.
  std::vector<std::string> blobs() const;
};

/// Equal layers and start give equal bytes.
Image make_image(std::vector<Layer> layers, const Start& start);

/// blobs/sha256/DIGEST below a layout's folder.
std::string blob_path(const std::string& folder, const std::string& digest);
/// Writes all but the layers, which stand there already, and makes it durable. Fails as files do.
Status write_layout(const Image& image, const Reference& reference, const std::string& folder);
/// The layout of `folder` as one file, which is not kept yet.
Status write_archive(const Image& image, const Reference& reference, const std::string& folder,
                     NewFile& out);

}  // namespace kingpost::oci
