// SPDX-License-Identifier: Apache-2.0
// zstd through libarchive's filter over a raw stream; gzip through zlib, because libarchive does
// not compare the checksum at its end.
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

// One gzip file: one member after the other, each with its checksum, and nothing behind them.
class Gunzip {
 public:
  explicit Gunzip(const std::function<bool(std::string_view)>& take) : take_(take) {
    ready_ = inflateInit2(&stream_, 15 + 16) == Z_OK;
  }
  ~Gunzip() {
    if (ready_) inflateEnd(&stream_);
  }
  Gunzip(const Gunzip&) = delete;
  Gunzip& operator=(const Gunzip&) = delete;

  /// False when no more is wanted: the taker has enough, or `fault` says what is wrong.
  bool add(std::string_view bytes) {
    // zlib's interface is not const-correct; it does not write to its input.
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
    stream_.avail_in = static_cast<uInt>(bytes.size());
    while (stream_.avail_in > 0 || full_) {
      if (ended_ && !full_) inflateReset(&stream_);
      ended_ = false;
      if (!step()) return false;
    }
    return true;
  }

  /// Why the stream is damaged; empty when it is whole.
  std::string fault() const { return fault_.empty() && !ended_ ? "the stream breaks off" : fault_; }
  bool stopped() const { return stopped_; }

 private:
  bool step() {
    stream_.next_out = reinterpret_cast<Bytef*>(buffer_.data());
    stream_.avail_out = static_cast<uInt>(buffer_.size());
    const int done = ready_ ? inflate(&stream_, Z_NO_FLUSH) : Z_MEM_ERROR;
    if (done != Z_OK && done != Z_STREAM_END && done != Z_BUF_ERROR) {
      fault_ = stream_.msg != nullptr ? stream_.msg : "the stream is not gzip";
      return false;
    }
    ended_ = done == Z_STREAM_END;
    full_ = stream_.avail_out == 0 && !ended_;
    const std::size_t got = buffer_.size() - stream_.avail_out;
    stopped_ = got > 0 && !take_(std::string_view(buffer_).substr(0, got));
    return !stopped_;
  }

  const std::function<bool(std::string_view)>& take_;
  z_stream stream_{};
  std::string buffer_ = std::string(1U << 18U, '\0');
  bool ready_ = false;
  bool ended_ = false;
  bool full_ = false;
  bool stopped_ = false;
  std::string fault_;
};

Status read_gzip(const std::string& path, const std::function<bool(std::string_view)>& take) {
  Gunzip gunzip(take);
  TRY_STATUS(read_chunks(path, [&](std::string_view bytes) { return gunzip.add(bytes); }));
  if (gunzip.stopped() || gunzip.fault().empty()) return {};
  return damaged(path, gunzip.fault());
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
