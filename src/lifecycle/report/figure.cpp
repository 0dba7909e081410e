// SPDX-License-Identifier: Apache-2.0
// A chart of the page and its table.
#include "lifecycle/report/figure.h"

#include <algorithm>

namespace kingpost::lifecycle::report {

void fit_lines(Figure& figure) {
  constexpr std::size_t kMost = 40;
  constexpr int kLine = 20;
  constexpr int kAxis = 44;
  const std::size_t lines = std::min(figure.rows.size(), kMost);
  figure.height = static_cast<int>(lines) * kLine + kAxis;
  if (lines == figure.rows.size()) return;
  figure.options.set("most", lines);
  figure.words += format(" The first {} of {}; the table has all.", lines, figure.rows.size());
}

Markup to_html(const Figure& figure) {
  if (figure.rows.empty()) return {};
  Table table("", figure.columns);
  Json rows = Json::array();
  for (const auto& row : figure.rows) {
    std::vector<Cell> cells;
    for (const Json& value : row) cells.emplace_back(value_text(value));
    table.row(cells);
    rows.push(Json(Json::Array(row)));
  }
  Json columns = Json::array();
  for (const Head& head : figure.columns) columns.push(head.title);
  Json data = Json::object();
  data.set("kind", figure.kind).set("title", figure.title).set("options", figure.options);
  data.set("height", figure.height).set("columns", std::move(columns)).set("rows", rows);
  Html html;
  html.add("<figure><figcaption><b>{}</b>", figure.title);
  if (!figure.words.empty()) html.add(" {}", figure.words);
  html.add("</figcaption><div class=\"chart\" style=\"height:{}px\"></div>", figure.height);
  html.add("<script type=\"application/json\" class=\"data\">{}</script>",
           Markup{script_json(data)});
  html.add("{}</figure>\n", details("as a table", table.take()));
  return html.take();
}

Markup side_by_side(const std::vector<Markup>& figures, bool aligned) {
  Html html;
  for (const Markup& figure : figures) html.add(figure);
  if (html.empty()) return {};
  return markup("<div class=\"figures{}\">{}</div>\n", aligned ? " aligned" : "", html.take());
}

}  // namespace kingpost::lifecycle::report
