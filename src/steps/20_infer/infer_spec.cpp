// SPDX-License-Identifier: Apache-2.0
// The keys of the section `infer`.
#include "steps/20_infer/batch_step.h"

namespace kingpost::steps::infer {

const Field& spec() {
  static const Field field = [] {
    Shape top{.fields = {
                  {.name = "model",
                   .kind = FieldKind::kText,
                   .doc = "NAME (its champion, else its newest version), NAME/3 or NAME@ALIAS; "
                          "default: the version of this run"},
                  {.name = "input",
                   .kind = FieldKind::kPath,
                   .doc = "file of curated rows: CSV, NDJSON or Parquet",
                   .required = true},
                  {.name = "output",
                   .kind = FieldKind::kPath,
                   .doc = "file of the answers: CSV, NDJSON or Parquet",
                   .required = true},
                  {.name = "rejected",
                   .kind = FieldKind::kPath,
                   .doc = "where rows go that cannot be scored; default OUTPUT.rejected.ndjson"},
                  {.name = "keep",
                   .kind = FieldKind::kText,
                   .doc = "columns that pass through: a,b or all; default: those of the key"},
              }};
    return object_of({.name = "infer", .doc = "20: a file of rows scored at the end of a run"},
                     std::move(top));
  }();
  return field;
}

}  // namespace kingpost::steps::infer
