// SPDX-License-Identifier: Apache-2.0
// Resolving a tree against its field table.
#include "base/spec.h"

#include <algorithm>

#include "base/clock.h"
#include "base/text.h"

namespace kingpost {
namespace {

bool is_name(std::string_view text) {
  if (text.empty() || (text[0] >= '0' && text[0] <= '9')) return false;
  return std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
  });
}

std::string kind_word(const Node& node) {
  switch (node.kind) {
    case Node::Kind::kNull:
      return "nothing";
    case Node::Kind::kScalar:
      return format("\"{}\"", shown(node.text));
    case Node::Kind::kList:
      return "a list";
    case Node::Kind::kMap:
      return "a map";
  }
  return "";
}

class Resolver {
 public:
  Resolver(std::string_view owner, Faults& faults) : owner_(owner), faults_(faults) {}

  Node value(const Node& node, const Field& field) {
    switch (field.kind) {
      case FieldKind::kList:
        return list(node, field);
      case FieldKind::kMap:
        return map(node, field);
      case FieldKind::kObject:
        return object(node, field);
      case FieldKind::kAny:
        return node;
      default:
        return scalar(node, field);
    }
  }

 private:
  void fault(const Mark& mark, std::string_view what_id, std::string what, std::string hint = {}) {
    faults_.add(fault_at(mark, format("{}.{}", owner_, what_id), std::move(what), std::move(hint)));
  }

  void expected(const Node& node, const Field& field, std::string_view wanted,
                std::string hint = {}) {
    const std::string name =
        field.name.empty() ? std::string("value") : format("\"{}\"", field.name);
    fault(node.mark, "wrong_type",
          format("{} wants {} but found {}", name, wanted, kind_word(node)), std::move(hint));
  }

  Node list(const Node& node, const Field& field) {
    if (!node.is_list()) {
      expected(node, field, "a list",
               node.is_scalar() ? format("write [{}]", shown(node.text))
               : node.is_null() ? std::string("leave the key out, or write []")
                                : std::string("write [A, B]"));
      return node;
    }
    Node out = node;
    Field element = *field.element;
    if (element.name.empty()) element.name = field.name;
    for (Node& item : out.items) item = value(item, element);
    if (static_cast<double>(out.items.size()) < field.least) {
      fault(node.mark, "too_few",
            format("\"{}\" wants at least {} entries but found {}", field.name, field.least,
                   out.items.size()));
    }
    return out;
  }

  Node map(const Node& node, const Field& field) {
    if (node.is_null()) {
      Node empty = node;
      empty.kind = Node::Kind::kMap;
      return empty;
    }
    if (!node.is_map()) {
      expected(node, field, "a map", "write {NAME: VALUE}");
      return node;
    }
    Node out = node;
    Field element = *field.element;
    for (Entry& entry : out.entries) {
      element.name = entry.key;
      entry.value = value(entry.value, element);
    }
    return out;
  }

  const Variant* variant_of(const Node& node, const Field& field) {
    const Shape& shape = *field.shape;
    std::vector<std::string> names;
    for (const Variant& variant : shape.variants) names.emplace_back(variant.name);
    const Node* tag = node.find(shape.tag);
    if (tag == nullptr) {
      fault(node.mark, "missing_key", format("key \"{}\" is missing", shape.tag),
            format("one of: {}", listed(names, 40)));
      return nullptr;
    }
    for (const Variant& variant : shape.variants) {
      const bool alias = std::find(variant.aliases.begin(), variant.aliases.end(), tag->text) !=
                         variant.aliases.end();
      if (tag->is_scalar() && (variant.name == tag->text || alias)) return &variant;
    }
    fault(tag->mark, "unknown_value", format("there is no {} \"{}\"", shape.tag, shown(tag->text)),
          did_you_mean(tag->text, names, format("one of: {}", listed(names, 40))));
    return nullptr;
  }

  Node object(const Node& node, const Field& field) {
    const Shape& shape = *field.shape;
    if (!node.is_map() && !node.is_null()) {
      expected(node, field, "a map", first_key(shape));
      return node;
    }
    Node out = node;
    out.kind = Node::Kind::kMap;
    out.entries.clear();
    std::vector<const Field*> known;
    for (const Field& each : shape.fields) known.push_back(&each);
    if (!shape.tag.empty()) {
      const Variant* variant = variant_of(node, field);
      if (variant == nullptr) return out;
      for (const Field& each : variant->fields) known.push_back(&each);
      Entry tag{std::string(shape.tag), node.mark, *node.find(shape.tag)};
      tag.value.value = Json(std::string(variant->name));
      out.entries.push_back(std::move(tag));
    }
    if (shape.rest == nullptr) refuse_unknown(node, shape, known);
    for (const Field* each : known) add_field(node, *each, out);
    if (shape.rest != nullptr) add_rest(node, shape, out);
    return out;
  }

