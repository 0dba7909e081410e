// SPDX-License-Identifier: Apache-2.0
// The two views of a field table: JSON Schema for editors, a help page for people.
#include "base/spec.h"
#include "base/text.h"

namespace kingpost {
namespace {

Json type_schema(const Field& field);

Json object_schema(const std::vector<const Field*>& fields, const Field* rest) {
  Json properties = Json::object();
  Json required = Json::array();
  for (const Field* each : fields) {
    properties.set(each->name, json_schema(*each));
    if (each->required) required.push(std::string(each->name));
  }
  Json out = Json::object();
  out.set("type", "object").set("properties", std::move(properties));
  if (!required.items().empty()) out.set("required", std::move(required));
  out.set("additionalProperties", rest != nullptr ? json_schema(*rest) : Json(false));
  return out;
}

Json tagged_schema(const Shape& shape) {
  Json options = Json::array();
  for (const Variant& variant : shape.variants) {
    Json names = Json::array();
    names.push(variant.name);
    for (const std::string_view alias : variant.aliases) names.push(alias);
    std::vector<const Field*> fields;
    for (const Field& each : shape.fields) fields.push_back(&each);
    for (const Field& each : variant.fields) fields.push_back(&each);
    Json option = object_schema(fields, nullptr);
    Json properties = option["properties"];
    properties.set(shape.tag, Json::object().set("enum", std::move(names)));
    Json required = option["required"];
    required.push(shape.tag);
    option.set("properties", std::move(properties)).set("required", std::move(required));
    option.set("description", variant.doc);
    options.push(std::move(option));
  }
  return Json::object().set("oneOf", std::move(options));
}

Json bounded(Json schema, const Field& field) {
  if (field.least > -std::numeric_limits<double>::infinity()) schema.set("minimum", field.least);
  if (field.most < std::numeric_limits<double>::infinity()) schema.set("maximum", field.most);
  return schema;
}

Json type_schema(const Field& field) {
  switch (field.kind) {
    case FieldKind::kBoolean:
      return Json::object().set("type", "boolean");
    case FieldKind::kInteger:
      return bounded(Json::object().set("type", "integer"), field);
    case FieldKind::kNumber:
      return bounded(Json::object().set("type", "number"), field);
    case FieldKind::kDuration:
      return Json::object()
          .set("type", Json(Json::Array{"string", "integer"}))
          .set("pattern", "^[+-]?[0-9]+(us|ms|s|m|h|d|w)$|^0$");
    case FieldKind::kName:
      return Json::object().set("type", "string").set("pattern", "^[A-Za-z_][A-Za-z0-9_]*$");
    case FieldKind::kChoice: {
      Json names = Json::array();
      for (const std::string_view each : field.choices) names.push(each);
      return Json::object().set("enum", std::move(names));
    }
    case FieldKind::kList:
      return Json::object().set("type", "array").set("items", json_schema(*field.element));
    case FieldKind::kMap:
      return Json::object()
          .set("type", Json(Json::Array{"object", "null"}))
          .set("additionalProperties", json_schema(*field.element));
    case FieldKind::kObject: {
      if (!field.shape->tag.empty()) return tagged_schema(*field.shape);
      std::vector<const Field*> fields;
      for (const Field& each : field.shape->fields) fields.push_back(&each);
      return object_schema(fields, field.shape->rest.get());
    }
    case FieldKind::kScalar:
      return Json::object().set("type", Json(Json::Array{"string", "number", "boolean", "null"}));
    case FieldKind::kAny:
      return Json::object();
    // YAML reads an unquoted text such as 12 or 2013-10-01 as another type; all are taken.
    default:
      return Json::object().set("type", Json(Json::Array{"string", "number", "boolean"}));
  }
}

std::string_view kind_name(const Field& field) {
  switch (field.kind) {
    case FieldKind::kText:
      return "text";
    case FieldKind::kName:
      return "name";
    case FieldKind::kPath:
      return "path";
    case FieldKind::kColumn:
      return "column";
    case FieldKind::kExpression:
      return "SQL expression";
    case FieldKind::kSql:
      return "SQL query";
    case FieldKind::kChoice:
      return "choice";
    case FieldKind::kBoolean:
      return "true or false";
    case FieldKind::kInteger:
      return "whole number";
    case FieldKind::kNumber:
      return "number";
    case FieldKind::kDuration:
      return "duration";
    case FieldKind::kTimestamp:
      return "time";
    case FieldKind::kScalar:
      return "value";
    case FieldKind::kList:
      return "list";
    case FieldKind::kMap:
      return "map";
    case FieldKind::kObject:
      return "object";
    case FieldKind::kAny:
      return "anything";
  }
  return "";
}

std::string type_text(const Field& field) {
  if (field.kind == FieldKind::kChoice) {
    return join(std::vector<std::string>(field.choices.begin(), field.choices.end()), " | ");
  }
  if (field.kind == FieldKind::kList) return format("list of {}", type_text(*field.element));
  if (field.kind == FieldKind::kMap) return format("map to {}", type_text(*field.element));
  return std::string(kind_name(field));
}

void write_fields(std::string& out, const std::vector<Field>& fields, int depth);

void write_shape(std::string& out, const Shape& shape, int depth) {
  const std::string indent(static_cast<std::size_t>(depth) * 2, ' ');
  write_fields(out, shape.fields, depth);
  for (const Variant& variant : shape.variants) {
    out += format("{}{}: {}\n", indent, shape.tag, variant.name);
    out += format("{}    {}\n", indent, variant.doc);
    if (!variant.aliases.empty()) {
      const std::vector<std::string> names(variant.aliases.begin(), variant.aliases.end());
      out += format("{}    also: {}\n", indent, join(names, ", "));
    }
    write_fields(out, variant.fields, depth + 2);
  }
  if (shape.rest != nullptr) {
    Field rest = *shape.rest;
    rest.name = "<name>";
    write_fields(out, {rest}, depth);
  }
}

void write_nested(std::string& out, const Field& field, int depth) {
  if (field.kind == FieldKind::kObject) write_shape(out, *field.shape, depth);
  if (field.kind == FieldKind::kList || field.kind == FieldKind::kMap) {
    write_nested(out, *field.element, depth);
  }
}

void write_fields(std::string& out, const std::vector<Field>& fields, int depth) {
  const std::string indent(static_cast<std::size_t>(depth) * 2, ' ');
  for (const Field& field : fields) {
    std::string notes = type_text(field);
    if (field.required) notes += ", required";
    if (!field.fallback.empty() && field.fallback != "{}") {
      notes += format(", default {}", field.fallback);
    }
    out += format("{}{}  ({})\n", indent, field.name, notes);
    if (!field.doc.empty()) out += format("{}    {}\n", indent, field.doc);
    write_nested(out, field, depth + 2);
  }
}

}  // namespace

Json json_schema(const Field& field) {
  Json out = type_schema(field);
  if (!field.doc.empty()) out.set("description", field.doc);
  return out;
}

std::string help_text(const Field& field) {
  std::string out = format("{}  ({})\n", field.name, type_text(field));
  if (!field.doc.empty()) out += format("    {}\n", field.doc);
  out += "\n";
  write_nested(out, field, 1);
  return out;
}

}  // namespace kingpost
