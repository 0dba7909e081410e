// SPDX-License-Identifier: Apache-2.0
// The grammar of the distribution specification, read by hand: its regular expressions backtrack.
#include "engines/oci/reference.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <optional>

#include "base/text.h"

namespace kingpost::oci {
namespace {

constexpr std::size_t kLongestName = 255;
constexpr std::size_t kLongestTag = 128;

bool is_small(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

bool is_letter_or_digit(char c) {
  return is_small(c) || (c >= 'A' && c <= 'Z');
}

// Between letters and digits: one dot, one or two underscores, any number of dashes.
bool is_separator(std::string_view text) {
  if (text == "." || text == "_" || text == "__") return true;
  return !text.empty() && text.find_first_not_of('-') == std::string_view::npos;
}

bool is_component(std::string_view text) {
  if (text.empty() || !is_small(text.front()) || !is_small(text.back())) return false;
  for (std::size_t i = 0; i < text.size();) {
    const auto stop = std::find_if_not(text.begin() + static_cast<std::ptrdiff_t>(i), text.end(),
                                       [](char c) { return !is_small(c); });
    const auto end = static_cast<std::size_t>(stop - text.begin());
    if (end > i && !is_separator(text.substr(i, end - i))) return false;
    i = end + 1;
  }
  return true;
}

bool is_port(std::string_view text) {
  const auto port = parse_integer(text);
  return port && *port >= 1 && *port <= 65535;
}

// What lies between the brackets of [ADDRESS] or [ADDRESS]:PORT; empty where no bracket opens or
// none closes it.
std::string bracketed(std::string_view host) {
  if (!starts_with(host, "[")) return {};
  const std::size_t close = host.find(']');
  return close == std::string_view::npos ? std::string() : std::string(host.substr(1, close - 1));
}

// Nothing for a text that is no address of IPv6; a zone is part of none.
std::optional<in6_addr> address_of(const std::string& text) {
  in6_addr out{};
  if (::inet_pton(AF_INET6, text.c_str(), &out) != 1) return std::nullopt;
  return out;
}

// Of this machine, also as an address of IPv4 within IPv6.
bool is_loopback(const in6_addr& address) {
  if (IN6_IS_ADDR_LOOPBACK(&address)) return true;
  constexpr std::size_t kFirstOfFour = 12;
  return IN6_IS_ADDR_V4MAPPED(&address) && address.s6_addr[kFirstOfFour] == 127;
}

bool is_bracketed_host(std::string_view text) {
  const std::string address = bracketed(text);
  const std::string_view rest = text.substr(std::min(text.size(), address.size() + 2));
  // Registries take letters and colons there, and no IPv4 with points.
  const bool plain = address.find('.') == std::string::npos && address_of(address).has_value();
  return plain && (rest.empty() || (rest.front() == ':' && is_port(rest.substr(1))));
}

bool is_host(std::string_view text) {
  if (starts_with(text, "[")) return is_bracketed_host(text);
  const std::size_t colon = text.find(':');
  if (colon != std::string_view::npos && !is_port(text.substr(colon + 1))) return false;
  for (const std::string& part : split(text.substr(0, colon), '.')) {
    const bool plain = std::all_of(part.begin(), part.end(),
                                   [](char c) { return is_letter_or_digit(c) || c == '-'; });
    if (part.empty() || !plain || part.front() == '-' || part.back() == '-') return false;
  }
  return true;
}

bool is_tag(std::string_view text) {
  if (text.empty() || text.size() > kLongestTag || text.front() == '.' || text.front() == '-') {
    return false;
  }
  return std::all_of(text.begin(), text.end(), [](char c) {
    return is_letter_or_digit(c) || c == '_' || c == '.' || c == '-';
  });
}

Error malformed(std::string_view text, std::string_view why) {
  return fail(Code::kInvalidInput, "containerize.ref_malformed",
              "\"{}\" is no name of an image: {}", shown(text, 120), why)
      .hint("e.g. registry.local/team/flight-delay:3, in lower case");
}

Error no_host(std::string_view text, std::string_view host) {
  Error error = malformed(text, format("\"{}\" is no host", shown(host)));
  const std::string address = bracketed(host);
  if (address.find('.') == std::string::npos || !address_of(address)) return error;
  return std::move(error).hint(
      "registries take no points between brackets: write the address as 127.0.0.1 alone, or as "
      "[::ffff:7f00:1]");
}

}  // namespace

bool Reference::is_local() const {
  if (starts_with(registry, "[")) {
    const auto address = address_of(bracketed(registry));
    return address && is_loopback(*address);
  }
  const std::string host = lower(registry.substr(0, registry.find(':')));
  if (host == "localhost") return true;
  // An address, not a name that begins like one.
  const std::vector<std::string> parts = split(host, '.');
  return parts.size() == 4 && parts[0] == "127" &&
         std::all_of(parts.begin(), parts.end(), [](const std::string& part) {
           const auto number = parse_integer(part);
           return number && *number >= 0 && *number <= 255;
         });
}

Result<Reference> parse_reference(std::string_view text) {
  if (text.find('@') != std::string_view::npos) {
    return malformed(text, "a digest cannot be chosen; name a tag");
  }
  Reference out;
  std::string_view rest = text;
  const std::size_t slash = text.find('/');
  if (slash != std::string_view::npos) {
    const std::string_view first = text.substr(0, slash);
    if (first == "localhost" || first.find_first_of(".:[") != std::string_view::npos) {
      if (!is_host(first)) return no_host(text, first);
      out.registry = first;
      rest.remove_prefix(slash + 1);
    }
  }
  const std::size_t colon = rest.find(':');
  out.tag = colon == std::string_view::npos ? "latest" : std::string(rest.substr(colon + 1));
  if (!is_tag(out.tag)) return malformed(text, format("\"{}\" is no tag", shown(out.tag)));
  out.repository = rest.substr(0, colon);
  for (const std::string& part : split(out.repository, '/')) {
    if (is_component(part)) continue;
    return malformed(text, format("\"{}\" is no part of a name", shown(part)));
  }
  if (out.registry.size() + out.repository.size() + 1 > kLongestName) {
    return malformed(text, format("it has more than {} characters", kLongestName));
  }
  out.text = colon == std::string_view::npos ? format("{}:latest", text) : std::string(text);
  if (out.registry.empty()) {
    out.registry = "docker.io";
    if (out.repository.find('/') == std::string::npos) {
      out.repository = "library/" + out.repository;
    }
  }
  return out;
}

std::string reference_word(std::string_view text) {
  std::string out;
  for (const char c : lower(text)) {
    if (is_small(c)) {
      out += c;
    } else if (!out.empty() && is_small(out.back())) {
      out += c == '.' || c == '_' ? c : '-';
    }
  }
  while (!out.empty() && !is_small(out.back())) out.pop_back();
  return out.empty() ? "model" : out;
}

}  // namespace kingpost::oci
