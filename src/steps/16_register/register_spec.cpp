// SPDX-License-Identifier: Apache-2.0
// The keys of the section `register`.
#include "steps/16_register/register.h"

namespace kingpost::steps::registering {

const Field& spec() {
  static const Field field = [] {
    Shape top{.fields = {
                  {.name = "name",
                   .kind = FieldKind::kText,
                   .doc = "name of the model; default PROJECT_TARGET"},
                  {.name = "alias",
                   .kind = FieldKind::kText,
                   .doc = "an alias that goes to each new version",
                   .fallback = "challenger"},
                  {.name = "promote_to",
                   .kind = FieldKind::kText,
                   .doc = "the alias of the version that a new one has to beat",
                   .fallback = "champion"},
                  {.name = "approval",
                   .kind = FieldKind::kChoice,
                   .doc = "optional: the first version, and one that beats the champion, takes its "
                          "place; required: only `kingpost alias` promotes",
                   .fallback = "optional",
                   .choices = {"optional", "required"}},
                  map_of({.name = "tags", .doc = "texts that are kept with the version"},
                         {.kind = FieldKind::kText}),
                  {.name = "description",
                   .kind = FieldKind::kText,
                   .doc = "some sentences about the version"},
              }};
    return object_of({.name = "register", .doc = "16: versions, aliases, tags, history"},
                     std::move(top));
  }();
  return field;
}

}  // namespace kingpost::steps::registering
