// SPDX-License-Identifier: Apache-2.0
// Field tables. A section of the pipeline file is declared once, as a table of fields; the parser,
// `kingpost help`, the JSON Schema and the docs are all read off that table.
#pragma once

#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/node.h"

namespace kingpost {

enum class FieldKind {
  kText,
  kName,        // letters, digits, underscore; does not start with a digit
  kPath,        // relative to the folder of the pipeline file
  kColumn,      // a column's name
  kExpression,  // a SQL scalar expression
  kSql,         // a SQL query
  kChoice,
  kBoolean,
  kInteger,
  kNumber,
  kDuration,
  kTimestamp,
  kScalar,  // any scalar; plain numbers and booleans keep their type
  kAny,     // taken as it is
  kList,
  kMap,
  kObject,
};

struct Shape;

struct Field {
  std::string_view name{};
  FieldKind kind = FieldKind::kText;
  /// One sentence, without a full stop.
  std::string_view doc{};
  bool required = false;
  /// The default as YAML flow text; empty when there is none.
  std::string_view fallback{};
  double least = -std::numeric_limits<double>::infinity();
  double most = std::numeric_limits<double>::infinity();
  std::vector<std::string_view> choices{};
  /// The element of a list or map.
  std::shared_ptr<const Field> element{};
  std::shared_ptr<const Shape> shape{};
  /// A section of the file: ids of faults below it begin with its name.
  bool section = false;
};

/// One kind of a tagged object, e.g. the check `unique` among the checks.
struct Variant {
  std::string_view name{};
  std::string_view doc{};
  std::vector<Field> fields{};
  std::vector<std::string_view> aliases{};
};

/// The keys of an object: `fields` always, those of the variant that `tag` names, and, where `rest`
/// is set, any other key with a value of that kind (tables by their name).
struct Shape {
  std::vector<Field> fields{};
  std::string_view tag{};
  std::vector<Variant> variants{};
  std::shared_ptr<const Field> rest{};
};

Field list_of(Field field, Field element);
Field map_of(Field field, Field element);
Field object_of(Field field, Shape shape);

/// Checks `node` against the field and answers the resolved tree: aliases replaced, scalars typed,
/// defaults filled in. Every fault is added with its place; the answer is usable only when none
/// was. `owner` prefixes the ids (`ingest.unknown_key`).
Node resolve(const Node& node, const Field& field, std::string_view owner, Faults& faults);

/// JSON Schema (draft 2020-12) of a field.
Json json_schema(const Field& field);

/// The help page of a field, as indented plain text.
std::string help_text(const Field& field);

}  // namespace kingpost
