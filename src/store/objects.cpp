// SPDX-License-Identifier: Apache-2.0
// The order of write, fsync, rename and fsync of the folder is what makes a seal durable.
#include "store/objects.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <filesystem>
#include <system_error>
#include <thread>

#include "base/digest.h"
#include "base/failpoint.h"
#include "base/files.h"
#include "base/new_file.h"
#include "base/text.h"

namespace kingpost::store {
namespace {

// A new folder's name is durable only when the folder above it is synced.
Status make_durable_folder(const std::string& path) {
  if (is_folder(path)) return {};
  TRY_STATUS(make_folders(path));
  return sync_folder(parent_of(path));
}

// The process that a temporary name begins with ("123-4.parquet") may still be at work.
bool is_stale(const std::string& name) {
  if (name.find('-') == std::string::npos) return false;
  const std::int64_t process = parse_integer(name.substr(0, name.find('-'))).value_or(0);
  return process == ::getpid() || is_gone(process);
}

// The last one to let go of a large file waits until the file system has freed it, which takes
// longer than the rest of a seal.
void release(int file) {
  if (file < 0) return;
  try {
    std::thread([file] { ::close(file); }).detach();
  } catch (const std::system_error&) {
    ::close(file);
  }
}

}  // namespace

std::string Objects::temp_folder_of(const std::string& objects_folder) {
  return objects_folder + "/tmp";
}

Result<Objects> Objects::open(const std::string& folder, const std::string& objects_folder) {
  Objects out;
  out.folder_ = folder;
  out.objects_ = objects_folder;
  out.temp_ = temp_folder_of(objects_folder);
  TRY_STATUS(make_durable_folder(out.folder_));
  TRY_STATUS(make_durable_folder(out.objects_));
  TRY_STATUS(make_durable_folder(out.temp_));
  if (!starts_with(out.objects_, out.folder_ + "/")) TRY_STATUS(out.leave_name());
  return out;
}

Status Objects::leave_name() const {
  const std::string names = objects_ + "/stores";
  const std::string path = format("{}/{}", names, sha256_of(folder_).substr(0, 16));
  if (exists(path)) return {};
  TRY_STATUS(make_durable_folder(names));
  return write_durably(path, folder_ + "\n");
}

std::vector<std::string> Objects::other_stores() const {
  std::vector<std::string> out;
  for (const std::string& name : entries_of(objects_ + "/stores")) {
    const auto text = read_file(format("{}/stores/{}", objects_, name), 4096);
    const std::string folder = text ? std::string(trim(*text)) : std::string();
    if (folder != folder_) out.push_back(folder);
  }
  return out;
}

std::string Objects::temp_path(std::string_view suffix) {
  return format("{}/{}-{}{}", temp_, ::getpid(), ++shared_->counter, suffix);
}

std::string Objects::path_of(const std::string& digest) const {
  return format("{}/{}/{}", objects_, digest.substr(0, 2), digest.substr(2));
}

Result<Sealed> Objects::seal(const std::string& temporary, const std::string& digest) {
  if (shared_->broken) {
    return fail(Code::kUnavailable, "store.broken",
                "the store refuses writes after a failed sync of the disk")
        .hint("check the disk, then run the command again");
  }
  auto sealed = move_in(temporary, digest);
  if (!sealed) (void)remove_file(temporary).has_value();
  return sealed;
}

Result<Sealed> Objects::move_in(const std::string& temporary, const std::string& known) {
  failpoint("seal_written");
  if (auto synced = sync_file(temporary); !synced) {
    shared_->broken = true;
    return std::move(synced).error();
  }
  failpoint("seal_synced");
  TRY(const FileStamp stamp, stamp_of(temporary));
  std::string digest = known;
  if (digest.empty()) {
    TRY(digest, sha256_of_file(temporary));
  }
  const Sealed sealed{digest, stamp.size};
  const std::string path = path_of(digest);
  TRY_STATUS(make_durable_folder(parent_of(path)));
  if (::chmod(temporary.c_str(), 0444) != 0) return file_error(errno, "protect", temporary);
  const int replaced = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  const Status renamed = rename_file(temporary, path);
  release(replaced);
  TRY_STATUS(renamed);
  failpoint("seal_renamed");
  if (auto synced = sync_folder(parent_of(path)); !synced) {
    shared_->broken = true;
    return std::move(synced).error();
  }
  failpoint("seal_done");
  return sealed;
}

Result<Sealed> Objects::seal_text(std::string_view bytes) {
  const std::string temporary = temp_path(".json");
  failpoint("seal_begin");
  TRY_STATUS(write_file(temporary, bytes));
  return seal(temporary);
}

std::int64_t Objects::size_of(const std::string& digest) const {
  const auto stamp = stamp_of(path_of(digest));
  return stamp ? stamp->size : -1;
}

Result<std::string> Objects::read(const std::string& digest) const {
  auto bytes = read_file(path_of(digest));
  if (!bytes) {
    return fail(Code::kCorrupt, "store.object_missing", "object {} is missing", digest)
        .hint("run the pipeline again; the step that made it will make it anew");
  }
  if (sha256_of(*bytes) != digest) {
    return fail(Code::kCorrupt, "store.object_damaged", "object {} is damaged", digest)
        .hint("run `kingpost verify`, then the pipeline again");
  }
  return bytes;
}

Status Objects::verify(const std::string& digest) const {
  if (size_of(digest) < 0) {
    return fail(Code::kCorrupt, "store.object_missing", "object {} is missing", digest);
  }
  TRY(const std::string found, sha256_of_file(path_of(digest)));
  if (found == digest) return {};
  return fail(Code::kCorrupt, "store.object_damaged", "object {} is damaged: its bytes hash to {}",
              digest, found);
}

Status Objects::set_aside(const std::string& digest) const {
  TRY_STATUS(make_folders(damaged_folder()));
  return rename_file(path_of(digest), damaged_folder() + "/" + digest);
}

Status Objects::remove(const std::string& digest) const {
  return remove_file(path_of(digest));
}

void Objects::clear_temporary() const {
  for (const std::string& name : entries_of(temp_)) {
    if (!is_stale(name)) continue;
    std::error_code ignored;
    std::filesystem::remove_all(temp_ + "/" + name, ignored);
  }
}

std::vector<std::string> Objects::list() const {
  std::vector<std::string> out;
  for (const std::string& head : entries_of(objects_)) {
    if (head.size() != 2) continue;
    for (const std::string& rest : entries_of(objects_ + "/" + head)) {
      if (is_digest(head + rest)) out.push_back(head + rest);
    }
  }
  return out;
}

}  // namespace kingpost::store
