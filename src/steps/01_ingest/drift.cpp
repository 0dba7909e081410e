// SPDX-License-Identifier: Apache-2.0
// Schema drift.
#include "steps/01_ingest/drift.h"

#include "base/text.h"

namespace kingpost::steps::ingest {
namespace {

struct Change {
  std::string_view policy_key;
  std::string text;
};

// A type that the file itself declares is no drift of the data.
std::vector<Change> changes(const records::TableSchema& before, const records::TableSchema& now,
                            const Source& source) {
  std::vector<Change> out;
  for (const records::Column& column : now.columns) {
    const records::Column* old = before.find(column.name);
    if (old == nullptr) {
      out.push_back({"new", format("column \"{}\" ({}) is new", column.name, column.type)});
    } else if (old->type != column.type && !source.find(column.name)->declared) {
      out.push_back({"retyped", format("column \"{}\" was {} and is {}", column.name, old->type,
                                       column.type)});
    }
  }
  for (const records::Column& column : before.columns) {
    if (now.find(column.name) == nullptr) {
      out.push_back({"dropped", format("column \"{}\" ({}) is gone", column.name, column.type)});
    }
  }
  return out;
}

}  // namespace

void compare_schemas(const records::Dataset* previous, const Source& source,
                     const records::TableSchema& now, Outcome& outcome) {
  const records::Table* before = previous != nullptr ? previous->find(source.table) : nullptr;
  if (before == nullptr) return;
  std::vector<std::string> failing;
  std::string key;
  for (const Change& change : changes(before->schema, now, source)) {
    const std::string policy = source.node->at("drift").text_at(change.policy_key);
    if (policy == "warn") outcome.warnings.push_back(source.table + ": " + change.text);
    if (policy == "fail") {
      failing.push_back(change.text);
      key = change.policy_key;
    }
  }
  if (failing.empty() || outcome.verdict) return;
  Error verdict = fail(Code::kDataRejected, "ingest.schema_drift",
                       "\"{}\" has other columns than at the last ingest", source.table);
  for (const std::string& text : failing) verdict = std::move(verdict).detail(text);
  outcome.verdict = std::move(verdict).hint(format(
      "if that is meant, accept it once with --set ingest.{}.drift.{}=warn", source.table, key));
}

}  // namespace kingpost::steps::ingest
