// SPDX-License-Identifier: Apache-2.0
// kingpost containerize: one version of a model, or a bundle's folder, as an image.
#include <unistd.h>

#include <filesystem>
#include <optional>

#include "base/files.h"
#include "base/new_file.h"
#include "base/scratch.h"
#include "base/text.h"
#include "cli/cli.h"
#include "cli/load.h"
#include "cli/output.h"
#include "steps/17_containerize/containerize.h"

namespace kingpost::cli {
namespace {

namespace image = steps::containerize;
using steps::Bundle;

/// Where the layout is built: beside the folder that it becomes, so that a rename is enough.
class Layout {
 public:
  explicit Layout(std::string path) : path_(std::move(path)) {
    remove_abandoned(path_, "part");
    temporary_ = format("{}.{}.part", path_, ::getpid());
    clear();
  }
  ~Layout() { clear(); }
  Layout(const Layout&) = delete;
  Layout& operator=(const Layout&) = delete;

  const std::string& temporary() const { return temporary_; }

  Status keep() {
    for (const auto& each : std::filesystem::recursive_directory_iterator(temporary_)) {
      if (each.is_regular_file()) TRY_STATUS(sync_file(each.path().string()));
    }
    // Only an empty folder gives way to a rename.
    TRY_STATUS(rename_file(temporary_, path_));
    return sync_folder(parent_of(path_));
  }

 private:
  void clear() const {
    std::error_code ignored;
    std::filesystem::remove_all(temporary_, ignored);
  }

  std::string path_;
  std::string temporary_;
};

class Making {
 public:
  explicit Making(const Arguments& arguments) : arguments_(arguments) {}

  Status run() {
    TRY_STATUS(check_places());
    TRY_STATUS(take_section());
    TRY_STATUS(take_bundle());
    TRY(const image::Programs programs, image::programs_here());
    TRY_STATUS(open_folder());
    TRY(built_, image::build_image(*bundle_, request_, programs, folder_));
    if (!arguments_.archive.empty()) {
      const std::string path = absolute_path(arguments_.archive);
      TRY_STATUS(oci::write_archive(built_.image, request_.reference, folder_, path));
      TRY_STATUS(write_durably(path + ".lock.json", built_.lock.pretty()));
    }
    if (layout_) {
      TRY_STATUS(layout_->keep());
      TRY_STATUS(write_durably(out_ + ".lock.json", built_.lock.pretty()));
    }
    say();
    return {};
  }

 private:
  // Before any work is done.
  Status check_places() {
    if (!arguments_.archive.empty()) {
      TRY_STATUS(NewFile(absolute_path(arguments_.archive)).check());
    }
    if (arguments_.out.empty()) return {};
    out_ = absolute_path(arguments_.out);
    const bool empty = is_folder(out_) && entries_of(out_).empty();
    if (exists(out_) && !empty) {
      return fail(Code::kAlreadyExists, "containerize.folder_taken", "{} is there already",
                  shown(arguments_.out, 200))
          .hint("name a new folder for --out");
    }
    return make_folders(parent_of(out_));
  }

  Status take_section() {
    const auto file = lifecycle::find_pipeline_file(arguments_.file);
    if (!file && file.error().id() == "file.pipeline_missing" && arguments_.file.empty()) {
      return {};
    }
    TRY(const auto pipeline, load(arguments_));
    section_ = pipeline.section("containerize");
    return {};
  }

  Status take_bundle() {
    const std::string& word = arguments_.words.at(0);
    std::string model;
    std::int64_t version = 1;
    if (is_folder(word)) {
      TRY(bundle_, Bundle::in_folder(word));
      TRY_STATUS(image::check_links(*bundle_, word));
      model = name_of(absolute_path(word));
    } else {
      TRY(auto store, open_store(arguments_));
      TRY(const auto found, store.journal->registry().resolve(word));
      TRY(bundle_, Bundle::in_store(store.objects, found.bundle));
      model = found.model;
      version = found.version;
    }
    TRY(request_, image::request_of(section_, model, version, arguments_.ref));
    if (out_.empty() && arguments_.archive.empty()) {
      out_ = absolute_path(format("{}-{}.image", model, version));
      if (exists(out_)) {
        return fail(Code::kAlreadyExists, "containerize.folder_taken", "{} is there already",
                    shown(out_, 200))
            .hint("name a new folder by --out");
      }
    }
    return {};
  }

  Status open_folder() {
    if (!out_.empty()) {
      layout_.emplace(out_);
      folder_ = layout_->temporary();
      return make_folders(folder_);
    }
    TRY(auto scratch, Scratch::make("containerize"));
    scratch_.emplace(std::move(scratch));
    folder_ = scratch_->path();
    return {};
  }

  void say() const {
    for (const std::string& each : built_.warnings) print_error(format("warning: {}\n", each));
    if (arguments_.json) {
      print(built_.lock.pretty());
      return;
    }
    std::vector<std::vector<std::string>> lines;
    std::int64_t bytes = 0;
    for (const oci::Layer& each : built_.image.layers) {
      lines.push_back({each.title, human_bytes(each.bytes), each.digest.substr(0, 12)});
      bytes += each.bytes;
    }
    print(table_text({"layer", "packed", "sha256"}, lines));
    print(format("{}, {} packed\nsha256:{}\n", request_.reference.text, human_bytes(bytes),
                 built_.image.digest()));
    if (layout_) print(format("written to {}\n", out_));
    if (!arguments_.archive.empty()) print(format("written to {}\n", arguments_.archive));
  }

  const Arguments& arguments_;
  Node section_;
  std::optional<Bundle> bundle_;
  image::Request request_;
  std::string out_;
  std::optional<Layout> layout_;
  std::optional<Scratch> scratch_;
  std::string folder_;
  image::Built built_;
};

}  // namespace

Status containerize_command(const Arguments& arguments) {
  return Making(arguments).run();
}

}  // namespace kingpost::cli
