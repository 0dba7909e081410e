// SPDX-License-Identifier: Apache-2.0
// A few rows rule out most types at the cost of looking at their first characters; only what is
// left is counted over all rows, and fractions only in columns that do not hold integers alone.
#include "steps/01_ingest/infer.h"

#include <algorithm>
#include <map>
#include <mutex>

#include "base/digest.h"
#include "base/text.h"
#include "engines/sql/dialect.h"
#include "steps/01_ingest/convert.h"

namespace kingpost::steps::ingest {
namespace {

constexpr std::string_view kRejects = "kingpost_look";

bool is_declared(const Source& source, const std::string& column) {
  const auto& types = source.node->map("types");
  return std::any_of(types.begin(), types.end(),
                     [&](const Entry& entry) { return entry.key == column; });
}

class Inference {
 public:
  Inference(sql::Session& session, const Source& source) : session_(session), source_(source) {
    for (const PlannedColumn& column : source.columns) {
      if (!is_declared(source, column.name)) guesses_.push_back({column.name, {}, {}});
    }
  }

  Result<std::vector<PlannedColumn>> columns(const std::string& path) {
    sample_ = reader(path);
    TRY_STATUS(rule_out());
    TRY_STATUS(count([](const Guess& guess) { return first_kinds(guess.possible); }));
    TRY_STATUS(count([](const Guess& guess) { return second_kinds(guess); }));
    std::map<std::string, std::string_view> types;
    for (const Guess& guess : guesses_) types[guess.column] = inferred_type(guess.evidence);
    std::vector<PlannedColumn> out = source_.columns;
    for (PlannedColumn& column : out) {
      const auto told = types.find(column.name);
      if (told != types.end()) column.type = told->second;
    }
    return out;
  }

 private:
  struct Guess {
    std::string column;
    Kinds possible;
    Evidence evidence;
  };

  std::string reader(const std::string& path) const {
    std::vector<std::string> names;
    for (const PlannedColumn& column : source_.columns) names.push_back(column.name);
    return sql::read_csv({.paths = {path},
                          .columns = std::move(names),
                          .delimiter = source_.form.delimiter,
                          .quote = source_.form.quote,
                          .nulls = source_.nulls,
                          .rejects = std::string(kRejects)});
  }

  // Where the first record is malformed, the engine skips all others too unless it stores rejects.
  Result<sql::Rows> query(const std::string& select, std::string_view limit = "") {
    for (const char* ending : {"_errors", "_scans"}) {
      TRY_STATUS(session_.run(format("DROP TABLE IF EXISTS {}{}", kRejects, ending)));
    }
    auto rows = session_.query(format("SELECT {} FROM {}{}", select, sample_, limit));
    if (rows || rows.error().code() != Code::kInvalidInput) return rows;
    return fail(Code::kInvalidInput, "ingest.source_unreadable", "\"{}\" cannot be read as CSV: {}",
                source_.names.front(), shown(split(rows.error().what(), '\n')[0], 200))
        .hint("check delimiter, quote and encoding");
  }

  // A file whose columns are all declared is read all the same, to see whether it can be.
  Status rule_out() {
    std::vector<std::string> names;
    for (const Guess& guess : guesses_) names.push_back(guess.column);
    if (names.empty()) names.push_back(source_.columns.front().name);
    TRY(const auto rows, query(sql::identifiers(names), " LIMIT 100"));
    for (std::size_t r = 0; r < rows.size(); ++r) {
      for (std::size_t c = 0; c < guesses_.size(); ++c) {
        const Json& cell = rows.rows[r][c];
        if (!cell.is_null()) guesses_[c].possible.narrow(cell.text());
      }
    }
    return {};
  }

  static Kinds first_kinds(const Kinds& possible) {
    Kinds out = possible;
    if (possible.integer) out.number = false;
    return out;
  }

  // Numbers, where integers were looked for and are not all.
  static Kinds second_kinds(const Guess& guess) {
    const Evidence& evidence = guess.evidence;
    const bool wanted = guess.possible.integer && guess.possible.number &&
                        evidence.integers != evidence.values &&
                        evidence.booleans != evidence.values;
    return {.boolean = false, .integer = false, .number = wanted, .time = false};
  }

  // Adds to the evidence what `kinds` wants of each column.
  Status count(const std::function<Kinds(const Guess&)>& kinds) {
    std::vector<Guess*> counted;
    for (Guess& guess : guesses_) {
      if (kinds(guess).any()) counted.push_back(&guess);
    }
    // The engine's time grows with the square of the number of aggregates.
    constexpr std::size_t kTogether = 40;
    for (std::size_t from = 0; from < counted.size(); from += kTogether) {
      const std::size_t to = std::min(from + kTogether, counted.size());
      std::vector<std::string> parts;
      for (std::size_t i = from; i < to; ++i) {
        parts.push_back(
            inference(sql::identifier(counted[i]->column), format("c{}", i), kinds(*counted[i])));
      }
      TRY(const auto rows, query(join(parts, ", ")));
      for (std::size_t i = from; i < to; ++i) note(rows, format("c{}", i), counted[i]->evidence);
    }
    return {};
  }

  // A count that was not asked for is absent, and stays as it is.
  static void note(const sql::Rows& rows, const std::string& prefix, Evidence& evidence) {
    const auto take = [&](std::string_view key, std::int64_t& number) {
      const Json& cell = rows.at(0, format("{}_{}", prefix, key));
      if (!cell.is_null()) number = cell.integer();
    };
    take("n", evidence.values);
    take("i", evidence.integers);
    take("f", evidence.numbers);
    take("b", evidence.booleans);
    take("d", evidence.dates);
    take("t", evidence.timestamps);
    take("z", evidence.zoned);
  }

  sql::Session& session_;
  const Source& source_;
  // FROM item of the sample.
  std::string sample_;
  std::vector<Guess> guesses_;
};

}  // namespace

Result<std::vector<PlannedColumn>> infer_csv_columns(sql::Session& session, const Source& source,
                                                     const std::string& path) {
  return Inference(session, source).columns(path);
}

Result<std::vector<PlannedColumn>> told_once(
    const std::string& content, const std::function<Result<std::vector<PlannedColumn>>()>& tell) {
  static std::mutex mutex;
  static std::map<std::string, std::vector<PlannedColumn>> told;
  // More than any pipeline has sources; what is forgotten is told again.
  constexpr std::size_t kMost = 1'000;
  const std::string key = sha256_of(content);
  {
    const std::lock_guard lock(mutex);
    if (const auto known = told.find(key); known != told.end()) return known->second;
  }
  TRY(auto columns, tell());
  const std::lock_guard lock(mutex);
  if (told.size() >= kMost) told.clear();
  told[key] = columns;
  return columns;
}

}  // namespace kingpost::steps::ingest
