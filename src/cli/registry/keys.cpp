// SPDX-License-Identifier: Apache-2.0
// kingpost keys, and what keys are for: bundles signed and verified.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <optional>

#include "base/digest.h"
#include "base/ed25519.h"
#include "base/files.h"
#include "base/key_files.h"
#include "base/new_file.h"
#include "base/text.h"
#include "cli/cli.h"
#include "cli/load.h"
#include "cli/output.h"
#include "steps/bundle.h"

namespace kingpost::cli {
namespace {

// A file that nobody else may read, and that was not there.
Status write_secret(const std::string& path, std::string_view bytes) {
  const int number = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (number < 0) {
    const int reason = errno;
    if (reason == EEXIST) {
      return fail(Code::kAlreadyExists, "key.there_already", "\"{}\" is there already",
                  shown(path, 200))
          .hint("a key is never written over: what it signed could not be signed again");
    }
    return fail(Code::kUnavailable, "file.unreadable", "cannot write \"{}\": {}", shown(path, 200),
                std::strerror(reason));
  }
  Status done = write_all(number, bytes, path);
  if (::fsync(number) != 0 && done) {
    done = file_error(errno, "sync", path);
  }
  ::close(number);
  if (!done) ::unlink(path.c_str());
  return done;
}

// Of a file that is a key.
struct KeyFile {
  std::string name;
  bool is_private = false;
  std::string fingerprint;
  /// The other half, if it lies in the same folder: the first of several.
  std::string pair{};
};

// Nothing for what is no key: other files, other kinds of keys, what may not be read. What no key
// is as large as is not read to its end, and a device or a pipe not at all.
std::optional<KeyFile> key_file(const std::string& folder, const std::string& name) {
  constexpr std::size_t kLargest = 1U << 16U;
  const std::string path = resolve_path(folder, name);
  const auto stamp = stamp_of(path);
  if (!stamp || stamp->size > static_cast<std::int64_t>(kLargest)) return std::nullopt;
  const auto text = read_file(path, kLargest);
  if (!text) return std::nullopt;
  // Of a private key the public one is told.
  const auto derived = public_pem_of(*text);
  const auto fingerprint = fingerprint_of(derived ? *derived : *text);
  if (!fingerprint) return std::nullopt;
  return KeyFile{name, derived.has_value(), *fingerprint};
}

std::vector<KeyFile> key_files(const std::string& folder) {
  std::vector<KeyFile> out;
  for (const std::string& name : entries_of(folder)) {
    if (auto key = key_file(folder, name)) out.push_back(std::move(*key));
  }
  for (KeyFile& each : out) {
    const auto other = std::find_if(out.begin(), out.end(), [&](const KeyFile& key) {
      return key.fingerprint == each.fingerprint && key.is_private != each.is_private;
    });
    if (other != out.end()) each.pair = other->name;
  }
  return out;
}

// All objects of a version that are not what its manifest says, each by its name.
Status verify_objects(const NamedBundle& named) {
  std::vector<std::string> found;
  for (const auto& file : named.bundle.files()) {
    const bool is_there = exists(file.path);
    const auto digest = sha256_of_file(file.path);
    if (digest && *digest == file.digest) continue;
    found.push_back(format("{}: the object {} is {}", shown(file.name, 200), file.digest,
                           is_there ? "damaged" : "missing"));
  }
  if (found.empty()) return {};
  Error error = fail(Code::kCorrupt, "bundle.damaged", "{} has {} not as packaged", named.words(),
                     counted(std::ssize(found), "files"))
                    .hint(
                        "`kingpost verify` sets damaged objects aside; the run that made the "
                        "version makes its bundle anew");
  for (std::string& each : found) error = std::move(error).detail(std::move(each));
  return error;
}

}  // namespace

Status keys_new_command(const Arguments& arguments) {
  const std::string& path = arguments.words.at(0);
  const std::string public_path = path + ".pub";
  if (exists(public_path)) {
    return fail(Code::kAlreadyExists, "key.there_already", "\"{}\" is there already",
                shown(public_path, 200))
        .hint("name another file");
  }
  const KeyPair pair = make_key_pair();
  TRY(const std::string fingerprint, fingerprint_of(pair.public_pem));
  TRY_STATUS(write_secret(path, pair.private_pem));
  TRY_STATUS(write_durably(public_path, pair.public_pem));
  print(
      format("{}: the private key; keep it secret\n{}: the public key, to be given away\n"
             "sha256 {}\n",
             path, public_path, fingerprint));
  return {};
}

Status keys_show_command(const Arguments& arguments) {
  const std::string& path = arguments.words.at(0);
  TRY(std::string text, read_file(path));
  // Of a private key the public one is shown.
  if (auto derived = public_pem_of(text)) text = std::move(*derived);
  TRY(const std::string fingerprint, fingerprint_of(text));
  print(format("sha256 {}\n{}", fingerprint, text));
  return {};
}

Status keys_list_command(const Arguments& arguments) {
  const std::string folder = arguments.words.empty() ? "." : arguments.words[0];
  if (!is_folder(folder)) {
    return fail(Code::kNotFound, "key.folder_missing", "there is no folder {}", shown(folder, 200))
        .hint("of a single key: kingpost keys show FILE");
  }
  Json all = Json::array();
  std::vector<std::vector<std::string>> lines;
  for (const KeyFile& each : key_files(folder)) {
    const std::string kind = each.is_private ? "private" : "public";
    all.push(Json::object()
                 .set("file", each.name)
                 .set("kind", kind)
                 .set("sha256", each.fingerprint)
                 .set("pair", each.pair.empty() ? Json() : Json(each.pair)));
    lines.push_back({shown(each.name, 60), kind, each.fingerprint, shown(each.pair, 60)});
  }
  if (arguments.json) {
    print(all.pretty());
  } else if (lines.empty()) {
    print(format("no key lies in {}; kingpost keys new NAME makes a pair\n", shown(folder, 200)));
  } else {
    print(table_text({"file", "kind", "sha256", "pair of"}, lines));
  }
  return {};
}

Status verify_bundle(const Arguments& arguments) {
  const std::string& name = arguments.words.at(0);
  const std::string_view option = file_option(arguments);
  if (is_folder(name) && !option.empty()) {
    return refuse("verify.no_effect", option, "on a bundle's folder, which has all in it");
  }
  TRY(const NamedBundle named, find_bundle(arguments, name));
  const steps::Bundle& bundle = named.bundle;
  if (named.folder.empty()) {
    TRY_STATUS(verify_objects(named));
  } else {
    TRY_STATUS(bundle.verify());
    TRY_STATUS(steps::no_strangers(bundle, named.folder));
  }
  TRY(const auto keys, read_public_keys(arguments.keys));
  std::string how = "not signed";
  if (!keys.empty()) {
    TRY_STATUS(bundle.check_signature(keys));
    how = "signed by a key that is trusted";
  } else if (!bundle.signature().empty()) {
    how = "signed; --key PUBLIC says by whom it has to be";
  }
  print(format("{}: {} files, each as packaged; {}\nsha256 {}\n", named.words(),
               bundle.files().size() + 1, how, bundle.digest()));
  return {};
}

}  // namespace kingpost::cli
