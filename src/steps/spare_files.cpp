// SPDX-License-Identifier: Apache-2.0
#include "steps/spare_files.h"

#include <fnmatch.h>

#include <filesystem>

#include "base/environment.h"
#include "base/files.h"
#include "base/text.h"

namespace kingpost::steps {
namespace {

// With links followed, as far as it is there.
std::string real_path(const std::string& path) {
  std::error_code fault;
  const auto out = std::filesystem::weakly_canonical(path, fault);
  return fault ? path : out.string();
}

bool is_within(const std::string& path, const std::string& folder) {
  return starts_with(real_path(absolute_path(path)), real_path(folder) + "/");
}

class Looking {
 public:
  Looking(std::string_view id, const Settings& settings, std::string path)
      : id_(id), settings_(settings), path_(std::move(path)) {}

  Error taken(std::string_view what) const {
    return fail(Code::kInvalidInput, id_, "\"{}\" {}", shown(path_, 200), what)
        .hint("give it a name of its own, so that nothing is lost");
  }

  Status look(const Node& node, std::string_view key) const {
    const std::string file = node.mark.source == nullptr ? "" : node.mark.source->name();
    if (!file.empty() && same_file(file, path_)) {
      return taken("is a file that the pipeline is written in");
    }
    if (node.is_scalar()) TRY_STATUS(look_at_text(node, key, file));
    for (const Node& item : node.items) TRY_STATUS(look(item, key));
    for (const Entry& entry : node.entries) TRY_STATUS(look(entry.value, entry.key));
    return {};
  }

 private:
  // A path counts from the folder of the file that it is written in, or that of the pipeline.
  Status look_at_text(const Node& node, std::string_view key, const std::string& file) const {
    constexpr std::size_t kLongestPath = 4096;
    const auto text = with_environment(node.text, id_);
    if (!text || text->empty() || text->size() > kLongestPath) return {};
    for (const std::string& folder : {settings_.folder, parent_of(absolute_path(file))}) {
      const std::string named = resolve_path(folder, *text);
      if (named == path_ || same_file(named, path_)) {
        return taken("is named elsewhere in the pipeline");
      }
      const bool is_pattern = key == "path" && has_glob(*text);
      if (is_pattern && ::fnmatch(named.c_str(), path_.c_str(), FNM_PATHNAME | FNM_PERIOD) == 0) {
        return taken(format("would be read as \"{}\" by the next run", shown(*text, 100)));
      }
    }
    return {};
  }

  std::string_view id_;
  const Settings& settings_;
  const std::string path_;
};

}  // namespace

Status spare_files(std::string_view id, const Node& pipeline, const Settings& settings,
                   const std::string& path, std::string_view but) {
  const Looking looking(id, settings, absolute_path(path));
  const std::string objects = resolve_path(settings.folder, pipeline.text_at("artifacts"));
  for (const std::string& store : {resolve_path(settings.folder, ".kingpost"), objects}) {
    if (is_within(path, store)) return looking.taken("lies in the store");
  }
  for (const Entry& entry : pipeline.entries) {
    if (entry.key != but) TRY_STATUS(looking.look(entry.value, entry.key));
  }
  return {};
}

}  // namespace kingpost::steps
