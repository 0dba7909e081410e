// SPDX-License-Identifier: Apache-2.0
// The order of write, fsync, rename and fsync of the folder is what makes a seal durable.
#include "store/objects.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include <filesystem>

#include "base/digest.h"
#include "base/failpoint.h"
#include "base/files.h"

namespace kingpost::store {

Result<Objects> Objects::open(const std::string& folder, const std::string& objects_folder) {
  Objects out;
  out.folder_ = folder;
  out.objects_ = objects_folder;
  out.temp_ = resolve_path(objects_folder, "../tmp");
  TRY_STATUS(make_folders(out.folder_));
  TRY_STATUS(make_folders(out.objects_));
  TRY_STATUS(make_folders(out.temp_));
  return out;
}

std::string Objects::temp_path(std::string_view suffix) {
  return format("{}/{}-{}{}", temp_, ::getpid(), ++counter_, suffix);
}

std::string Objects::path_of(const std::string& digest) const {
  return format("{}/{}/{}", objects_, digest.substr(0, 2), digest.substr(2));
}

Result<Sealed> Objects::seal(const std::string& temporary) {
  if (broken_) {
    return fail(Code::kUnavailable, "store.broken",
                "the store refuses writes after a failed sync of the disk")
        .hint("check the disk, then run the command again");
  }
  failpoint("seal_written");
  if (auto synced = sync_file(temporary); !synced) {
    broken_ = true;
    return std::move(synced).error();
  }
  failpoint("seal_synced");
  TRY(const FileStamp stamp, stamp_of(temporary));
  TRY(const std::string digest, sha256_of_file(temporary));
  const Sealed sealed{digest, stamp.size};
  const std::string path = path_of(digest);
  if (size_of(digest) == stamp.size) {
    TRY_STATUS(remove_file(temporary));
    return sealed;
  }
  TRY_STATUS(make_folders(parent_of(path)));
  if (::chmod(temporary.c_str(), 0444) != 0) return file_error(errno, "protect", temporary);
  TRY_STATUS(rename_file(temporary, path));
  failpoint("seal_renamed");
  if (auto synced = sync_folder(parent_of(path)); !synced) {
    broken_ = true;
    return std::move(synced).error();
  }
  failpoint("seal_done");
  return sealed;
}

Result<Sealed> Objects::seal_text(std::string_view bytes) {
  const std::string temporary = temp_path(".json");
  failpoint("seal_begin");
  TRY_STATUS(write_durably(temporary, bytes));
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
  const std::string folder = resolve_path(objects_, "../damaged");
  TRY_STATUS(make_folders(folder));
  return rename_file(path_of(digest), folder + "/" + digest);
}

Status Objects::remove(const std::string& digest) const { return remove_file(path_of(digest)); }

void Objects::clear_temporary() {
  for (const std::string& name : entries_of(temp_)) {
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
