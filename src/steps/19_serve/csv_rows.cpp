// SPDX-License-Identifier: Apache-2.0
#include "steps/19_serve/csv_rows.h"

#include <algorithm>
#include <optional>
#include <set>
#include <vector>

#include "base/text.h"
#include "base/utf8.h"
#include "steps/csv_records.h"

namespace kingpost::steps::serve {
namespace {

using scoring::Cell;

template <typename... Args>
Error malformed(FormatString<Args...> text, Args&&... args) {
  return fail(Code::kInvalidInput, "infer.csv_malformed", text, std::forward<Args>(args)...);
}

// For each field of the records its place among the wanted ones.
using Places = std::vector<std::optional<std::size_t>>;

Result<Places> places_of(const CsvRecords& header, std::span<const scoring::WantedField> fields,
                         scoring::Rows& out) {
  Places places;
  std::set<std::string> seen;
  for (const std::string_view name : header.fields) {
    if (!seen.insert(std::string(name)).second) {
      return malformed("the column \"{}\" stands twice in the first record", shown(name));
    }
    const auto found =
        std::find_if(fields.begin(), fields.end(),
                     [&](const scoring::WantedField& each) { return each.name == name; });
    if (found == fields.end()) {
      places.push_back(std::nullopt);
      if (out.unknown.size() < scoring::kMostFaults) {
        out.unknown.push_back({0, std::string(name), "is no field of the model"});
      }
      continue;
    }
    if (found->width != 1) {
      return malformed("the field \"{}\" has {} values, and a CSV has one", name, found->width);
    }
    places.push_back(static_cast<std::size_t>(found - fields.begin()));
  }
  return places;
}

bool lies_in(std::string_view part, std::string_view whole) {
  return part.data() >= whole.data() && part.data() + part.size() <= whole.data() + whole.size();
}

}  // namespace

Result<scoring::Rows> rows_of_csv(std::string_view body,
                                  std::span<const scoring::WantedField> fields, Arena& arena) {
  if (!is_utf8(body)) return malformed("the body is no UTF-8");
  body = without_bom(body);
  CsvRecords records(body, {});
  if (!records.next()) return malformed("the body is empty: its first record names the columns");
  scoring::Rows out;
  TRY(const Places places, places_of(records, fields, out));
  while (records.next()) {
    const bool is_blank = records.record().empty() && places.size() > 1;
    if (is_blank) continue;
    if (!records.problem.empty()) {
      return malformed("line {} {}", records.line + 1, records.problem);
    }
    if (records.fields.size() != places.size()) {
      return malformed("line {} has {} fields, and the first record names {}", records.line + 1,
                       records.fields.size(), places.size());
    }
    const std::size_t first = out.cells.size();
    if (!scoring::has_room(first, fields.size())) return scoring::too_many_values();
    out.cells.resize(first + fields.size());
    for (std::size_t i = 0; i < places.size(); ++i) {
      if (!places[i]) continue;
      const std::string_view text = records.fields[i];
      Cell& cell = out.cells[first + *places[i]];
      cell.kind = text.empty() ? Cell::Kind::kNull : Cell::Kind::kLoose;
      // What had doubled quotes lies in the records, until the next one.
      cell.text = lies_in(text, body) ? text : arena.copy(text);
    }
    ++out.rows;
  }
  return out;
}

}  // namespace kingpost::steps::serve