  static std::string first_key(const Shape& shape) {
    const std::string_view tag =
        shape.tag.empty() && !shape.fields.empty() ? shape.fields[0].name : shape.tag;
    return tag.empty() ? "write {NAME: VALUE}" : format("write {{{}: ..., ...}}", tag);
  }

  void add_rest(const Node& node, const Shape& shape, Node& out) {
    Field element = *shape.rest;
    for (const Entry& entry : node.entries) {
      const bool named = std::any_of(shape.fields.begin(), shape.fields.end(),
                                     [&](const Field& each) { return each.name == entry.key; });
      if (named) continue;
      element.name = entry.key;
      out.entries.push_back({entry.key, entry.key_mark, value(entry.value, element)});
    }
  }

  void refuse_unknown(const Node& node, const Shape& shape,
                      const std::vector<const Field*>& known) {
    std::vector<std::string> names;
    for (const Field* each : known) names.emplace_back(each->name);
    for (const Entry& entry : node.entries) {
      const bool is_tag = !shape.tag.empty() && entry.key == shape.tag;
      if (is_tag || std::find(names.begin(), names.end(), entry.key) != names.end()) continue;
      fault(entry.key_mark, "unknown_key", format("key \"{}\" is not known here", shown(entry.key)),
            did_you_mean(entry.key, names, format("known keys: {}", listed(names, 40))));
    }
  }

  void add_field(const Node& node, const Field& field, Node& out) {
    for (const Entry& entry : node.entries) {
      if (entry.key != field.name) continue;
      const std::string_view outer = owner_;
      if (field.section) owner_ = field.name;
      out.entries.push_back({entry.key, entry.key_mark, value(entry.value, field)});
      owner_ = outer;
      return;
    }
    if (field.required) {
      fault(node.mark, "missing_key", format("key \"{}\" is missing", field.name),
            format("{}: {}", field.name, field.doc));
      return;
    }
    if (field.fallback.empty()) return;
    Node fallback;
    fallback.mark = node.mark;
    fallback.implied = true;
    fill_default(fallback, field.fallback);
    out.entries.push_back({std::string(field.name), node.mark, value(fallback, field)});
  }

  // Defaults are written as scalars, [], {} or a flow list of scalars.
  static void fill_default(Node& node, std::string_view text) {
    if (text == "{}") {
      node.kind = Node::Kind::kMap;
    } else if (text.front() == '[') {
      node.kind = Node::Kind::kList;
      const std::string_view inner = trim(text.substr(1, text.size() - 2));
      if (inner.empty()) return;
      for (const std::string& part : split(inner, ',')) {
        Node item;
        item.mark = node.mark;
        item.implied = true;
        fill_default(item, trim(part));
        node.items.push_back(std::move(item));
      }
    } else {
      node.kind = Node::Kind::kScalar;
      node.plain = text.front() != '"';
      node.text = node.plain ? std::string(text) : std::string(text.substr(1, text.size() - 2));
    }
  }

  Node scalar(const Node& node, const Field& field) {
    Node out = node;
    if (field.kind == FieldKind::kScalar) {
      if (node.is_list() || node.is_map()) {
        expected(node, field, "one value");
      } else {
        out.value = typed(node);
      }
      return out;
    }
    if (!node.is_scalar()) {
      expected(node, field, wanted(field));
      return out;
    }
    switch (field.kind) {
      case FieldKind::kBoolean:
        boolean(out, field);
        break;
      case FieldKind::kInteger:
        integer(out, field);
        break;
      case FieldKind::kNumber:
        number(out, field);
        break;
      case FieldKind::kDuration:
        duration(out, field);
        break;
      case FieldKind::kTimestamp:
        timestamp(out, field);
        break;
      case FieldKind::kChoice:
        choice(out, field);
        break;
      default:
        plain_text(out, field);
        break;
    }
    return out;
  }

