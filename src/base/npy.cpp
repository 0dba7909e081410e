// SPDX-License-Identifier: Apache-2.0
// The header is a Python dict of three keys, padded so that the data stand at a multiple of 64.
#include "base/npy.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <utility>

#include "base/digest.h"
#include "base/files.h"
#include "base/parallel.h"
#include "base/text.h"

namespace kingpost {
namespace {

constexpr std::string_view kMagic("\x93NUMPY\x01\x00", 8);

struct Descr {
  NpyType type;
  std::string_view text;
  std::size_t bytes;
};
constexpr std::array<Descr, 4> kDescrs = {{{NpyType::kFloat32, "<f4", 4},
                                           {NpyType::kFloat64, "<f8", 8},
                                           {NpyType::kInt32, "<i4", 4},
                                           {NpyType::kUint8, "|u1", 1}}};

const Descr& descr_of(NpyType type) {
  return kDescrs[static_cast<std::size_t>(type)];
}

std::string header_of(NpyType type, const std::vector<std::int64_t>& shape) {
  std::vector<std::string> parts;
  for (const std::int64_t each : shape) parts.push_back(format("{}", each));
  std::string dict = format("{{'descr': '{}', 'fortran_order': False, 'shape': ({}{}), }}",
                            descr_of(type).text, join(parts, ", "), shape.size() == 1 ? "," : "");
  const std::size_t before = kMagic.size() + 2;
  const std::size_t padding = 63 - (before + dict.size()) % 64;
  dict += std::string(padding, ' ') + "\n";
  std::string out(kMagic);
  out.push_back(static_cast<char>(dict.size() & 0xff));
  out.push_back(static_cast<char>(dict.size() >> 8));
  return out + dict;
}

class Writer final : public NpyWriter {
 public:
  Writer(std::string path, int file, std::size_t element)
      : path_(std::move(path)), file_(file), element_(element) {}
  ~Writer() override {
    if (file_ >= 0) ::close(file_);
  }
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  Status begin(const std::string& header, const std::vector<std::int64_t>& shape) {
    header_ = header.size();
    bytes_ = element_;
    for (const std::int64_t each : shape) bytes_ *= static_cast<std::size_t>(each);
    hash_.add(header.data(), header.size());
    // Room for all of it: a full disk is told now, and the file system has less to do for a piece.
    // Where that cannot be asked for, nothing is lost.
    if (::fallocate(file_, 0, 0, static_cast<off_t>(header_ + bytes_)) != 0 && errno == ENOSPC) {
      // Others need what there is.
      if (::ftruncate(file_, 0) != 0) return file_error(errno, "write", path_);
      return file_error(ENOSPC, "write", path_);
    }
    return put(header.data(), header.size(), 0);
  }

  Status write(std::int64_t first, const void* elements, std::int64_t count) override {
    const std::size_t offset = header_ + static_cast<std::size_t>(first) * element_;
    const std::size_t size = static_cast<std::size_t>(count) * element_;
    TRY_STATUS(put_and_hash(elements, size, offset));
    // The disk begins at once, so that little is left to wait for when the file is sealed. Where it
    // cannot, nothing is lost.
    ::sync_file_range(file_, static_cast<off_t>(offset), static_cast<off_t>(size),
                      SYNC_FILE_RANGE_WRITE);
    return {};
  }

  // The two take about as long, and neither needs the other.
  Status put_and_hash(const void* bytes, std::size_t size, std::size_t offset) {
    if (offset != header_ + hashed_) return put(bytes, size, offset);
    Status done;
    const int threads = size < kWorthAThread ? 1 : 2;
    parallel(2, threads, [&](std::size_t i) {
      if (i == 0) {
        done = put(bytes, size, offset);
      } else {
        hash_.add(bytes, size);
      }
    });
    hashed_ += size;
    return done;
  }

  Status put(const void* bytes, std::size_t size, std::size_t offset) {
    const auto* from = static_cast<const char*>(bytes);
    while (size > 0) {
      const ssize_t done = ::pwrite(file_, from, size, static_cast<off_t>(offset));
      if (done < 0 && errno == EINTR) continue;
      if (done <= 0) return file_error(done < 0 ? errno : ENOSPC, "write", path_);
      from += done;
      offset += static_cast<std::size_t>(done);
      size -= static_cast<std::size_t>(done);
    }
    return {};
  }

