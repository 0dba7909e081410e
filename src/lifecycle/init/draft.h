// SPDX-License-Identifier: Apache-2.0
// The text of a first pipeline file.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "lifecycle/init/table_facts.h"

namespace kingpost::lifecycle {

struct Draft {
  std::string project;
  std::vector<TableFacts> tables;
  std::vector<std::string> nulls;
  /// Of the sources, "latin-1" and the like; empty for UTF-8.
  std::vector<std::string> encodings;
  std::size_t spine = 0;
  std::string target;
  bool target_was_asked = false;
  /// number, binary or multiclass.
  std::string task;
  std::string expression;
  /// A time column to split by, and where.
  struct TimeSplit {
    std::string column;
    std::string validation_from;
    std::string test_from;
  };
  std::optional<TimeSplit> split;
};

std::string draft_text(const Draft& draft);

}  // namespace kingpost::lifecycle
