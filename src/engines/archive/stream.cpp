// SPDX-License-Identifier: Apache-2.0
// zstd through libarchive's filter over a raw stream; gzip through zlib, because libarchive does not
// compare the checksum at its end.
#include "engines/archive/stream.h"

#include <archive.h>
#include <archive_entry.h>
#include <zlib.h>

#include <cerrno>
#include <memory>

#include "base/files.h"
#include "base/text.h"

namespace kingpost::archive {
namespace {

struct Closer {
  void operator()(struct ::archive* reader) const { archive_read_free(reader); }
};
using Reader = std::unique_ptr<struct ::archive, Closer>;

Error damaged(const std::string& path, std::string_view why) {
  return fail(Code::kInvalidInput, "ingest.compressed_damaged", "\"{}\" cannot be decompressed: {}",
              path, why)
      .hint("copy the file again; its compressed stream is incomplete or damaged");
}

std::string reason(const Reader& reader) {
  const char* why = archive_error_string(reader.get());
  return why != nullptr ? why : "the stream breaks off";
}

struct GzipCloser {
  void operator()(gzFile file) const { gzclose(file); }
};

Status read_gzip(const std::string& path, const std::function<bool(std::string_view)>& take) {
  const std::unique_ptr<gzFile_s, GzipCloser> file(gzopen(path.c_str(), "rb"));
  if (file == nullptr) return file_error(errno, "read", path);
  std::string buffer(1U << 18U, '\0');
  while (true) {
    const int got = gzread(file.get(), buffer.data(), static_cast<unsigned>(buffer.size()));
    if (got > 0 && !take(std::string_view(buffer).substr(0, static_cast<std::size_t>(got)))) {
      return {};
    }
    if (got > 0) continue;
    int fault = Z_OK;
    const char* why = gzerror(file.get(), &fault);
    if (fault == Z_OK || fault == Z_STREAM_END) return {};
    return damaged(path, fault == Z_BUF_ERROR ? "the stream breaks off" : why);
  }
}

}  // namespace

Result<bool> is_compressed(const std::string& path) {
  TRY(const std::string head, read_file(path, 4));
  return starts_with(head, "\x1f\x8b") || starts_with(head, "\x28\xb5\x2f\xfd");
}

Status read_decompressed(const std::string& path,
                         const std::function<bool(std::string_view)>& take) {
  TRY(const bool compressed, is_compressed(path));
  if (!compressed) return read_chunks(path, take);
  TRY(const std::string head, read_file(path, 2));
  if (head == "\x1f\x8b") return read_gzip(path, take);
  const Reader reader(archive_read_new());
  archive_read_support_filter_zstd(reader.get());
  archive_read_support_format_raw(reader.get());
  if (archive_read_open_filename(reader.get(), path.c_str(), 1U << 18U) != ARCHIVE_OK) {
    return damaged(path, reason(reader));
  }
  archive_entry* entry = nullptr;
  const int header = archive_read_next_header(reader.get(), &entry);
  if (header == ARCHIVE_EOF) return {};
  if (header != ARCHIVE_OK) return damaged(path, reason(reader));
  std::string buffer(1U << 18U, '\0');
  while (true) {
    const la_ssize_t got = archive_read_data(reader.get(), buffer.data(), buffer.size());
    if (got < 0) return damaged(path, reason(reader));
    if (got == 0) return {};
    if (!take(std::string_view(buffer).substr(0, static_cast<std::size_t>(got)))) return {};
  }
}

Result<std::string> read_prefix(const std::string& path, std::size_t most) {
  std::string out;
  TRY_STATUS(read_decompressed(path, [&](std::string_view chunk) {
    out += chunk.substr(0, most - out.size());
    return out.size() < most;
  }));
  return out;
}

}  // namespace kingpost::archive
