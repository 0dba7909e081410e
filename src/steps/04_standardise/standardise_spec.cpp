// SPDX-License-Identifier: Apache-2.0
// The field table of the section `standardise`. The keys stand in the order in which they apply.
#include "records/schema.h"
#include "steps/04_standardise/standardise.h"

namespace kingpost::steps::standardise {
namespace {

Field choice(std::string_view name, std::string_view doc, std::vector<std::string_view> choices,
             std::string_view fallback) {
  return {.name = name,
          .kind = FieldKind::kChoice,
          .doc = doc,
          .fallback = fallback,
          .choices = std::move(choices)};
}

Field text(std::string_view name, std::string_view doc, bool required) {
  return {.name = name, .kind = FieldKind::kText, .doc = doc, .required = required};
}

Field text_operations() {
  Field operation = choice("", "An operation",
                           {"trim", "upper", "lower", "squash_spaces", "strip_accents", "nfc"}, "");
  return map_of({.name = "text", .doc = "Column to the operations on its texts, applied in order"},
                list_of({.doc = "Operations", .least = 1}, std::move(operation)));
}

Field categories() {
  Shape shape;
  shape.fields = {
      map_of({.name = "map", .doc = "Old value to new value, all at once"},
             text("", "The new value", false)),
      list_of({.name = "allowed",
               .doc = "The values that may be left; without it the new values of `map`",
               .least = 1},
              text("", "A value", false)),
      choice("other", "What becomes of a value that is not allowed",
             {"keep", "set_null", "reject", "value"}, "keep"),
      text("other_value", "The value that stands for all others, with other: value", false)};
  return map_of({.name = "categories", .doc = "Column to how its categories are unified"},
                object_of({.doc = "Categories of one column"}, std::move(shape)));
}

Field types() {
  Field type = choice("", "The type", records::type_words(), "");
  return map_of({.name = "types",
                 .doc = "Column to its new type; a value that the type cannot hold exactly rejects "
                        "its row"},
                std::move(type));
}

Field time_zones() {
  Shape shape;
  shape.fields = {text("zone", "The zone of the local times, e.g. Europe/Berlin", true),
                  choice("ambiguous", "A local time that occurs twice, when clocks go back",
                         {"first", "second", "reject"}, "reject"),
                  choice("missing",
                         "A local time that never occurs, when clocks go forward: move it forward "
                         "by the gap, or reject its row",
                         {"shift", "reject"}, "reject")};
  return map_of({.name = "time_zone",
                 .doc = "Column of local timestamps to its zone; it becomes "
                        "timestamp_utc"},
                object_of({.doc = "A zone"}, std::move(shape)));
}

Field units() {
  Shape shape;
  shape.fields = {text("from", "The unit of the values that enter", true),
                  text("to", "The unit of the values that leave", true)};
  return map_of({.name = "units", .doc = "Column to its units; it becomes float64"},
                object_of({.doc = "Two units of one dimension"}, std::move(shape)));
}

Field make_spec() {
  Shape shape;
  shape.fields = {
      map_of({.name = "rename", .doc = "Old column name to new; all other keys use the new names"},
             {.kind = FieldKind::kColumn, .doc = "The new name"}),
      text_operations(),
      categories(),
      types(),
      time_zones(),
      units(),
      map_of({.name = "add", .doc = "New column to its SQL expression, in order"},
             {.kind = FieldKind::kExpression, .doc = "A SQL expression over one row"}),
      list_of({.name = "drop", .doc = "Columns to leave out, after all else"},
              {.kind = FieldKind::kColumn, .doc = "A column"})};
  return map_of({.name = "standardise", .doc = "Brings each table to one schema"},
                object_of({.doc = "How one table is standardised"}, std::move(shape)));
}

}  // namespace

const Field& spec() {
  static const Field field = make_spec();
  return field;
}

}  // namespace kingpost::steps::standardise