  static std::string_view wanted(const Field& field) {
    switch (field.kind) {
      case FieldKind::kBoolean:
        return "true or false";
      case FieldKind::kInteger:
        return "a whole number";
      case FieldKind::kNumber:
        return "a number";
      case FieldKind::kDuration:
        return "a duration such as 30s, 2h or 1d";
      case FieldKind::kTimestamp:
        return "a date or a timestamp";
      case FieldKind::kExpression:
        return "a SQL expression";
      case FieldKind::kColumn:
        return "a column name";
      case FieldKind::kPath:
        return "a path";
      default:
        return "a text";
    }
  }

  static Json typed(const Node& node) {
    if (node.is_null()) return {};
    if (!node.plain) return node.text;
    if (node.text == "true" || node.text == "false") return node.text == "true";
    if (const auto whole = parse_integer(node.text)) return *whole;
    if (const auto number = parse_number(node.text)) return *number;
    return node.text;
  }

  void boolean(Node& node, const Field& field) {
    if (node.text == "true" || node.text == "false") {
      node.value = node.text == "true";
      return;
    }
    const std::string word = lower(node.text);
    const bool yes = word == "yes" || word == "on" || word == "true";
    const bool no = word == "no" || word == "off" || word == "false";
    expected(node, field, wanted(field), yes ? "write true" : no ? "write false" : "");
  }

  void in_range(const Node& node, const Field& field, double value) {
    if (value >= field.least && value <= field.most) return;
    const double infinite = std::numeric_limits<double>::infinity();
    std::string range = format("from {} to {}", field.least, field.most);
    if (field.most == infinite) range = format("of at least {}", field.least);
    if (field.least == -infinite) range = format("of at most {}", field.most);
    const bool duration = field.kind == FieldKind::kDuration;
    fault(node.mark, "out_of_range",
          format("\"{}\" wants a {} {} but found {}", field.name, duration ? "duration" : "number",
                 range, node.text));
  }

  void integer(Node& node, const Field& field) {
    const auto value = parse_integer(node.text);
    if (!value) return expected(node, field, wanted(field));
    node.value = *value;
    in_range(node, field, static_cast<double>(*value));
  }

  void number(Node& node, const Field& field) {
    const auto value = parse_number(node.text);
    if (!value || *value != *value) return expected(node, field, wanted(field));
    node.value = *value;
    in_range(node, field, *value);
  }

  void duration(Node& node, const Field& field) {
    const auto value = parse_duration(node.text);
    if (!value) return expected(node, field, wanted(field), "units: us, ms, s, m, h, d, w");
    node.value = *value;
    in_range(node, field, static_cast<double>(*value));
  }

  void timestamp(Node& node, const Field& field) {
    if (!parse_timestamp(node.text)) {
      return expected(node, field, wanted(field), "write 2014-01-02 or \"2014-01-02T00:00:00Z\"");
    }
    node.value = node.text;
  }

  void choice(Node& node, const Field& field) {
    std::vector<std::string> names(field.choices.begin(), field.choices.end());
    if (std::find(names.begin(), names.end(), node.text) == names.end()) {
      fault(node.mark, "unknown_value",
            format("\"{}\" cannot be \"{}\"", field.name, shown(node.text)),
            did_you_mean(node.text, names, format("one of: {}", listed(names, 40))));
      return;
    }
    node.value = node.text;
  }

  void plain_text(Node& node, const Field& field) {
    if (field.kind == FieldKind::kName && !is_name(node.text)) {
      return expected(node, field, "a name of letters, digits and underscores");
    }
    if (node.text.empty() && field.kind != FieldKind::kText) {
      return expected(node, field, wanted(field));
    }
    node.value = node.text;
  }

  std::string_view owner_;
  Faults& faults_;
};

}  // namespace

Field list_of(Field field, Field element) {
  field.kind = FieldKind::kList;
  field.element = std::make_shared<const Field>(std::move(element));
  return field;
}

Field map_of(Field field, Field element) {
  field.kind = FieldKind::kMap;
  field.element = std::make_shared<const Field>(std::move(element));
  return field;
}

Field object_of(Field field, Shape shape) {
  field.kind = FieldKind::kObject;
  field.shape = std::make_shared<const Shape>(std::move(shape));
  return field;
}

Node resolve(const Node& node, const Field& field, std::string_view owner, Faults& faults) {
  return Resolver(owner, faults).value(node, field);
}

}  // namespace kingpost
