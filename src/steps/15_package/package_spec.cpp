// SPDX-License-Identifier: Apache-2.0
// The keys of the section `package`.
#include "steps/15_package/package.h"

namespace kingpost::steps::package {

const Field& spec() {
  static const Field field = [] {
    Shape top{.fields = {
                  {.name = "signature",
                   .kind = FieldKind::kChoice,
                   .doc = "strict: rows must have the columns and types of the model; loose: what "
                          "can be converted is",
                   .fallback = "strict",
                   .choices = {"strict", "loose"}},
                  {.name = "input_example",
                   .kind = FieldKind::kInteger,
                   .doc = "so many rows are kept with their answers",
                   .fallback = "5",
                   .least = 1,
                   .most = 1000},
                  {.name = "card",
                   .kind = FieldKind::kPath,
                   .doc = "a Markdown text of the team that is put into the model card"},
                  {.name = "licence",
                   .kind = FieldKind::kText,
                   .doc = "of the model, as an SPDX expression, for its lists of parts"},
                  {.name = "sign",
                   .kind = FieldKind::kPath,
                   .doc = "private key that signs the bundle, of `kingpost keys new`"},
              }};
    return object_of({.name = "package", .doc = "15: one bundle of files for the winner"},
                     std::move(top));
  }();
  return field;
}

}  // namespace kingpost::steps::package
