// SPDX-License-Identifier: Apache-2.0
// JSON text through nlohmann's SAX parser; writing is our own so that canonical bytes are ours.
#include "base/json.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

namespace kingpost {
namespace {

void write_text(std::string& out, std::string_view text) {
  out.push_back('"');
  for (const char c : text) {
    switch (c) {
      case '"':
        out += "\\\"";
        break;
      case '\\':
        out += "\\\\";
        break;
      case '\n':
        out += "\\n";
        break;
      case '\r':
        out += "\\r";
        break;
      case '\t':
        out += "\\t";
        break;
      default:
        if (static_cast<unsigned char>(c) < 0x20) {
          out += format("\\u{:04x}", static_cast<unsigned>(static_cast<unsigned char>(c)));
        } else {
          out.push_back(c);
        }
    }
  }
  out.push_back('"');
}

std::string number_text(double value) {
  if (!std::isfinite(value)) return "null";
  std::string text = format("{}", value);
  if (text.find_first_of(".e") == std::string::npos) text += ".0";
  return text;
}

struct Layout {
  bool sorted = false;
  int indent = -1;
};

void new_line(std::string& out, Layout layout, int depth) {
  if (layout.indent < 0) return;
  out.push_back('\n');
  out.append(static_cast<std::size_t>(layout.indent) * static_cast<std::size_t>(depth), ' ');
}

void write(std::string& out, const Json& value, Layout layout, int depth);

void write_array(std::string& out, const Json& value, Layout layout, int depth) {
  out.push_back('[');
  bool first = true;
  for (const Json& item : value.items()) {
    if (!first) out.push_back(',');
    first = false;
    new_line(out, layout, depth + 1);
    write(out, item, layout, depth + 1);
  }
  if (!first) new_line(out, layout, depth);
  out.push_back(']');
}

void write_object(std::string& out, const Json& value, Layout layout, int depth) {
  std::vector<const std::pair<std::string, Json>*> entries;
  for (const auto& entry : value.entries()) entries.push_back(&entry);
  if (layout.sorted) {
    std::sort(entries.begin(), entries.end(),
              [](const auto* a, const auto* b) { return a->first < b->first; });
  }
  out.push_back('{');
  bool first = true;
  for (const auto* entry : entries) {
    if (!first) out.push_back(',');
    first = false;
    new_line(out, layout, depth + 1);
    write_text(out, entry->first);
    out += layout.indent < 0 ? ":" : ": ";
    write(out, entry->second, layout, depth + 1);
  }
  if (!first) new_line(out, layout, depth);
  out.push_back('}');
}

void write(std::string& out, const Json& value, Layout layout, int depth) {
  if (value.is_null()) {
    out += "null";
  } else if (value.is_boolean()) {
    out += value.boolean() ? "true" : "false";
  } else if (value.is_integer()) {
    out += format("{}", value.integer());
  } else if (value.is_number()) {
    out += number_text(value.number());
  } else if (value.is_string()) {
    write_text(out, value.text());
  } else if (value.is_array()) {
    write_array(out, value, layout, depth);
  } else {
    write_object(out, value, layout, depth);
  }
}

// Builds our tree from the parser's events; keeps the first fault it meets.
class Builder {
 public:
  using Events = nlohmann::json;
  Json root;
  std::string fault;

  bool null() { return put(Json()); }
  bool boolean(bool value) { return put(Json(value)); }
  bool number_integer(Events::number_integer_t value) { return put(Json(std::int64_t{value})); }
  bool number_unsigned(Events::number_unsigned_t value) {
    if (value > static_cast<Events::number_unsigned_t>(INT64_MAX)) {
      return put(Json(static_cast<double>(value)));
    }
    return put(Json(static_cast<std::int64_t>(value)));
  }
  bool number_float(Events::number_float_t value, const std::string&) { return put(Json(value)); }
  bool string(std::string& value) { return put(Json(std::move(value))); }
  bool binary(Events::binary_t&) { return false; }
  bool start_object(std::size_t) { return open(Json::object()); }
  bool start_array(std::size_t) { return open(Json::array()); }
  bool end_object() { return close(); }
  bool end_array() { return close(); }
  bool key(std::string& name) {
    if (open_.back().has(name)) {
      fault = format("key \"{}\" stands twice in one object", name);
      return false;
    }
    keys_.back() = name;
    return true;
  }
  bool parse_error(std::size_t byte, const std::string&, const nlohmann::detail::exception&) {
    fault = format("not valid JSON at byte {}", byte);
    return false;
  }

