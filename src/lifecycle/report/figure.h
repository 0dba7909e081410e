// SPDX-License-Identifier: Apache-2.0
// A chart of the page: its data as JSON beside the same data as a table. What is drawn is decided
// by `kind` in page.js; a reader without scripts still has the table.
#pragma once

#include <string>
#include <vector>

#include "lifecycle/report/html.h"

namespace kingpost::lifecycle::report {

struct Figure {
  std::string title{};
  /// How to read it, in a sentence; may be empty.
  std::string words{};
  /// A function of page.js: lines, intervals, bars, matrix, scatter, trials.
  std::string kind{};
  /// What that function takes beside the rows: titles of axes, a reference line.
  Json options = Json::object();
  std::vector<Head> columns{};
  /// One array per row, in the order of the columns.
  std::vector<std::vector<Json>> rows{};
  /// Pixels, fixed before anything is drawn, so that nothing moves.
  int height = 260;
};

/// For a chart that has one line per row: sets its height, and the most lines that it draws. The
/// table has all rows, and the words say so.
void fit_lines(Figure& figure);

/// Empty when there are no rows.
Markup to_html(const Figure& figure);

/// Several figures side by side where the page is wide enough.
/// `aligned` when they have one height, so that their captions may share one too.
Markup side_by_side(const std::vector<Markup>& figures, bool aligned = true);

}  // namespace kingpost::lifecycle::report
