// SPDX-License-Identifier: Apache-2.0
// The keys of the section `containerize`.
#include "steps/17_containerize/containerize.h"

namespace kingpost::steps::containerize {

const Field& spec() {
  static const Field field = [] {
    Shape top{.fields = {
                  {.name = "ref",
                   .kind = FieldKind::kText,
                   .doc = "name of the image; without a tag it gets the version's number; default "
                          "kingpost/MODEL:VERSION"},
                  {.name = "user",
                   .kind = FieldKind::kInteger,
                   .doc = "number of the user and group that the container runs as; never root",
                   .fallback = "65532",
                   .least = 1,
                   .most = 2147483647},
                  map_of({.name = "labels", .doc = "texts that registries and tools show"},
                         {.kind = FieldKind::kText}),
              }};
    return object_of({.name = "containerize", .doc = "17: an OCI image, made without a daemon"},
                     std::move(top));
  }();
  return field;
}

}  // namespace kingpost::steps::containerize
