// SPDX-License-Identifier: Apache-2.0
// The tree of a declarative file.
#include "base/node.h"

#include <algorithm>

namespace kingpost {

SourceText::SourceText(std::string name, std::string text)
    : name_(std::move(name)), text_(std::move(text)) {}

std::string SourceText::line(int number) const {
  std::size_t from = 0;
  for (int i = 1; i < number; ++i) {
    from = text_.find('\n', from);
    if (from == std::string::npos) return {};
    ++from;
  }
  std::string out = text_.substr(from, text_.find('\n', from) - from);
  if (!out.empty() && out.back() == '\r') out.pop_back();
  return out;
}

int SourceText::lines() const {
  return static_cast<int>(std::count(text_.begin(), text_.end(), '\n')) + 1;
}

Place Mark::place() const {
  Place place;
  if (source == nullptr) return place;
  place.file = source->name();
  place.line = line;
  place.column = column;
  place.width = width;
  place.source_line = source->line(line);
  const int room = static_cast<int>(place.source_line.size()) - column + 1;
  place.width = std::max(1, std::min(width, room));
  return place;
}

Place Mark::place_within(std::size_t offset, std::size_t size) const {
  if (source == nullptr || line < 1 || text_offset == kElsewhere) return place();
  Mark part = *this;
  part.width = static_cast<int>(std::max<std::size_t>(size, 1));
  part.column += std::max(text_offset, 0);
  std::size_t left = offset;
  if (text_offset != kBelow) {
    const auto start = static_cast<std::size_t>(part.column - 1);
    const std::size_t room = source->line(line).size();
    if (start + left < room || offset == 0) {
      part.column += static_cast<int>(left);
      return part.place();
    }
    if (start > room) return place();
    left -= room - start;
    if (left == 0) return place();
    --left;
  }
  // Each further line counts without its indentation, which is that of the first line in a block
  // scalar; its end reads as one character.
  const int lines = source->lines();
  std::size_t common = text_offset == kBelow ? std::string::npos : 0;
  for (part.line = line + 1; part.line <= lines; ++part.line) {
    const std::string text = source->line(part.line);
    std::size_t indent = std::min(text.find_first_not_of(' '), text.size());
    if (common == std::string::npos && !text.empty()) common = indent;
    if (common > 0) indent = std::min(indent, common);
    const std::size_t room = text.size() - indent;
    if (left < room) {
      part.column = static_cast<int>(indent + left) + 1;
      return part.place();
    }
    left -= std::min(left, room + 1);
  }
  return place();
}

const Node* Node::find(std::string_view key) const {
  for (const Entry& entry : entries) {
    if (entry.key == key) return &entry.value;
  }
  return nullptr;
}

Node* Node::find(std::string_view key) {
  for (Entry& entry : entries) {
    if (entry.key == key) return &entry.value;
  }
  return nullptr;
}

const Node& Node::at(std::string_view key) const {
  static const Node null;
  const Node* found = find(key);
  return found != nullptr ? *found : null;
}

std::string Node::text_at(std::string_view key) const {
  const Node& node = at(key);
  return node.value.is_string() ? node.value.text() : node.text;
}

std::vector<std::string> Node::texts(std::string_view key) const {
  std::vector<std::string> out;
  for (const Node& item : list(key)) {
    out.push_back(item.value.is_string() ? item.value.text() : item.text);
  }
  return out;
}

const std::vector<Entry>& Node::map(std::string_view key) const {
  return at(key).entries;
}

Json Node::json() const {
  switch (kind) {
    case Kind::kNull:
      return {};
    case Kind::kScalar:
      return value.is_null() ? Json(text) : value;
    case Kind::kList: {
      Json out = Json::array();
      for (const Node& item : items) out.push(item.json());
      return out;
    }
    case Kind::kMap: {
      Json out = Json::object();
      for (const Entry& entry : entries) out.set(entry.key, entry.value.json());
      return out;
    }
  }
  return {};
}

Error fault_at(const Mark& mark, std::string_view id, std::string what, std::string hint) {
  return Error(Code::kInvalidInput, std::string(id), std::move(what))
      .at(mark.place())
      .hint(std::move(hint));
}

}  // namespace kingpost
