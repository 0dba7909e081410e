// SPDX-License-Identifier: Apache-2.0
#include "steps/17_containerize/contents.h"

#include "base/digest.h"
#include "base/failpoint.h"
#include "base/files.h"
#include "base/new_file.h"
#include "engines/archive/gzip.h"
#include "engines/oci/elf.h"
#include "engines/oci/tar.h"

namespace kingpost::steps::containerize {
namespace {

using Kind = Contents::Entry::Kind;

constexpr std::size_t kPiece = 1U << 20U;

Result<std::string> program_bytes(const std::string& path) {
  TRY(const std::string bytes, read_file(path));
  TRY(const oci::Elf elf, oci::read_elf(bytes, path));
  return oci::stripped(bytes, elf);
}

// Digests of what goes in and of what comes out, on the way.
class Packing {
 public:
  explicit Packing(const std::string& path) : file_(path) {}

  Status add(std::string_view bytes) {
    diff_.add(bytes.data(), bytes.size());
    while (!bytes.empty()) {
      const std::string_view piece = bytes.substr(0, kPiece);
      bytes.remove_prefix(piece.size());
      gzip_.add(piece, ready_);
      if (ready_.size() >= kPiece) TRY_STATUS(flush());
    }
    return {};
  }

  Result<oci::Layer> finish() {
    gzip_.finish(ready_);
    TRY_STATUS(flush());
    TRY_STATUS(file_.keep());
    oci::Layer out;
    out.digest = packed_.finish();
    out.diff_id = diff_.finish();
    out.bytes = written_;
    return out;
  }

 private:
  Status flush() {
    packed_.add(ready_.data(), ready_.size());
    written_ += static_cast<std::int64_t>(ready_.size());
    TRY_STATUS(file_.write(ready_));
    ready_.clear();
    return {};
  }

  NewFile file_;
  archive::Gzip gzip_;
  Sha256 diff_;
  Sha256 packed_;
  std::string ready_;
  std::int64_t written_ = 0;
};

Status add_entry(oci::Tar& tar, const std::string& name, const Contents::Entry& entry) {
  switch (entry.kind) {
    case Kind::kFolder:
      return tar.folder(name, entry.mode);
    case Kind::kBytes:
      return tar.bytes(name, entry.mode, entry.content);
    case Kind::kFile:
      return tar.file(name, entry.mode, entry.path);
    case Kind::kProgram:
      break;
  }
  TRY(const std::string bytes, program_bytes(entry.path));
  return tar.bytes(name, entry.mode, bytes);
}

}  // namespace

void Contents::put(const std::string& name, Entry entry) {
  for (std::size_t slash = name.find('/'); slash != std::string::npos;
       slash = name.find('/', slash + 1)) {
    entries_.try_emplace(name.substr(0, slash));
  }
  entries_[name] = std::move(entry);
}

void Contents::folder(const std::string& name, int mode) {
  put(name, {Kind::kFolder, mode, {}, {}});
}

void Contents::bytes(const std::string& name, std::string content, int mode) {
  put(name, {Kind::kBytes, mode, std::move(content), {}});
}

void Contents::file(const std::string& name, const std::string& path, int mode) {
  put(name, {Kind::kFile, mode, {}, path});
}

void Contents::program(const std::string& name, const std::string& path) {
  put(name, {Kind::kProgram, 0755, {}, path});
}

Result<std::string> Contents::digest() const {
  std::string all;
  for (const auto& [name, entry] : entries_) {
    std::string content = sha256_of(entry.content);
    if (entry.kind == Kind::kFile || entry.kind == Kind::kProgram) {
      TRY(content, sha256_of_file(entry.path));
    }
    all += format("{} {} {} {}\n", content, static_cast<int>(entry.kind), entry.mode, name);
  }
  return sha256_of(all);
}

Result<oci::Layer> write_layer(const std::string& title, const Contents& contents,
                               const std::string& folder) {
  const std::string path = oci::blob_path(folder, "layer");
  TRY_STATUS(make_folders(parent_of(path)));
  Packing packing(path);
  oci::Tar tar([&](std::string_view bytes) { return packing.add(bytes); });
  for (const auto& [name, entry] : contents.entries()) TRY_STATUS(add_entry(tar, name, entry));
  TRY_STATUS(tar.finish());
  TRY(oci::Layer out, packing.finish());
  out.title = title;
  TRY_STATUS(rename_file(path, oci::blob_path(folder, out.digest)));
  failpoint("containerize_layer");
  return out;
}

}  // namespace kingpost::steps::containerize
