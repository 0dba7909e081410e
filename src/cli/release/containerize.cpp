// SPDX-License-Identifier: Apache-2.0
// kingpost containerize: one version of a model, or a bundle's folder, as an image.
#include <unistd.h>

#include <filesystem>
#include <optional>

#include "base/failpoint.h"
#include "base/files.h"
#include "base/new_file.h"
#include "base/scratch.h"
#include "base/text.h"
#include "cli/cli.h"
#include "cli/load.h"
#include "cli/output.h"
#include "engines/oci/push.h"
#include "steps/17_containerize/containerize.h"
#include "steps/spare_files.h"

namespace kingpost::cli {
namespace {

namespace image = steps::containerize;
using steps::Bundle;

bool is_taken(const std::string& path) {
  return exists(path) && !(is_folder(path) && entries_of(path).empty());
}

Error taken(const std::string& path) {
  return fail(Code::kAlreadyExists, "containerize.folder_taken", "{} is there already",
              shown(path, 200))
      .hint("name a new folder by --out");
}

/// Beside a layout or an archive, and named after it.
std::string lock_of(const std::string& path) {
  return path + ".lock.json";
}

/// Where the layout is built: beside the folder that it becomes, so that a rename is enough.
class Layout {
 public:
  explicit Layout(std::string path) : path_(std::move(path)) {
    remove_abandoned(path_, "part");
    remove_abandoned(lock_of(path_), "part");
    temporary_ = format("{}.{}.part", path_, ::getpid());
    clear();
  }
  ~Layout() { clear(); }
  Layout(const Layout&) = delete;
  Layout& operator=(const Layout&) = delete;

  const std::string& temporary() const { return temporary_; }

  /// With its lock, which has its name an instant before: a layout is never without its own, and
  /// of two at once one is refused and leaves nothing.
  Status keep(NewFile& lock) {
    TRY(const FolderTurn turn, FolderTurn::take(parent_of(path_)));
    if (is_taken(path_)) return taken(path_);
    TRY_STATUS(lock.keep());
    failpoint("containerize_lock_kept");
    // Only an empty folder gives way to a rename.
    if (auto renamed = rename_file(temporary_, path_); !renamed) {
      if (is_taken(path_)) return taken(path_);
      ::unlink(lock_of(path_).c_str());
      return renamed;
    }
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
    TRY_STATUS(hold_options());
    TRY_STATUS(check_places());
    TRY_STATUS(take_section());
    TRY_STATUS(take_bundle());
    TRY(const image::Programs programs, image::programs_here());
    TRY_STATUS(open_folder());
    TRY(built_, image::build_image(*bundle_, request_, programs, folder_));
    if (!archive_.empty()) TRY_STATUS(keep_archive());
    // Before the layout is there: the same command can be repeated where the registry fails.
    TRY_STATUS(push());
    if (layout_) TRY_STATUS(keep_layout());
    say();
    return {};
  }

 private:
  Status hold_options() const {
    const std::string_view option = file_option(arguments_);
    if (arguments_.file.empty() && !option.empty() && is_folder(arguments_.words.at(0))) {
      return refuse("containerize.no_effect", option,
                    "on a bundle's folder, which belongs to no pipeline file unless -f names one");
    }
    if (!arguments_.push.empty()) return {};
    if (arguments_.insecure) {
      return refuse("containerize.no_effect", "--insecure", "without --push");
    }
    if (!arguments_.mount_from.empty()) {
      return refuse("containerize.no_effect", "--mount-from", "without --push");
    }
    return {};
  }

  Status keep_archive() const {
    NewFile archive(archive_);
    NewFile lock(lock_of(archive_));
    TRY_STATUS(oci::write_archive(built_.image, request_.reference, folder_, archive));
    TRY_STATUS(lock.write(built_.lock.pretty()));
    return keep_both(lock, archive);
  }

  Status keep_layout() {
    NewFile lock(lock_of(out_));
    TRY_STATUS(lock.write(built_.lock.pretty()));
    TRY_STATUS(layout_->keep(lock));
    failpoint("containerize_layout_kept");
    return {};
  }

  Status push() {
    if (!target_) return {};
    oci::PushOptions options;
    options.insecure = arguments_.insecure;
    options.mount_from = mount_from_;
    if (!arguments_.json) {
      options.progress = [](const std::string& line) { print(format("sending {}\n", line)); };
    }
    TRY(pushed_, oci::push_image(built_.image, *target_, folder_, options));
    return {};
  }

