// SPDX-License-Identifier: Apache-2.0
// What is known of each family: for which targets, with which parameters, and the space that is
// searched when the file names none.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/node.h"
#include "records/features.h"

namespace kingpost::steps::candidates {

bool suits(std::string_view family, records::Task task);

/// What is wrong with a value of a parameter; no words where nothing is.
struct Objection {
  std::string words;
  std::string hint;
  /// The family has no such parameter.
  bool is_unknown = false;
};
Objection objection(std::string_view family, records::Task task, const std::string& parameter,
                    const Json& value);

/// The space of a family where the file gives none, by the number of train rows.
Json default_space(std::string_view family, std::int64_t rows);

/// Trials of a family where the file says none, by the number of train rows; 0 stands for those of
/// the search.
std::int64_t default_trials(std::string_view family, std::int64_t rows);

/// The data that the models would see.
struct Facts {
  records::Task task = records::Task::kNumber;
  std::int64_t rows = 0;
  /// Kept columns.
  std::vector<records::FeatureColumn> columns;
  bool weighted = false;
};
/// Why the family cannot be trained on these data; empty when it can.
std::string why_not(std::string_view family, const Facts& facts);

}  // namespace kingpost::steps::candidates
