// SPDX-License-Identifier: Apache-2.0
// What a step is: a field table, a check that sees no more than headers and types, and a run that
// turns sealed tables into sealed tables. It stands here and not in lifecycle/, because the steps
// must include it and may not include what lies above them.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/node.h"
#include "base/npy.h"
#include "base/result.h"
#include "base/spec.h"
#include "engines/sql/session.h"
#include "records/dataset.h"
#include "records/schema.h"
#include "store/journal.h"
#include "store/objects.h"

namespace kingpost::steps {

/// What holds for the whole file.
struct Settings {
  std::string project;
  /// The folder of the pipeline file; relative paths start there.
  std::string folder;
  /// The clock of the run: vars.now, or the wall clock.
  Micros now = 0;
  bool now_given = false;
  sql::EngineConfig engine;

  /// The clock as a key counts it: the wall clock by the hour, so that what depends on the age of
  /// data is looked at again later, and not at each run.
  Micros now_of_key() const {
    constexpr Micros kHour = 3'600'000'000;
    return now_given ? now : now / kHour * kHour;
  }
};

/// Before any step runs. A check adds every fault it can find and changes `catalog` from the tables
/// that enter its step to those that leave it.
struct CheckContext {
  /// The step's own resolved section; a null node when the file has none.
  const Node& section;
  /// All resolved sections of the file.
  const Node& pipeline;
  const Settings& settings;
  sql::Session& sql;
  records::Catalog& catalog;
  Faults& faults;
  /// Set when a table could not be looked at, so that later checks would only repeat it.
  bool stop = false;
};

struct KeyContext {
  const Node& section;
  /// All resolved sections of the file, for a step that reads another's.
  const Node& pipeline;
  const Settings& settings;
  store::Journal& journal;
  /// What enters the step; null where only the file is looked at.
  const records::Dataset* input = nullptr;
};

struct RunContext {
  const Node& section;
  const Node& pipeline;
  const Settings& settings;
  const records::Dataset& input;
  sql::Session& sql;
  store::Objects& objects;
  /// What the step last gave for this file, whatever its key was; null at first.
  const records::Dataset* previous = nullptr;
  /// Null only in tests of steps that do not use it.
  store::Journal* journal = nullptr;
  /// Takes words on how far a long step has come: "gbdt trial 3 of 20: best mae 22.61". May be
  /// empty.
  std::function<void(const std::string&)> progress{};
  /// Whether the user asked to stop; for steps that run long outside of SQL. May be empty.
  std::function<bool()> cancelled{};
};

/// A number of the step's one-line summary: {"rows", 336776}.
struct Count {
  std::string what;
  std::int64_t number = 0;
};

struct Outcome {
  records::Dataset output;
  /// Rows kept apart: "flights.rejected", "flights.quarantined", "flights.failures".
  records::Dataset beside;
  /// What the step found, for `kingpost data`, reports and later steps. No times, no paths: equal
  /// work gives equal bytes.
  Json report = Json::object();
  std::vector<Count> counts;
  std::vector<std::string> warnings;
  /// Folders that a killed run would have gone on from; removed once the step is sealed.
  std::vector<std::string> scratch{};
  /// Set when the step did its work and the answer is no: the report is kept, the run ends.
  std::optional<Error> verdict;
};

struct RestoreContext {
  const Node& section;
  const Settings& settings;
  const store::Objects& objects;
  /// What the step left when it ran.
  const records::Dataset& output;
};

using Check = void (*)(CheckContext& context);
using Run = Result<Outcome> (*)(RunContext& context);
/// Of a step that leaves something outside of the store: puts it there again, as `output` has it.
using Restore = Status (*)(const RestoreContext& context);
/// What the step depends on beside its section and its input tables, by name.
using KeyParts = Result<Json> (*)(KeyContext& context);

/// Writes the rows of `query` as the table `schema.name`; the columns of the query are those of the
/// schema, in order. The bytes do not depend on the number of threads.
Result<records::Table> write_table(RunContext& context, const records::TableSchema& schema,
                                   const std::string& query);

/// Seals bytes, or a finished temporary file of `context.objects`, as the file `name`. `digest`:
/// see Objects::seal.
Result<records::File> seal_file(RunContext& context, std::string name, const std::string& path,
                                const std::string& digest = {});
/// Finished temporary files, all at once, so that one wait for the disk serves them all.
struct Finished {
  std::string name;
  std::string path;
  std::string digest;
};
Status seal_files(RunContext& context, const std::vector<Finished>& files, records::Dataset& out);
Result<records::File> seal_bytes(RunContext& context, std::string name, std::string_view bytes);
/// The bytes of a small file that an earlier step left; JSON that it left. Fails with
/// `store.object_missing` or `store.object_damaged`; a file that no step left is an internal error.
Result<std::string> bytes_of(const RunContext& context, std::string_view name);
Result<Json> json_of(const RunContext& context, std::string_view name);
/// An array that an earlier step left.
Result<Npy> array_of(const RunContext& context, std::string_view name);

/// Rows in must be rows out: a difference is an internal error `id`, and nothing is sealed.
Status account_rows(std::string_view id, std::string_view table, std::int64_t in, std::int64_t out);

/// FROM item of a sealed table, under its own name as alias.
std::string from_table(const RunContext& context, const records::Table& table,
                       bool numbered = false);

/// The column names and types that a query answers.
Result<std::vector<records::Column>> describe(sql::Session& session, const std::string& query);

/// One cell as text for reports: null is `null`.
std::string cell_text(const Json& value);

}  // namespace kingpost::steps
