// SPDX-License-Identifier: Apache-2.0
// A bundle may come from anywhere, so names and bytes are looked at before they are used.
#include "steps/bundle.h"

#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "base/digest.h"
#include "base/ed25519.h"
#include "base/failpoint.h"
#include "base/files.h"
#include "base/new_file.h"
#include "base/text.h"
#include "base/utf8.h"

namespace kingpost::steps {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kLongestName = 255;
constexpr std::size_t kDigits = 64;
/// Far above any bundle: what is larger is another file.
constexpr std::size_t kLargestSums = 1U << 20U;

/// Two spaces, as sha256sum puts them before the name of a file.
constexpr std::string_view kGap = "  ";

// A relative path that stays in its folder and needs no escapes in SHA256SUMS.
bool is_plain_name(std::string_view name) {
  if (name.empty() || name.size() > kLongestName || !is_utf8(name)) return false;
  const bool odd = std::any_of(name.begin(), name.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte < 0x20 || byte == 0x7F || c == '\\';
  });
  if (odd || name == kBundleSums || name == kBundleSignature) return false;
  const auto parts = split(name, '/');
  return std::none_of(parts.begin(), parts.end(), [](const std::string& part) {
    return part.empty() || part == "." || part == "..";
  });
}

Error not_one(const std::string& where, std::string why) {
  return fail(Code::kInvalidInput, "bundle.not_one", "{} is no bundle: {}", where, why)
      .hint("name a folder that `kingpost package` has written");
}

Error damaged(const std::string& where, std::string_view name, std::string_view why) {
  return fail(Code::kCorrupt, "bundle.damaged", "the file \"{}\" of {} is damaged: {}", name, where,
              why)
      .hint("take a fresh copy of the bundle; `sha256sum -c SHA256SUMS` names all that differ");
}

/// Removed with what is in it unless it is kept.
class NewFolder {
 public:
  // A process of the same number that was killed may have left one.
  explicit NewFolder(std::string path) : path_(std::move(path)) { clear(); }
  ~NewFolder() {
    if (!kept_) clear();
  }
  NewFolder(const NewFolder&) = delete;
  NewFolder& operator=(const NewFolder&) = delete;
  const std::string& path() const { return path_; }
  void keep() { kept_ = true; }

 private:
  void clear() const {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }

  std::string path_;
  bool kept_ = false;
};

}  // namespace

std::string bundle_sums(std::vector<Bundle::File> files) {
  std::sort(files.begin(), files.end(),
            [](const Bundle::File& a, const Bundle::File& b) { return a.name < b.name; });
  std::string out;
  for (const Bundle::File& file : files) out += format("{}{}{}\n", file.digest, kGap, file.name);
  return out;
}

Result<Bundle> Bundle::parse(const std::string& sums, const std::string& where) {
  Bundle out;
  out.sums_ = sums;
  out.digest_ = sha256_of(sums);
  out.where_ = where;
  if (sums.empty() || sums.back() != '\n') {
    return not_one(where, format("{} is empty or cut off", kBundleSums));
  }
  const auto lines = split(std::string_view(sums).substr(0, sums.size() - 1), '\n');
  for (const std::string& line : lines) {
    File file;
    const std::size_t start = kDigits + kGap.size();
    file.digest = line.substr(0, kDigits);
    if (line.size() <= start || !is_digest(file.digest) || line.substr(kDigits, 2) != kGap) {
      return not_one(where, format("\"{}\" is no line of {}", shown(line, 90), kBundleSums));
    }
    file.name = line.substr(start);
    if (!is_plain_name(file.name)) {
      return not_one(where, format("it may not name a file \"{}\"", shown(file.name)));
    }
    if (!out.files_.empty() && out.files_.back().name >= file.name) {
      return not_one(where, format("\"{}\" is out of order", shown(file.name)));
    }
    out.files_.push_back(std::move(file));
  }
  return out;
}

Result<Bundle> Bundle::in_store(const store::Objects& objects, const std::string& digest,
                                const std::string& signature) {
  TRY(const std::string sums, objects.read(digest));
  TRY(Bundle out, parse(sums, format("the object {}", digest.substr(0, 12))));
  for (File& file : out.files_) file.path = objects.path_of(file.digest);
  if (!signature.empty()) {
    TRY(out.signature_, objects.read(signature));
  }
  return out;
}

Result<Bundle> Bundle::of_version(const store::Objects& objects,
                                  const store::ModelVersion& version) {
  TRY(Bundle out,
      in_store(objects, version.bundle, version.facts["objects"][kSignatureObject].text()));
  out.where_ = format("version {} of {}", version.version, version.model);
  return out;
}

Result<Bundle> Bundle::in_folder(const std::string& folder) {
  const std::string where = format("\"{}\"", folder);
  if (!is_folder(folder)) return not_one(where, "there is no such folder");
  const std::string path = format("{}/{}", folder, kBundleSums);
  if (!exists(path)) return not_one(where, format("it has no {}", kBundleSums));
  TRY_STATUS(stamp_of(path));
  TRY(const std::string sums, read_file(path, kLargestSums));
  TRY(Bundle out, parse(sums, where));
  for (File& file : out.files_) {
    file.path = format("{}/{}", folder, file.name);
    if (const auto stamp = stamp_of(file.path); !stamp) {
      return damaged(where, file.name, stamp.error().what());
    }
  }
  const std::string signature = format("{}/{}", folder, kBundleSignature);
  if (exists(signature)) {
    constexpr std::size_t kLargest = 4096;
    TRY(out.signature_, read_file(signature, kLargest));
  }
  return out;
}

