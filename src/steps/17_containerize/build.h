// SPDX-License-Identifier: Apache-2.0
// An image of one bundle: four layers, from what changes least to what changes most, so that a new
// version of a model brings one new layer.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "engines/oci/image.h"
#include "steps/17_containerize/serving.h"
#include "steps/17_containerize/system_files.h"
#include "steps/bundle.h"

namespace kingpost::steps::containerize {

inline constexpr std::int64_t kUser = 65532;

struct Request {
  std::string model;
  std::int64_t version = 1;
  oci::Reference reference;
  std::int64_t user = kUser;
  Serving serving;
  /// Beside those that say which model it is.
  std::vector<std::pair<std::string, std::string>> labels;
};

struct Built {
  oci::Image image;
  /// What went in: {image, ref, model, version, bundle, kingpost, layers, packages}. Equal inputs
  /// give equal bytes.
  Json lock;
  std::vector<std::string> warnings;
};

/// kingpost/MODEL:VERSION, in such letters as registries take.
std::string default_reference(const std::string& model, std::int64_t version);

/// Fails with `containerize.name_unfit` for a name that cannot be a folder of the image and a word
/// of a command line.
Status check_model(const std::string& model);
/// Fails with `containerize.link_refused` where a file of the bundle is a symbolic link: what it
/// leads to may lie anywhere.
Status check_links(const Bundle& bundle, const std::string& folder);

/// Leaves an OCI layout in `folder`, which is empty. Fails with those of `system_files`,
/// `containerize.name_unfit`, `bundle.damaged`, or as files do.
Result<Built> build_image(const Bundle& bundle, const Request& request, const Programs& programs,
                          const std::string& folder);

}  // namespace kingpost::steps::containerize
