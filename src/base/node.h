// SPDX-License-Identifier: Apache-2.0
// The tree of a declarative file: every key and value knows its place, so that any later check can
// point at it.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/json.h"

namespace kingpost {

/// A text file in memory with its name as the user knows it.
class SourceText {
 public:
  SourceText(std::string name, std::string text);
  const std::string& name() const { return name_; }
  const std::string& text() const { return text_; }
  /// The line without its end, 1-based; empty when there is no such line.
  std::string line(int number) const;
  int lines() const;

 private:
  std::string name_;
  std::string text_;
};

/// A place in a SourceText, 1-based. `text_offset` is how far the first character of a scalar's
/// text stands behind `column` (1 for a quoted scalar), or one of the two constants.
struct Mark {
  /// A block scalar: its text begins on the next line.
  static constexpr int kBelow = -1;
  /// The text is not what stands in the source, e.g. because a variable was replaced.
  static constexpr int kElsewhere = -2;

  std::shared_ptr<const SourceText> source;
  int line = 0;
  int column = 0;
  int width = 1;
  int text_offset = 0;

  Place place() const;
  /// The place of `width` characters that start `offset` bytes into a scalar, also where its text
  /// goes on over several lines; the scalar's own place where that cannot be told.
  Place place_within(std::size_t offset, std::size_t width) const;
};

struct Entry;

/// A scalar, list, map or null. After `resolve` (spec.h) a scalar's `value` is typed, every default
/// is filled in and only known keys are left.
class Node {
 public:
  enum class Kind { kNull, kScalar, kList, kMap };

  Kind kind = Kind::kNull;
  std::string text;
  bool plain = false;
  /// Written by a default, not by the user.
  bool implied = false;
  Mark mark;
  Json value;
  std::vector<Node> items;
  std::vector<Entry> entries;

  bool is_null() const { return kind == Kind::kNull; }
  bool is_scalar() const { return kind == Kind::kScalar; }
  bool is_list() const { return kind == Kind::kList; }
  bool is_map() const { return kind == Kind::kMap; }

  /// The value under a key of a map, or nullptr.
  const Node* find(std::string_view key) const;
  Node* find(std::string_view key);
  bool has(std::string_view key) const { return find(key) != nullptr; }
  /// The value under a key, or a shared null node.
  const Node& at(std::string_view key) const;

  /// Readers of resolved scalars under a key; the empty value when it is absent.
  std::string text_at(std::string_view key) const;
  bool flag(std::string_view key) const { return at(key).value.boolean(); }
  std::int64_t integer(std::string_view key) const { return at(key).value.integer(); }
  double number(std::string_view key) const { return at(key).value.number(); }
  const std::vector<Node>& list(std::string_view key) const { return at(key).items; }
  std::vector<std::string> texts(std::string_view key) const;
  const std::vector<Entry>& map(std::string_view key) const;

  /// The resolved tree as JSON, for keys and reports.
  Json json() const;
};

struct Entry {
  std::string key;
  Mark key_mark;
  Node value;
};

/// A fault at a node or a key.
Error fault_at(const Mark& mark, std::string_view id, std::string what, std::string hint = {});

}  // namespace kingpost
