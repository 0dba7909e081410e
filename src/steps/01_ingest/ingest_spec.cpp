// SPDX-License-Identifier: Apache-2.0
// The keys of the section `ingest`.
#include "steps/01_ingest/ingest.h"

namespace kingpost::steps::ingest {
namespace {

Field column_list(std::string_view name, std::string_view doc, bool required) {
  return list_of({.name = name, .doc = doc, .required = required, .least = required ? 1.0 : 0.0},
                 {.kind = FieldKind::kColumn});
}

Field known_at_field() {
  Shape shape{.fields = {
                  column_list("columns", "the columns that are known only later", true),
                  {.name = "column",
                   .kind = FieldKind::kColumn,
                   .doc = "a time column of the same table",
                   .required = true},
                  {.name = "after",
                   .kind = FieldKind::kDuration,
                   .doc = "how long after that time they are known",
                   .fallback = "0"},
              }};
  return list_of({.name = "known_at", .doc = "when the values of columns become known"},
                 object_of({}, std::move(shape)));
}

Field freshness_field() {
  Shape shape{.fields = {
                  {.name = "column",
                   .kind = FieldKind::kColumn,
                   .doc = "the time column whose newest value counts",
                   .required = true},
                  {.name = "warn_after",
                   .kind = FieldKind::kDuration,
                   .doc = "older than this against the clock: a warning",
                   .least = 0},
                  {.name = "error_after",
                   .kind = FieldKind::kDuration,
                   .doc = "older than this: the run ends",
                   .least = 0},
              }};
  return object_of({.name = "freshness", .doc = "how old the newest row may be"}, std::move(shape));
}

Field drift_field() {
  const std::vector<std::string_view> policies = {"ignore", "warn", "fail"};
  Shape shape{.fields = {
                  {.name = "new",
                   .kind = FieldKind::kChoice,
                   .doc = "a column that was not there at the last ingest",
                   .fallback = "warn",
                   .choices = policies},
                  {.name = "dropped",
                   .kind = FieldKind::kChoice,
                   .doc = "a column that is gone",
                   .fallback = "fail",
                   .choices = policies},
                  {.name = "retyped",
                   .kind = FieldKind::kChoice,
                   .doc = "a column whose type has changed",
                   .fallback = "fail",
                   .choices = policies},
              }};
  return object_of({.name = "drift",
                    .doc = "what to do when the columns are not those of the last ingest",
                    .fallback = "{}"},
                   std::move(shape));
}

Shape source_shape() {
  return {
      .fields = {
          {.name = "path",
           .kind = FieldKind::kPath,
           .doc = "a file, or a pattern with *, ?, [..] or **; gzip and zstd are read as they are",
           .required = true},
          {.name = "format",
           .kind = FieldKind::kChoice,
           .doc = "auto goes by the name of the file",
           .fallback = "auto",
           .choices = {"auto", "csv", "parquet", "ndjson"}},
          {.name = "delimiter",
           .kind = FieldKind::kText,
           .doc = "one character between the fields of a csv; default a comma, a tab for .tsv"},
          {.name = "quote",
           .kind = FieldKind::kText,
           .doc = "one character around csv fields",
           .fallback = "\"\"\""},
          {.name = "encoding",
           .kind = FieldKind::kChoice,
           .doc = "of a csv or ndjson file",
           .fallback = "utf-8",
           .choices = {"utf-8", "latin-1", "windows-1252", "utf-16"}},
          list_of({.name = "nulls",
                   .doc = "texts that mean no value in a csv; quoted ones are values",
                   .fallback = "[\"\"]"},
                  {.kind = FieldKind::kText}),
          map_of({.name = "types", .doc = "types of columns; the others are told from the data"},
                 {.kind = FieldKind::kChoice, .choices = records::type_words()}),
          column_list("key", "columns that name a row; they must be unique to be of use", false),
          known_at_field(),
          {.name = "static",
           .kind = FieldKind::kBoolean,
           .doc = "the table is valid at all times",
           .fallback = "false"},
          freshness_field(),
          drift_field(),
          {.name = "sample",
           .kind = FieldKind::kNumber,
           .doc = "the share of rows to take, by the hash of the key",
           .least = 0,
           .most = 1},
      }};
}

}  // namespace

const Field& spec() {
  static const Field field = [] {
    Shape shape{
        .fields = {{.name = "sample",
                    .kind = FieldKind::kNumber,
                    .doc = "the share of rows of curate's spine to take, by the hash of its key",
                    .least = 0,
                    .most = 1}}};
    shape.rest = std::make_shared<const Field>(
        object_of({.doc = "a source, under the name its table will have"}, source_shape()));
    return object_of({.name = "ingest", .doc = "1: the sources and what is known of them"},
                     std::move(shape));
  }();
  return field;
}

}  // namespace kingpost::steps::ingest
