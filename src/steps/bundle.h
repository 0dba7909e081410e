// SPDX-License-Identifier: Apache-2.0
// A bundle: the files of one model, named with their sha256 by the file SHA256SUMS among them, in
// the form of sha256sum(1). The digest of SHA256SUMS is the digest of the bundle.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "store/objects.h"
#include "store/registry.h"

namespace kingpost::steps {

/// The name of the manifest, which does not name itself.
inline constexpr std::string_view kBundleSums = "SHA256SUMS";
/// An Ed25519 signature of it, 64 bytes; it stands beside the bundle's files and is none of them.
inline constexpr std::string_view kBundleSignature = "SHA256SUMS.sig";
/// What a version's facts call the signature among their objects.
inline constexpr std::string_view kSignatureObject = "signature";

class Bundle {
 public:
  struct File {
    std::string name;
    std::string digest;
    /// Where its bytes lie.
    std::string path;
  };

  /// `digest` is that of SHA256SUMS; `signature` that of its signature, empty where there is none.
  /// Fails with `store.object_missing`, `store.object_damaged` or `bundle.not_one`.
  static Result<Bundle> in_store(const store::Objects& objects, const std::string& digest,
                                 const std::string& signature = {});
  /// A registered version's, with the signature that it was registered with. Fails as `in_store`.
  static Result<Bundle> of_version(const store::Objects& objects,
                                   const store::ModelVersion& version);
  /// Fails with `bundle.not_one` where SHA256SUMS is missing, is no such list, or names a file
  /// outside of the folder; `bundle.damaged` where a file that it names is missing. Files that it
  /// does not name are left alone.
  static Result<Bundle> in_folder(const std::string& folder);

  const std::string& digest() const { return digest_; }
  /// The bytes of SHA256SUMS.
  const std::string& sums() const { return sums_; }
  /// In byte order of their names, without SHA256SUMS.
  const std::vector<File>& files() const { return files_; }
  const File* find(std::string_view name) const;

  /// The bytes of a file, checked against its digest. Fails with `bundle.file_missing` for a name
  /// that the bundle does not have, `bundle.damaged` where its bytes are gone or others.
  Result<std::string> bytes(std::string_view name) const;
  /// A JSON file; `bundle.damaged` where it is none.
  Result<Json> json(std::string_view name) const;
  /// Reads and checks every file.
  Status verify() const;
  /// Of SHA256SUMS, as it stands in a folder or the store; empty where it is not signed.
  const std::string& signature() const { return signature_; }
  /// Signs it for `write_to`. Fails as sign of base/ed25519.h.
  Status sign_with(std::string_view private_pem);
  /// Fails with `bundle.not_signed`, or with `bundle.signature_wrong` where it is that of none of
  /// the keys; as is_signature where one of them is none.
  Status check_signature(const std::vector<std::string>& public_pems) const;

  /// Writes all files into a new folder, whole or not at all; one that is there and empty is taken.
  /// Fails with `bundle.folder_taken`, `bundle.damaged`, or as files do.
  Status write_to(const std::string& folder) const;

 private:
  friend Status no_strangers(const Bundle& bundle, const std::string& folder);
  static Result<Bundle> parse(const std::string& sums, const std::string& where);

  std::string sums_;
  std::string signature_;
  std::string digest_;
  /// What the user knows it by, for messages.
  std::string where_;
  std::vector<File> files_;
};

/// Fails with `bundle.stranger` where the folder holds something that the bundle does not name, or
/// a link in the place of a file.
Status no_strangers(const Bundle& bundle, const std::string& folder);

/// The text of SHA256SUMS: `files` by name, in byte order. Requires: names that a bundle may have.
std::string bundle_sums(std::vector<Bundle::File> files);

}  // namespace kingpost::steps
