// SPDX-License-Identifier: Apache-2.0
// Files through POSIX calls, because durability is a matter of which call comes when.
#include "base/files.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include "base/failpoint.h"
#include "base/text.h"

namespace kingpost {
namespace fs = std::filesystem;
namespace {

class Handle {
 public:
  explicit Handle(int number) : number_(number) {}
  ~Handle() {
    if (number_ >= 0) ::close(number_);
  }
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;
  int number() const { return number_; }
  bool open() const { return number_ >= 0; }

 private:
  int number_;
};

Status write_all(int number, std::string_view bytes, const std::string& path) {
  while (!bytes.empty()) {
    const ssize_t done = ::write(number, bytes.data(), bytes.size());
    if (done < 0) {
      if (errno == EINTR) continue;
      return file_error(errno, "write", path);
    }
    bytes.remove_prefix(static_cast<std::size_t>(done));
  }
  return {};
}

// No half file is left behind.
Status write_new(const std::string& path, std::string_view bytes, bool synced, unsigned mode) {
  const Handle file(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode));
  if (!file.open()) return file_error(errno, "write", path);
  Status done = write_all(file.number(), bytes, path);
  if (done && synced && ::fsync(file.number()) != 0) done = file_error(errno, "sync", path);
  if (!done) ::unlink(path.c_str());
  return done;
}

}  // namespace

Error file_error(int number, std::string_view doing, const std::string& path) {
  const std::string why = std::strerror(number);
  if (number == ENOSPC || number == EDQUOT) {
    return fail(Code::kExhausted, "disk.full", "could not {} \"{}\": {}", doing, path, why)
        .hint("free some space on that file system, then run the command again");
  }
  if (number == EFBIG) {
    return fail(Code::kExhausted, "disk.full", "could not {} \"{}\": {}", doing, path, why)
        .hint("raise the limit on file sizes (ulimit -f), then run the command again");
  }
  if (number == ENOENT || number == ENOTDIR) {
    return fail(Code::kNotFound, "file.not_found", "\"{}\" does not exist", path);
  }
  if (number == EACCES || number == EPERM || number == EROFS) {
    return fail(Code::kUnavailable, "file.forbidden", "could not {} \"{}\": {}", doing, path, why)
        .hint("change the rights of the file or folder, or run as a user who has them");
  }
  return fail(Code::kUnavailable, "file.unreadable", "could not {} \"{}\": {}", doing, path, why);
}

std::string form_name(std::string_view path) {
  std::string out = lower(path);
  for (const std::string_view end : {".gz", ".zst"}) {
    if (out.ends_with(end)) out.erase(out.size() - end.size());
  }
  return out;
}

bool exists(const std::string& path) {
  struct stat info{};
  return ::stat(path.c_str(), &info) == 0;
}

bool is_folder(const std::string& path) {
  struct stat info{};
  return ::stat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode);
}

bool same_file(const std::string& a, const std::string& b) {
  struct stat one{};
  struct stat other{};
  return ::stat(a.c_str(), &one) == 0 && ::stat(b.c_str(), &other) == 0 &&
         one.st_dev == other.st_dev && one.st_ino == other.st_ino;
}

Status check_place(const std::string& path) {
  struct stat info{};
  if (::stat(path.c_str(), &info) == 0) {
    if (S_ISREG(info.st_mode)) return {};
    return fail(Code::kInvalidInput, "file.not_regular", "\"{}\" is {}, and cannot be written to",
                path, S_ISDIR(info.st_mode) ? "a folder" : "not a regular file")
        .hint("name a file");
  }
  const std::string folder = parent_of(path);
  if (is_folder(folder)) return {};
  return fail(Code::kNotFound, "file.folder_missing", "\"{}\" cannot be written: {} \"{}\"", path,
              exists(folder) ? "it is no folder," : "there is no folder", folder)
      .hint("make that folder first, or name another place");
}

Result<FileStamp> stamp_of(const std::string& path) {
  struct stat info{};
  if (::stat(path.c_str(), &info) != 0) return file_error(errno, "read", path);
  if (!S_ISREG(info.st_mode)) {
    return fail(Code::kInvalidInput, "file.not_regular", "\"{}\" is not a regular file", path);
  }
  return FileStamp{info.st_size, info.st_mtim.tv_sec * 1'000'000'000 + info.st_mtim.tv_nsec,
                   static_cast<std::int64_t>(info.st_ino)};
}

