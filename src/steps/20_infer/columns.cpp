// SPDX-License-Identifier: Apache-2.0
// Which columns of a file are the model's, which pass through, and which are not there.
#include <algorithm>
#include <optional>
#include <set>

#include "base/text.h"
#include "records/schema.h"
#include "steps/20_infer/rows.h"

namespace kingpost::steps::infer {
namespace {

std::optional<std::size_t> position(const std::vector<std::string>& columns,
                                    std::string_view name) {
  const auto found = std::find(columns.begin(), columns.end(), name);
  if (found == columns.end()) return std::nullopt;
  return static_cast<std::size_t>(found - columns.begin());
}

Error missing_inputs(const std::vector<std::string>& missing,
                     const std::vector<std::string>& columns, const SourceRequest& request) {
  Error error = fail(Code::kInvalidInput, "infer.column_missing", "{} has no {}",
                     request.path == "-" ? "standard input" : format("\"{}\"", request.path),
                     missing.size() == 1 ? format("column \"{}\"", shown(missing[0]))
                                         : format("columns {}", listed(missing, missing.size())));
  for (const std::string& each : missing) {
    const auto near = nearest(each, columns);
    if (near) error = std::move(error).detail(format("for \"{}\": is it \"{}\"?", each, *near));
  }
  const bool none = missing.size() == request.signature->inputs.size();
  return std::move(error).hint(
      none
          ? "the first line must name the columns, as a curated row has them; for source files use "
            "--source"
          : format("it has {}", listed(columns, 20)));
}

// Capitals do not tell names apart in SQL, nor in what is written here.
std::optional<std::string> repeated(const std::vector<std::string>& names) {
  std::set<std::string> seen;
  for (const std::string& each : names) {
    if (!seen.insert(lower(each)).second) return each;
  }
  return std::nullopt;
}

// Numbers and times pass as numbers; what a float64 might round passes as text.
bool passes_as_text(std::string_view type) {
  return type == "string" || type == "int64" || type == "decimal" || type == "time";
}

Result<std::vector<std::string>> names_to_keep(const std::vector<std::string>& columns,
                                               const SourceRequest& request) {
  std::vector<std::string> names = request.keep_all ? columns : request.keep;
  std::set<std::string> seen;
  names.erase(std::remove_if(names.begin(), names.end(),
                             [&](const std::string& each) { return !seen.insert(each).second; }),
              names.end());
  if (request.keep_key) {
    for (const records::Column& each : request.signature->key) {
      if (position(columns, each.name)) names.push_back(each.name);
    }
  }
  for (const std::string& each : names) {
    if (position(columns, each)) continue;
    return fail(Code::kInvalidInput, "infer.keep_missing",
                "\"{}\" is to be kept, and there is no such column", shown(each))
        .hint(did_you_mean(each, columns, format("there are {}", listed(columns, 20))));
  }
  return names;
}

template <typename Values>
void drop_values(Values& values, const std::vector<bool>& bad) {
  std::size_t to = 0;
  for (std::size_t r = 0; r < values.size(); ++r) {
    if (bad[r]) continue;
    if (to != r) values[to] = std::move(values[r]);
    ++to;
  }
  values.resize(to);
}

}  // namespace

void drop_rows(records::BatchColumn& column, const std::vector<bool>& bad) {
  drop_values(column.numbers, bad);
  drop_values(column.texts, bad);
}

Result<Wanted> find_columns(const std::vector<std::string>& columns, const SourceRequest& request) {
  Wanted out;
  std::vector<std::string> missing;
  std::set<std::string> read;
  for (const records::Column& each : request.signature->inputs) {
    const auto at = position(columns, each.name);
    if (!at) missing.push_back(each.name);
    out.inputs.push_back(at.value_or(0));
    read.insert(each.name);
  }
  if (!missing.empty()) return missing_inputs(missing, columns, request);
  TRY(const auto names, names_to_keep(columns, request));
  for (const std::string& name : names) {
    KeptColumn kept;
    kept.name = name;
    const std::string_view type = request.signature->type_of(name);
    if (!type.empty()) kept.type = type;
    kept.checked = request.typed;
    kept.is_json = request.as_json;
    kept.as_text = !request.typed || passes_as_text(kept.type);
    out.kept.push_back(std::move(kept));
    out.kept_at.push_back(*position(columns, name));
    read.insert(name);
  }
  std::vector<std::string> used;
  std::vector<std::string> unused;
  for (const std::string& each : columns) (read.count(each) > 0 ? used : unused).push_back(each);
  if (const auto twice = repeated(used)) {
    return fail(Code::kInvalidInput, "infer.column_duplicate", "two columns are called \"{}\"",
                shown(*twice))
        .hint("give each column a name of its own");
  }
  if (!unused.empty()) {
    out.notes.push_back(format("not read: {}", listed(unused)));
  }
  return out;
}

}  // namespace kingpost::steps::infer