 private:
  bool open(Json container) {
    if (open_.size() >= 512) {
      fault = "nested deeper than 512";
      return false;
    }
    open_.push_back(std::move(container));
    keys_.emplace_back();
    return true;
  }
  bool close() {
    Json done = std::move(open_.back());
    open_.pop_back();
    keys_.pop_back();
    return put(std::move(done));
  }
  bool put(Json value) {
    if (open_.empty()) {
      root = std::move(value);
    } else if (open_.back().is_array()) {
      open_.back().push(std::move(value));
    } else {
      open_.back().set(keys_.back(), std::move(value));
    }
    return true;
  }
  std::vector<Json> open_;
  std::vector<std::string> keys_;
};

}  // namespace

bool Json::boolean() const {
  return is_boolean() && std::get<bool>(value_);
}

std::int64_t Json::integer() const {
  if (is_integer()) return std::get<std::int64_t>(value_);
  return std::holds_alternative<double>(value_) ? static_cast<std::int64_t>(number()) : 0;
}

double Json::number() const {
  if (is_integer()) return static_cast<double>(std::get<std::int64_t>(value_));
  const auto* value = std::get_if<double>(&value_);
  return value != nullptr ? *value : 0.0;
}

const std::string& Json::text() const {
  static const std::string empty;
  const auto* value = std::get_if<std::string>(&value_);
  return value != nullptr ? *value : empty;
}

const Json::Array& Json::items() const {
  static const Array empty;
  const auto* value = std::get_if<Array>(&value_);
  return value != nullptr ? *value : empty;
}

const Json::Object& Json::entries() const {
  static const Object empty;
  const auto* value = std::get_if<Object>(&value_);
  return value != nullptr ? *value : empty;
}

const Json& Json::operator[](std::string_view key) const {
  static const Json null;
  for (const auto& entry : entries()) {
    if (entry.first == key) return entry.second;
  }
  return null;
}

bool Json::has(std::string_view key) const {
  const auto& all = entries();
  return std::any_of(all.begin(), all.end(), [&](const auto& entry) { return entry.first == key; });
}

Json& Json::set(std::string_view key, Json value) {
  if (!is_object()) value_ = Object{};
  auto& all = std::get<Object>(value_);
  for (auto& entry : all) {
    if (entry.first == key) {
      entry.second = std::move(value);
      return *this;
    }
  }
  all.emplace_back(std::string(key), std::move(value));
  return *this;
}

void Json::push(Json value) {
  if (!is_array()) value_ = Array{};
  std::get<Array>(value_).push_back(std::move(value));
}

std::string Json::dump() const {
  std::string out;
  write(out, *this, Layout{}, 0);
  return out;
}

std::string Json::pretty() const {
  std::string out;
  write(out, *this, Layout{.sorted = false, .indent = 2}, 0);
  out.push_back('\n');
  return out;
}

std::string Json::canonical() const {
  std::string out;
  write(out, *this, Layout{.sorted = true, .indent = -1}, 0);
  return out;
}

Result<Json> parse_json(std::string_view text) {
  Builder builder;
  if (!nlohmann::json::sax_parse(text.begin(), text.end(), &builder)) {
    const std::string why = builder.fault.empty() ? "not valid JSON" : builder.fault;
    return fail(Code::kInvalidInput, "json.malformed", "{}", why);
  }
  return std::move(builder.root);
}

}  // namespace kingpost
