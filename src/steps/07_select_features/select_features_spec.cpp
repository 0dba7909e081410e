// SPDX-License-Identifier: Apache-2.0
// The keys of the section `select_features`.
#include "steps/07_select_features/select_features.h"

namespace kingpost::steps::select_features {
namespace {

Field share(std::string_view name, std::string_view doc, std::string_view fallback) {
  return {.name = name,
          .kind = FieldKind::kNumber,
          .doc = doc,
          .fallback = fallback,
          .least = 0,
          .most = 1};
}

Field features(std::string_view name, std::string_view doc) {
  return list_of({.name = name, .doc = doc}, {.kind = FieldKind::kText, .doc = "a feature"});
}

}  // namespace

const Field& spec() {
  static const Field field = [] {
    Field drop = list_of({.name = "drop",
                          .doc = "rules that drop columns",
                          .fallback = "[constant, near_empty, duplicated, correlated]"},
                         {.kind = FieldKind::kChoice,
                          .choices = {"constant", "near_empty", "duplicated", "correlated"}});
    Shape keep{.fields = {{.name = "by",
                           .kind = FieldKind::kChoice,
                           .doc = "what features are ranked by",
                           .fallback = "permutation",
                           .choices = {"permutation"}},
                          {.name = "max",
                           .kind = FieldKind::kInteger,
                           .doc = "so many are kept at most",
                           .required = true,
                           .least = 1}}};
    Shape top{
        .fields = {
            std::move(drop),
            share("near_empty_below",
                  "share of train rows with a value under which near_empty drops", "0.01"),
            share("correlated_above",
                  "absolute correlation (Pearson) above which the later of two columns is dropped",
                  "0.98"),
            object_of({.name = "keep", .doc = "keep only the most important features"},
                      std::move(keep)),
            features("always", "features that no rule drops"),
            features("never", "features that are dropped in any case"),
            share("alarm_share", "one feature with more of all importance than this is warned of",
                  "0.6"),
        }};
    return object_of(
        {.name = "select_features", .doc = "7: columns that the models may read, and why not"},
        std::move(top));
  }();
  return field;
}

}  // namespace kingpost::steps::select_features