Status read_chunks(const std::string& path, const std::function<bool(std::string_view)>& take) {
  const Handle file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.open()) return file_error(errno, "read", path);
  // Most files are small, and fresh memory is dear.
  struct stat info = {};
  constexpr off_t kMost = 1 << 20;
  const bool is_small = ::fstat(file.number(), &info) == 0 && S_ISREG(info.st_mode) &&
                        info.st_size > 0 && info.st_size < kMost;
  std::string buffer(static_cast<std::size_t>(is_small ? info.st_size + 1 : kMost), '\0');
  while (true) {
    const ssize_t got = ::read(file.number(), buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return file_error(errno, "read", path);
    if (got == 0) return {};
    if (!take(std::string_view(buffer).substr(0, static_cast<std::size_t>(got)))) return {};
  }
}

Result<std::string> read_file(const std::string& path, std::size_t most) {
  std::string out;
  TRY_STATUS(read_chunks(path, [&](std::string_view chunk) {
    out += chunk.substr(0, most - out.size());
    return out.size() < most;
  }));
  return out;
}

Status write_file(const std::string& path, std::string_view bytes) {
  return write_new(path, bytes, false, 0644);
}

Status write_durably(const std::string& path, std::string_view bytes, unsigned mode) {
  TRY_STATUS(check_place(path));
  const std::string temporary = format("{}.{}.tmp", path, ::getpid());
  // One that a killed process left may be open to others.
  ::unlink(temporary.c_str());
  TRY_STATUS(write_new(temporary, bytes, true, mode));
  if (auto renamed = rename_file(temporary, path); !renamed) {
    ::unlink(temporary.c_str());
    return renamed;
  }
  return sync_folder(parent_of(path));
}

Status sync_file(const std::string& path) {
  const Handle file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.open()) return file_error(errno, "sync", path);
  if (::fsync(file.number()) != 0) return file_error(errno, "sync", path);
  return {};
}

Status sync_folder(const std::string& path) {
  const Handle folder(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder.open()) return file_error(errno, "sync", path);
  if (::fsync(folder.number()) != 0) return file_error(errno, "sync", path);
  return {};
}

Status rename_file(const std::string& from, const std::string& to) {
  if (::rename(from.c_str(), to.c_str()) != 0) return file_error(errno, "rename", from);
  return {};
}

Status remove_file(const std::string& path) {
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) return file_error(errno, "remove", path);
  return {};
}

Status make_folders(const std::string& path) {
  std::error_code fault;
  fs::create_directories(path, fault);
  if (fault) return file_error(fault.value(), "create", path);
  return {};
}

std::vector<std::string> entries_of(const std::string& folder) {
  std::vector<std::string> names;
  DIR* stream = ::opendir(folder.c_str());
  if (stream == nullptr) return names;
  while (const dirent* entry = ::readdir(stream)) {
    const std::string name = static_cast<const char*>(entry->d_name);
    if (name != "." && name != "..") names.push_back(name);
  }
  ::closedir(stream);
  std::sort(names.begin(), names.end());
  return names;
}

std::int64_t disk_free(const std::string& path) {
  struct statvfs info{};
  if (::statvfs(path.c_str(), &info) != 0) return -1;
  return static_cast<std::int64_t>(info.f_bavail) * static_cast<std::int64_t>(info.f_frsize);
}

std::string parent_of(const std::string& path) {
  const std::string parent = fs::path(path).parent_path().string();
  return parent.empty() ? "." : parent;
}

std::string name_of(const std::string& path) {
  return fs::path(path).filename().string();
}

std::string resolve_path(const std::string& folder, const std::string& path) {
  const fs::path joined = fs::path(folder) / fs::path(path);
  return joined.lexically_normal().string();
}

std::string absolute_path(const std::string& path) {
  std::error_code fault;
  const fs::path full = fs::absolute(path, fault);
  return fault ? path : full.lexically_normal().string();
}

std::string relative_path(const std::string& path, const std::string& folder) {
  const fs::path full(absolute_path(path));
  return full.lexically_relative(absolute_path(folder)).string();
}

std::string program_folder() {
  std::error_code fault;
  const fs::path self = fs::read_symlink("/proc/self/exe", fault);
  return fault ? std::string(".") : self.parent_path().string();
}

}  // namespace kingpost