  // Before any work is done.
  Status check_places() {
    if (!arguments_.archive.empty()) {
      archive_ = absolute_path(arguments_.archive);
      TRY_STATUS(NewFile(archive_).check());
      TRY_STATUS(NewFile(lock_of(archive_)).check());
      TRY_STATUS(check_archive());
    }
    if (arguments_.out.empty()) return {};
    out_ = absolute_path(arguments_.out);
    if (is_taken(out_)) return taken(out_);
    const bool is_one = archive_ == out_ || archive_ == lock_of(out_) ||
                        lock_of(archive_) == out_ || starts_with(archive_, out_ + "/");
    if (!archive_.empty() && is_one) {
      return fail(Code::kInvalidInput, "containerize.same_place",
                  "the layout and the archive, with a .lock.json each, cannot both be at {}",
                  shown(arguments_.archive, 200))
          .hint("name another file by --docker-archive");
    }
    TRY_STATUS(make_folders(parent_of(out_)));
    return NewFile(lock_of(out_)).check();
  }

  // Each archive has its lock beside it: what has none is some other file.
  Status check_archive() const {
    if (!exists(archive_) || exists(lock_of(archive_))) return {};
    return fail(Code::kInvalidInput, "containerize.same_place",
                "{} is there and no archive of an image: it has no {} beside it",
                shown(arguments_.archive, 200), shown(name_of(lock_of(archive_)), 200))
        .hint("name another file by --docker-archive, or remove it");
  }

  // A bundle's folder belongs to no pipeline file, unless one is named.
  Status take_section() {
    if (arguments_.file.empty() && is_folder(arguments_.words.at(0))) return {};
    const auto file = lifecycle::find_pipeline_file(arguments_.file);
    const bool is_none = !file && file.error().id() == "file.pipeline_missing";
    if (is_none && file_option(arguments_).empty()) return {};
    TRY(const auto pipeline, load(arguments_));
    for (const std::string& each :
         archive_.empty() ? std::vector<std::string>() : std::vector{archive_, lock_of(archive_)}) {
      TRY_STATUS(steps::spare_files("containerize.same_place", pipeline.root, pipeline.settings,
                                    each, "containerize"));
    }
    section_ = pipeline.section("containerize");
    TRY(serving_, image::serving_of(pipeline.section("serve")));
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
      TRY(bundle_, Bundle::of_version(store.objects, found));
      model = found.model;
      version = found.version;
    }
    TRY(request_, image::request_of(section_, model, version, arguments_.ref));
    request_.serving = serving_;
    if (!arguments_.push.empty()) {
      TRY(target_, oci::parse_reference(image::tagged(arguments_.push, version)));
      TRY_STATUS(take_mount());
    }
    if (out_.empty() && archive_.empty() && !target_) {
      out_ = absolute_path(format("{}-{}.image", model, version));
      if (is_taken(out_)) return taken(out_);
    }
    return {};
  }

  Status take_mount() {
    if (arguments_.mount_from.empty()) return {};
    const std::size_t colon = arguments_.mount_from.rfind(':');
    if (colon != std::string::npos && arguments_.mount_from.find('/', colon) == std::string::npos) {
      return refuse("containerize.no_effect",
                    format("the tag {} of --mount-from",
                           shown(std::string_view(arguments_.mount_from).substr(colon + 1))),
                    "where all of a repository is looked through");
    }
    const std::string name = format("{}/{}", target_->registry, arguments_.mount_from);
    TRY(const oci::Reference other, oci::parse_reference(name));
    mount_from_ = other.repository;
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
      print(target_ ? with_push().pretty() : built_.lock.pretty());
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
    if (target_) {
      print(format("pushed to {}: {} sent, {}; {} there already, {} mounted\n", target_->text,
                   pushed_.sent, human_bytes(pushed_.sent_bytes), pushed_.kept, pushed_.mounted));
    }
    if (layout_) print(format("written to {}\n", out_));
    if (!arguments_.archive.empty()) print(format("written to {}\n", arguments_.archive));
  }

  Json with_push() const {
    Json out = built_.lock;
    return out.set("pushed", Json::object()
                                 .set("ref", target_->text)
                                 .set("sent", pushed_.sent)
                                 .set("sent_bytes", pushed_.sent_bytes)
                                 .set("kept", pushed_.kept)
                                 .set("mounted", pushed_.mounted));
  }

  const Arguments& arguments_;
  Node section_;
  image::Serving serving_;
  std::optional<Bundle> bundle_;
  image::Request request_;
  std::string out_;
  std::string archive_;
  std::optional<Layout> layout_;
  std::optional<Scratch> scratch_;
  std::string folder_;
  image::Built built_;
  /// Where it is pushed to, if anywhere.
  std::optional<oci::Reference> target_;
  std::string mount_from_;
  oci::Pushed pushed_;
};

}  // namespace

Status containerize_command(const Arguments& arguments) {
  return Making(arguments).run();
}

}  // namespace kingpost::cli
