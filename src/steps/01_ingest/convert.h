// SPDX-License-Identifier: Apache-2.0
// Which type the texts of a column have, and what it becomes when later ones do not fit.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace kingpost::steps::ingest {

/// What an inferred column becomes that met values of another kind: integers become float64 when
/// the new values are fractions and no integer is too large to stay exact; all else becomes text.
struct Misfit {
  std::int64_t values = 0;
  /// Of these, how many look like (larger) integers or like no number at all.
  std::int64_t not_fractions = 0;
  /// Integers of the column beyond 2^53.
  std::int64_t large_integers = 0;
};
std::string_view widened(std::string_view type, const Misfit& misfit);
/// SQL aggregates <prefix>_m, _s, _l for `Misfit`, where `faulty` says which rows do not convert.
std::string misfit_counts(const std::string& text, const std::string& faulty,
                          const std::string& prefix);

/// Which kinds of values a column may still hold; the less, the cheaper its `inference`.
struct Kinds {
  bool boolean = true;
  bool integer = true;
  bool number = true;
  bool time = true;

  bool any() const { return boolean || integer || number || time; }
  /// Takes away the kinds of which the value, by its first look, cannot be.
  void narrow(std::string_view value);
};

/// SQL aggregates over the text column `text` that `inferred_type` reads: prefix_n, prefix_i, ...
/// Those of other kinds are left out; their count is less than prefix_n.
std::string inference(const std::string& text, const std::string& prefix, const Kinds& kinds = {});

struct Evidence {
  std::int64_t values = 0;
  std::int64_t integers = 0;
  std::int64_t numbers = 0;
  std::int64_t booleans = 0;
  std::int64_t dates = 0;
  std::int64_t timestamps = 0;
  std::int64_t zoned = 0;
};
/// Numbers with leading zeros are identifiers, so strings; a column without values is a string.
std::string_view inferred_type(const Evidence& evidence);

}  // namespace kingpost::steps::ingest
