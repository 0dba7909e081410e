// SPDX-License-Identifier: Apache-2.0
// The pipeline file: read, merged (extends, profile, --set), substituted, resolved against the
// field tables of the steps. All faults of a file come in one report.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/spec.h"
#include "steps/step.h"

namespace kingpost::lifecycle {

struct LoadOptions {
  std::string path;
  std::string profile;
  /// `a.b.c=value`, the value in YAML.
  std::vector<std::string> sets;
  /// The last step of the command at hand; sections of unbuilt steps behind it are not looked at.
  /// Empty: all.
  std::string to;
};

struct Pipeline {
  std::string path;
  std::string store_folder;
  std::string objects_folder;
  /// The resolved file: one entry per key of the top table.
  Node root;
  steps::Settings settings;
  /// Sections of steps that are not built. Only a check or run that would come to them is refused.
  std::vector<Error> unbuilt;

  /// The resolved section of a step; a null node when the file has none.
  const Node& section(std::string_view word) const { return root.at(word); }
};

/// Nothing is answered when there was a fault.
std::optional<Pipeline> load_pipeline(const LoadOptions& options, Faults& faults);

/// The field table of the whole file.
const Field& file_spec();

/// `path` as given, or `kingpost.yaml`, or the only *.yaml of this folder that holds a pipeline.
Result<std::string> find_pipeline_file(const std::string& path);

}  // namespace kingpost::lifecycle
