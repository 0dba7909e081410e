// SPDX-License-Identifier: Apache-2.0
// Files: whole reads, durable writes, stamps. Paths are byte strings as the kernel takes them.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace kingpost {

/// What identifies a version of a file without reading it.
struct FileStamp {
  std::int64_t size = 0;
  std::int64_t mtime_ns = 0;
  std::int64_t inode = 0;
  bool operator==(const FileStamp& other) const = default;
};

/// A path in lower case, without the ending of a compressed file: its ending tells the form.
std::string form_name(std::string_view path);
bool exists(const std::string& path);
bool is_folder(const std::string& path);
/// Both are there and are one file, by whatever names.
bool same_file(const std::string& a, const std::string& b);
/// Whether a file of that name can take its place when it is whole: its folder must be there
/// (`file.folder_missing`), and the name must not be that of a folder, a device or a pipe
/// (`file.not_regular`), which a rename would do away with. Rights are not looked at.
Status check_place(const std::string& path);
/// Fails with `file.not_found` or `file.unreadable`; a folder or a device is refused.
Result<FileStamp> stamp_of(const std::string& path);

/// Reads at most `most` bytes. Fails with `file.not_found` or `file.unreadable`.
Result<std::string> read_file(const std::string& path, std::size_t most = SIZE_MAX);
/// Calls `take` for pieces of up to 1 MiB in order, until it answers false or the file ends.
Status read_chunks(const std::string& path, const std::function<bool(std::string_view)>& take);

/// Writes to a temporary file beside `path`, fsyncs it, renames it and fsyncs the folder: after a
/// power cut `path` holds the old bytes or the new. Fails with `file.unwritable` or `disk.full`.
/// Who may read it is decided before it has its name.
Status write_durably(const std::string& path, std::string_view bytes, unsigned mode = 0644);
/// For what nobody but this user may read.
inline constexpr unsigned kPrivateFile = 0600;
/// Writes a file that something else makes durable, e.g. by sealing it. Leaves nothing on failure.
Status write_file(const std::string& path, std::string_view bytes);
Status sync_file(const std::string& path);
Status sync_folder(const std::string& path);
Status rename_file(const std::string& from, const std::string& to);
/// No error when it is not there.
Status remove_file(const std::string& path);
Status make_folders(const std::string& path);
/// Names (not paths) of the entries of a folder, in byte order; a missing folder has none.
std::vector<std::string> entries_of(const std::string& folder);
/// Bytes free for this user on the file system of `path`; -1 when it cannot be told.
std::int64_t disk_free(const std::string& path);

/// Paths that match a pattern of *, ?, [..] and **, in byte order; a path without those answers
/// itself when it exists, and so does a file that is called like the pattern. A pattern never
/// matches a hidden name unless it says so.
std::vector<std::string> expand_glob(const std::string& pattern);
bool has_glob(std::string_view path);

std::string parent_of(const std::string& path);
std::string name_of(const std::string& path);
/// `path` when it is absolute, else `folder`/`path`; "." and ".." are folded.
std::string resolve_path(const std::string& folder, const std::string& path);
std::string absolute_path(const std::string& path);
std::string relative_path(const std::string& path, const std::string& folder);
/// The folder that holds the running program.
std::string program_folder();
/// Error for errno at a path: no space, quota and the limit on file sizes become `disk.full`.
Error file_error(int number, std::string_view doing, const std::string& path);

}  // namespace kingpost
