// SPDX-License-Identifier: Apache-2.0
// What is written for a row: the columns that pass through, then the answers. A file gets its name
// only when it is whole.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/json_text.h"
#include "base/new_file.h"
#include "steps/20_infer/rows.h"

namespace kingpost::steps::infer {

/// Some rows as they are written.
struct Piece {
  std::int64_t rows = 0;
  std::string text;
  records::Batch batch;
};

class Sink {
 public:
  virtual ~Sink() = default;
  Sink(const Sink&) = delete;
  Sink& operator=(const Sink&) = delete;

  /// Any number of threads may call it at once.
  virtual Piece render(const Rows& rows, const std::vector<records::Tensor>& answers) const = 0;
  /// In the order of the rows.
  virtual Status take(Piece piece) = 0;
  /// Everything is there: writes the rest, syncs and renames. Without it nothing is left.
  virtual Status finish() = 0;

 protected:
  Sink() = default;
};

struct SinkRequest {
  /// "-" is standard output.
  std::string path;
  Form form = Form::kCsv;
  /// CSV only.
  char delimiter = ',';
  std::vector<KeptColumn> kept;
  std::vector<AnswerColumn> answers;
  /// Parquet only: the file whose kept columns stand beside the answers, row by row; or "".
  std::string beside;
  sql::EngineConfig engine;
};
/// Fails as files and the engine do.
Result<std::unique_ptr<Sink>> open_text(const SinkRequest& request);
Result<std::unique_ptr<Sink>> open_parquet_sink(const SinkRequest& request);

}  // namespace kingpost::steps::infer
