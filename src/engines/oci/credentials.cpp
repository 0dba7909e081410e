// SPDX-License-Identifier: Apache-2.0
#include "engines/oci/credentials.h"

#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <vector>

#include "base/files.h"
#include "base/json.h"
#include "base/text.h"

namespace kingpost::oci {
namespace {

constexpr std::size_t kLargestConfig = 1U << 20U;
/// Docker Hub's place among the credentials, since its first version.
constexpr const char* kHubKey = "https://index.docker.io/v1/";

bool is_base64(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '+' || c == '/' || c == '=';
  });
}

Error malformed(std::string_view why) {
  return fail(Code::kInvalidInput, "containerize.credentials_malformed",
              "what is kept of users of registries cannot be read: {}", why)
      .hint("`docker login` or `skopeo login` writes it");
}

bool is_word(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-' || c == '_' || c == '.';
}

// The scanner of a challenge: words, = and quoted texts.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : text_(text) {}

  bool at_end() const { return at_ >= text_.size(); }
  void skip() {
    while (!at_end() && (text_[at_] == ' ' || text_[at_] == ',' || text_[at_] == '\t')) ++at_;
  }
  bool take(char c) {
    if (at_end() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  std::string word() {
    const std::size_t from = at_;
    while (!at_end() && is_word(text_[at_])) ++at_;
    return lower(text_.substr(from, at_ - from));
  }
  std::string value() {
    if (!take('"')) {
      const std::size_t from = at_;
      while (!at_end() && text_[at_] != ',' && text_[at_] != ' ') ++at_;
      return std::string(text_.substr(from, at_ - from));
    }
    std::string out;
    while (!at_end() && text_[at_] != '"') {
      if (text_[at_] == '\\' && at_ + 1 < text_.size()) ++at_;
      out += text_[at_++];
    }
    (void)take('"');
    return out;
  }
  void step() { ++at_; }

 private:
  std::string_view text_;
  std::size_t at_ = 0;
};

// Docker's own, where it is named, before those of podman and skopeo (containers-auth.json(5));
// what lies in the home folder is the last.
std::vector<std::string> places() {
  std::vector<std::string> out;
  const auto add = [&out](const char* variable, std::string_view rest) {
    const char* const folder = std::getenv(variable);
    if (folder == nullptr || *folder == '\0') return false;
    out.push_back(format("{}{}", folder, rest));
    return true;
  };
  add("REGISTRY_AUTH_FILE", "");
  const bool is_named = add("DOCKER_CONFIG", "/config.json");
  if (!add("XDG_RUNTIME_DIR", "/containers/auth.json")) {
    out.push_back(format("/run/containers/{}/auth.json", ::getuid()));
  }
  if (!add("XDG_CONFIG_HOME", "/containers/auth.json")) {
    add("HOME", "/.config/containers/auth.json");
  }
  if (!is_named) add("HOME", "/.docker/config.json");
  return out;
}

// From the most specific to the registry as a whole, which has several names.
std::vector<std::string> keys_of(const Reference& reference) {
  std::vector<std::string> out;
  std::string path = reference.repository;
  while (!path.empty()) {
    out.push_back(format("{}/{}", reference.registry, path));
    const std::size_t slash = path.rfind('/');
    path.resize(slash == std::string::npos ? 0 : slash);
  }
  const std::string address = "https://" + reference.registry;
  out.insert(out.end(), {reference.registry, address, address + "/"});
  if (reference.registry == "docker.io") out.emplace_back(kHubKey);
  return out;
}

}  // namespace

Result<std::string> credentials_for(const Reference& reference, std::string_view config) {
  const auto json = parse_json(config);
  if (!json) return malformed(json.error().what());
  const Json& all = (*json)["auths"];
  for (const std::string& key : keys_of(reference)) {
    const std::string& text = all[key]["auth"].text();
    if (text.empty()) continue;
    if (!is_base64(text)) return malformed(format("auth of {} is no base64", shown(key)));
    return text;
  }
  return std::string();
}

Result<std::string> credentials_of_user(const Reference& reference) {
  for (const std::string& path : places()) {
    if (!exists(path)) continue;
    TRY(const std::string text, read_file(path, kLargestConfig));
    auto found = credentials_for(reference, text);
    if (!found) return std::move(found).error().detail(format("in {}", path));
    if (!found->empty()) return found;
  }
  return std::string();
}

Challenge parse_challenge(std::string_view header) {
  Challenge out;
  Scanner scan(header);
  for (scan.skip(); !scan.at_end(); scan.skip()) {
    const std::string word = scan.word();
    if (word.empty()) {
      scan.step();
    } else if (!scan.take('=')) {
      // Another scheme begins.
      if (!out.scheme.empty()) break;
      if (word == "bearer" || word == "basic") out.scheme = word;
    } else {
      const std::string value = scan.value();
      if (out.scheme.empty()) continue;
      if (word == "realm") out.realm = value;
      if (word == "service") out.service = value;
      if (word == "scope") out.scope = value;
    }
  }
  return out;
}

std::string percent_encoded(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (is_word(c) || c == '~') {
      out += c;
    } else {
      out += format("%{:02X}", byte);
    }
  }
  return out;
}

}  // namespace kingpost::oci
