// SPDX-License-Identifier: Apache-2.0
// Curated rows of one file through a model into another: rows in = rows out + rejected, in order,
// in memory that does not grow with their number, on all threads.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engines/onnx/runtime.h"
#include "steps/20_infer/rows.h"

namespace kingpost::steps::infer {

/// By the end of the name (.csv, .tsv, .ndjson, .jsonl, each plain or .gz or .zst; .parquet), or by
/// `word` where that is not empty. Fails with `infer.unknown_format`.
Result<Form> form_of(const std::string& path, const std::string& word);

/// The form of OUT, which is never compressed. Fails with `infer.unknown_format`.
Result<Form> out_form_of(const std::string& path, const std::string& word);

/// Whether OUT and the file of the rejected rows ("" for none) can be written, before any work, and
/// none of them is the other or a file that is read. Fails with `infer.same_file` and as
/// `check_place` does.
Status check_places(const std::vector<std::string>& read, const std::string& out,
                    const std::string& rejected);

struct ScoreRequest {
  const onnx::Model* model = nullptr;
  /// What is read; `signature` is filled in by score_file. Requires: its engine has a temporary
  /// folder.
  SourceRequest in;
  const Signature* signature = nullptr;
  std::string out;
  Form out_form = Form::kCsv;
  /// Rejected rows go there as NDJSON; "" for nowhere.
  std::string rejected;
  /// Lines for it about rows that did not come so far.
  std::vector<std::string> earlier{};
  int threads = 0;
  std::function<bool()> cancelled{};
};

struct ScoreSummary {
  std::int64_t rows = 0;
  std::int64_t scored = 0;
  /// Those of `earlier` are not among `rows`.
  std::int64_t rejected = 0;
  std::int64_t earlier = 0;
  /// "line 7: "dep_delay" is not a number".
  std::string first_reject;
  std::vector<std::string> notes;
};

/// Writes `out` and, where rows are rejected, `rejected`; nothing where it fails. Fails as sources
/// and sinks do, with `infer.column_taken` where a kept column is called like an answer,
/// `infer.all_rejected` where no row could be scored (the rejected ones are written all the same),
/// `run.cancelled`.
Result<ScoreSummary> score_file(const ScoreRequest& request);

}  // namespace kingpost::steps::infer
