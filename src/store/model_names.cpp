// SPDX-License-Identifier: Apache-2.0
// The rules of MLflow's registry for names, and references.
#include "store/model_names.h"

#include <algorithm>

#include "base/text.h"

namespace kingpost::store {
namespace {

constexpr std::size_t kLongestName = 256;
constexpr std::size_t kLongestAlias = 255;
constexpr std::size_t kLongestTagKey = 250;
constexpr std::size_t kLongestTagValue = 100'000;

bool has_control(std::string_view text) {
  return std::any_of(text.begin(), text.end(),
                     [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

}  // namespace

bool is_model_name(std::string_view name) {
  return !name.empty() && name.size() <= kLongestName && trim(name) == name &&
         name.find_first_of("/:@") == std::string_view::npos && !has_control(name) && name != "." &&
         name != "..";
}

bool is_alias(std::string_view alias) {
  const auto fits = [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
           c == '-';
  };
  if (alias.empty() || alias.size() > kLongestAlias) return false;
  if (!std::all_of(alias.begin(), alias.end(), fits) || lower(alias) == "latest") return false;
  const bool number = alias.size() > 1 && (alias[0] == 'v' || alias[0] == 'V') &&
                      alias.find_first_not_of("0123456789", 1) == std::string_view::npos;
  return !number;
}

Status check_model_name(const std::string& name) {
  if (is_model_name(name)) return {};
  return fail(Code::kInvalidInput, "registry.name_malformed", "\"{}\" is no name of a model",
              shown(name))
      .hint("up to 256 characters without \"/\", \":\" and \"@\"");
}

Status check_alias(const std::string& alias) {
  if (is_alias(alias)) return {};
  return fail(Code::kInvalidInput, "registry.alias_malformed", "\"{}\" is no alias", shown(alias))
      .hint("letters, digits, \"_\" and \"-\"; not \"latest\", and not v1, v2, ...");
}

Status check_tag(const std::string& key, std::string_view value) {
  if (!key.empty() && key.size() <= kLongestTagKey && !has_control(key) &&
      value.size() <= kLongestTagValue) {
    return {};
  }
  return fail(Code::kInvalidInput, "registry.tag_malformed", "\"{}\" is no tag", shown(key))
      .hint("a key has 1 to 250 characters, a value up to 100,000");
}

Status check_tags(const Json& tags) {
  for (const auto& [key, value] : tags.entries()) TRY_STATUS(check_tag(key, value.text()));
  return {};
}

Result<ModelReference> parse_model_reference(std::string_view text) {
  constexpr std::string_view kScheme = "models:/";
  std::string_view rest = text;
  if (starts_with(rest, kScheme)) rest.remove_prefix(kScheme.size());
  ModelReference out;
  const std::size_t end = rest.find_first_of("@/");
  out.model = rest.substr(0, end);
  const std::string behind(end == std::string_view::npos ? "" : rest.substr(end + 1));
  if (end != std::string_view::npos) (rest[end] == '@' ? out.alias : out.version) = behind;
  const bool dangling = end != std::string_view::npos && behind.empty();
  if (is_model_name(out.model) && !dangling) return out;
  return fail(Code::kInvalidInput, "registry.reference_malformed",
              "\"{}\" names no version of a model", shown(text))
      .hint("write NAME, NAME@ALIAS or NAME/3, with or without models:/ before it");
}

}  // namespace kingpost::store
