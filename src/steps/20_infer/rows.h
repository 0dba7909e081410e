// SPDX-License-Identifier: Apache-2.0
// Rows on their way from a file to their answers: a source cuts the file into blocks, any thread
// reads a block into rows, and writes what the model says of them.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.h"
#include "engines/sql/session.h"
#include "records/tensor.h"
#include "steps/signature.h"

namespace kingpost::steps::infer {

/// A row that is not scored, and why.
struct Reject {
  /// Within its block, from 0.
  std::int64_t row = 0;
  std::int64_t line = 0;
  /// Empty where the whole row is at fault.
  std::string column;
  std::string value;
  std::string reason;
  /// The text of the row, where there is one.
  std::string record;
};

/// A column that passes through.
struct KeptColumn {
  std::string name;
  /// As the signature or the file says; "string" where neither does.
  std::string type = "string";
  /// How its values travel: as texts, or as numbers as in a records::BatchColumn.
  bool as_text = true;
  /// Its texts must be of the type.
  bool checked = false;
  /// Its texts are JSON values as they stood in the file.
  bool is_json = false;
};

struct Rows {
  /// Rows of the block, and lines where it has them.
  std::int64_t read = 0;
  std::int64_t lines = 0;
  /// The inputs of the model, of the rows that can be scored (of all, where the source keeps them).
  records::Batch batch;
  /// One for each of Source::kept.
  std::vector<records::BatchColumn> kept;
  std::vector<Reject> rejects;
};

/// Between the fields of a CSV file of that name: a tab for .tsv, else a comma.
char usual_delimiter(const std::string& path);

/// Some of a file: whole records as text, or rows as the engine has read them.
using Block = std::variant<std::string, records::Batch>;

class Source {
 public:
  virtual ~Source() = default;
  Source(const Source&) = delete;
  Source& operator=(const Source&) = delete;

  virtual const std::vector<KeptColumn>& kept() const = 0;
  /// What the user should know: columns that are not read.
  virtual const std::vector<std::string>& notes() const = 0;
  /// Of the first row, in a file that has lines; known once `each` has handed a block over.
  virtual std::int64_t first_line() const { return 1; }
  /// Hands the blocks of the file over in order. Ends with the error of `take`, if any.
  virtual Status each(const std::function<Status(Block)>& take) = 0;
  /// Any number of threads may call it at once.
  virtual Result<Rows> read(Block& block) const = 0;

 protected:
  Source() = default;
};

enum class Form { kCsv, kNdjson, kParquet };

struct SourceRequest {
  /// "-" is standard input.
  std::string path;
  Form form = Form::kCsv;
  /// 0: a tab for .tsv, else a comma.
  char delimiter = 0;
  const Signature* signature = nullptr;
  /// Names of columns to keep; with `keep_all` all that there are, with `keep_key` those of the key
  /// that there are.
  std::vector<std::string> keep;
  bool keep_all = false;
  bool keep_key = true;
  /// Kept columns of the key and the inputs must be of their types, because they are written so.
  bool typed = false;
  /// Of NDJSON only: kept values pass as the JSON that they are.
  bool as_json = false;
  /// Of Parquet only: kept columns are not read, and rejected rows stay in their place.
  bool in_place = false;
  sql::EngineConfig engine;
};

/// Looks at the head of the file. Fails with `infer.file_empty`, `infer.column_missing` (all that
/// are missing, each with its nearest), `infer.column_duplicate`, `infer.keep_missing`,
/// `infer.wrong_encoding`, `infer.column_type`, or as files and the engine do.
Result<std::unique_ptr<Source>> open_csv(const SourceRequest& request);
Result<std::unique_ptr<Source>> open_ndjson(const SourceRequest& request);
Result<std::unique_ptr<Source>> open_parquet(const SourceRequest& request);

/// Where the columns that are wanted stand among those that there are.
struct Wanted {
  /// For each input of the signature, and for each kept column.
  std::vector<std::size_t> inputs;
  std::vector<std::size_t> kept_at;
  std::vector<KeptColumn> kept;
  std::vector<std::string> notes;
};
Result<Wanted> find_columns(const std::vector<std::string>& columns, const SourceRequest& request);

/// Takes out the rows that are bad.
void drop_rows(records::BatchColumn& column, const std::vector<bool>& bad);

}  // namespace kingpost::steps::infer