const Bundle::File* Bundle::find(std::string_view name) const {
  const auto found = std::find_if(files_.begin(), files_.end(),
                                  [&](const File& file) { return file.name == name; });
  return found == files_.end() ? nullptr : &*found;
}

Result<std::string> Bundle::bytes(std::string_view name) const {
  const File* file = find(name);
  if (file == nullptr) {
    std::vector<std::string> names;
    for (const File& each : files_) names.push_back(each.name);
    return fail(Code::kNotFound, "bundle.file_missing", "{} has no file \"{}\"", where_,
                shown(name))
        .hint(did_you_mean(name, names, format("it has {}", listed(names, 20))));
  }
  auto out = read_file(file->path);
  if (!out) return damaged(where_, name, out.error().what());
  if (sha256_of(*out) != file->digest) {
    return damaged(where_, name, "its bytes are not those that were packaged");
  }
  return out;
}

Result<Json> Bundle::json(std::string_view name) const {
  TRY(const std::string text, bytes(name));
  auto out = parse_json(text);
  if (!out) return damaged(where_, name, out.error().what());
  return out;
}

Status Bundle::verify() const {
  for (const File& file : files_) TRY_STATUS(bytes(file.name));
  return {};
}

Status Bundle::sign_with(std::string_view private_pem) {
  TRY(signature_, sign(private_pem, sums_));
  return {};
}

Status Bundle::check_signature(const std::vector<std::string>& public_pems) const {
  if (signature_.empty()) {
    return fail(Code::kPrecondition, "bundle.not_signed", "{} is not signed", where_)
        .hint(format("it has no {}: `kingpost package FOLDER --sign KEY` writes one, and each run "
                     "with package.sign",
                     kBundleSignature));
  }
  for (const std::string& each : public_pems) {
    TRY(const bool fits, is_signature(each, sums_, signature_));
    if (fits) return {};
  }
  return fail(Code::kPrecondition, "bundle.signature_wrong",
              "the signature of {} is not that of {} trusted", where_,
              public_pems.size() == 1 ? std::string("the key that is")
                                      : format("one of the {} keys that are", public_pems.size()))
      .hint("another key signed it, or its SHA256SUMS was changed afterwards");
}

Status no_strangers(const Bundle& bundle, const std::string& folder) {
  const auto stranger = [&](const fs::path& path, std::string_view why) {
    const std::string name = path.lexically_relative(folder).string();
    return fail(Code::kCorrupt, "bundle.stranger", "\"{}\" of {} {}", shown(name), bundle.where_,
                why)
        .hint("take a fresh copy of the bundle, or remove what does not belong to it");
  };
  std::error_code fault;
  fs::recursive_directory_iterator each(folder, fault);
  for (; !fault && each != fs::recursive_directory_iterator(); each.increment(fault)) {
    const fs::file_status status = each->symlink_status(fault);
    if (fault) break;
    if (fs::is_directory(status)) continue;
    if (!fs::is_regular_file(status)) return stranger(each->path(), "is a link or no file");
    const std::string name = each->path().lexically_relative(folder).string();
    const bool is_known =
        name == kBundleSums || name == kBundleSignature || bundle.find(name) != nullptr;
    if (!is_known) return stranger(each->path(), "is no file of the bundle");
  }
  if (!fault) return {};
  return fail(Code::kUnavailable, "file.unreadable", "cannot look through {}: {}", folder,
              fault.message());
}

Status Bundle::write_to(const std::string& folder) const {
  std::string target = folder;
  while (target.size() > 1 && target.back() == '/') target.pop_back();
  const auto taken = [&] {
    return fail(Code::kAlreadyExists, "bundle.folder_taken",
                "\"{}\" is there already and is not an empty folder", target)
        .hint("name another folder, or remove that one");
  };
  if (exists(target) && (!is_folder(target) || !entries_of(target).empty())) return taken();
  TRY_STATUS(make_folders(parent_of(target)));
  remove_abandoned(target, "tmp");
  NewFolder fresh(format("{}.{}.tmp", target, ::getpid()));
  TRY_STATUS(make_folders(fresh.path()));
  const auto put = [&](const std::string& name, std::string_view text) -> Status {
    const std::string path = format("{}/{}", fresh.path(), name);
    TRY_STATUS(make_folders(parent_of(path)));
    return write_durably(path, text);
  };
  for (const File& file : files_) {
    TRY(const std::string text, bytes(file.name));
    TRY_STATUS(put(file.name, text));
  }
  TRY_STATUS(put(std::string(kBundleSums), sums_));
  if (!signature_.empty()) TRY_STATUS(put(std::string(kBundleSignature), signature_));
  failpoint("bundle_written");
  std::error_code fault;
  fs::rename(fresh.path(), target, fault);
  if (fault == std::errc::directory_not_empty || fault == std::errc::file_exists ||
      fault == std::errc::not_a_directory) {
    return taken();
  }
  if (fault) return file_error(fault.value(), "rename", fresh.path());
  fresh.keep();
  return sync_folder(parent_of(target));
}

}  // namespace kingpost::steps