  Status finish() override {
    const int file = std::exchange(file_, -1);
    if (::close(file) != 0) return file_error(errno, "write", path_);
    if (hashed_ == bytes_) digest_ = hash_.finish();
    return {};
  }

  const std::string& digest() const override { return digest_; }

 private:
  static constexpr std::size_t kWorthAThread = std::size_t{1} << 20U;

  std::string path_;
  int file_;
  std::size_t element_;
  std::size_t header_ = 0;
  /// Of all elements, and those of them that the digest has seen.
  std::size_t bytes_ = 0;
  std::size_t hashed_ = 0;
  Sha256 hash_;
  std::string digest_;
};

Error malformed(const std::string& path, std::string_view why) {
  return fail(Code::kCorrupt, "npy.malformed", "{} is no array file: {}", shown(path), why);
}

// The text between `before` and `after`, or nothing.
std::string_view between(std::string_view text, std::string_view before, std::string_view after) {
  const std::size_t from = text.find(before);
  if (from == std::string_view::npos) return {};
  const std::size_t to = text.find(after, from + before.size());
  if (to == std::string_view::npos) return {};
  return text.substr(from + before.size(), to - from - before.size());
}

}  // namespace

Result<std::unique_ptr<NpyWriter>> NpyWriter::create(const std::string& path, NpyType type,
                                                     const std::vector<std::int64_t>& shape) {
  const int file = ::open(path.c_str(), O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0666);
  if (file < 0) return file_error(errno, "write", path);
  const std::string header = header_of(type, shape);
  auto writer = std::make_unique<Writer>(path, file, descr_of(type).bytes);
  TRY_STATUS(writer->begin(header, shape));
  return std::unique_ptr<NpyWriter>(std::move(writer));
}

Result<Npy> Npy::open(const std::string& path) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return file_error(errno, "read", path);
  struct stat info = {};
  Npy out;
  if (::fstat(file, &info) == 0 && info.st_size > 10) {
    out.mapped_bytes_ = static_cast<std::size_t>(info.st_size);
    out.mapped_ = ::mmap(nullptr, out.mapped_bytes_, PROT_READ, MAP_PRIVATE, file, 0);
  }
  ::close(file);
  if (out.mapped_ == MAP_FAILED) out.mapped_ = nullptr;
  if (out.mapped_ == nullptr) return malformed(path, "it is too short");
  const std::string_view all(static_cast<const char*>(out.mapped_), out.mapped_bytes_);
  if (all.substr(0, kMagic.size()) != kMagic) return malformed(path, "it does not begin as one");
  const std::size_t size = static_cast<unsigned char>(all[8]) +
                           (static_cast<std::size_t>(static_cast<unsigned char>(all[9])) << 8U);
  if (10 + size > all.size()) return malformed(path, "its header is cut off");
  const std::string_view header = all.substr(10, size);
  const std::string_view descr = between(header, "'descr': '", "'");
  std::size_t element = 0;
  for (const Descr& each : kDescrs) {
    if (each.text != descr) continue;
    out.type_ = each.type;
    element = each.bytes;
  }
  if (element == 0) return malformed(path, format("its type is \"{}\"", shown(descr)));
  std::size_t wanted = element;
  for (const std::string& part : split(between(header, "'shape': (", ")"), ',')) {
    if (trim(part).empty()) continue;
    const auto number = parse_integer(trim(part));
    if (!number || *number < 0) return malformed(path, "its shape is not readable");
    out.shape_.push_back(*number);
    wanted *= static_cast<std::size_t>(*number);
  }
  if (wanted != all.size() - 10 - size) return malformed(path, "its size is not that of its shape");
  out.data_ = all.data() + 10 + size;
  return out;
}

Npy::~Npy() {
  if (mapped_ != nullptr) ::munmap(mapped_, mapped_bytes_);
}

Npy::Npy(Npy&& other) noexcept {
  *this = std::move(other);
}

Npy& Npy::operator=(Npy&& other) noexcept {
  std::swap(mapped_, other.mapped_);
  std::swap(mapped_bytes_, other.mapped_bytes_);
  std::swap(data_, other.data_);
  std::swap(type_, other.type_);
  std::swap(shape_, other.shape_);
  return *this;
}

}  // namespace kingpost
