// SPDX-License-Identifier: Apache-2.0
// Curated rows of one file through a model into another.
#include "steps/20_infer/score_file.h"

#include <algorithm>

#include "base/files.h"
#include "base/parallel.h"
#include "base/text.h"
#include "steps/20_infer/line.h"
#include "steps/20_infer/writers.h"
#include "steps/step.h"

namespace kingpost::steps::infer {
namespace {

// What one block became.
struct Scored {
  Piece piece;
  std::int64_t read = 0;
  std::int64_t lines = 0;
  std::vector<Reject> rejects;
};

Result<std::unique_ptr<Source>> open_source(const SourceRequest& request) {
  if (request.form == Form::kCsv) return open_csv(request);
  if (request.form == Form::kNdjson) return open_ndjson(request);
  return open_parquet(request);
}

std::string place_text(const Reject& reject) {
  if (reject.line > 0) return format("line {}", reject.line);
  return format("row {}", reject.row);
}

class Scoring {
 public:
  explicit Scoring(const ScoreRequest& request) : request_(request) {}

  Result<ScoreSummary> run() {
    const bool into_parquet = request_.out_form == Form::kParquet;
    SourceRequest in = request_.in;
    in.signature = request_.signature;
    in.typed = into_parquet;
    in.as_json = in.form == Form::kNdjson && request_.out_form == Form::kNdjson;
    in.in_place = into_parquet && in.form == Form::kParquet;
    TRY(source_, open_source(in));
    TRY_STATUS(open_sink(in));
    if (!request_.rejected.empty()) {
      rejects_ = std::make_unique<NewFile>(request_.rejected);
      TRY_STATUS(rejects_->check());
      for (const std::string& line : request_.earlier) TRY_STATUS(rejects_->write(line + "\n"));
    }
    summary_.earlier = static_cast<std::int64_t>(request_.earlier.size());
    TRY_STATUS(score());
    TRY_STATUS(end());
    summary_.notes = source_->notes();
    return std::move(summary_);
  }

 private:
  Status open_sink(const SourceRequest& in) {
    SinkRequest out;
    out.path = request_.out;
    out.form = request_.out_form;
    out.delimiter = usual_delimiter(out.path);
    out.kept = source_->kept();
    out.answers = answer_columns(*request_.signature, request_.model->outputs());
    out.engine = in.engine;
    if (in.in_place) out.beside = in.path;
    for (const KeptColumn& kept : out.kept) {
      for (const AnswerColumn& answer : out.answers) {
        if (lower(kept.name) != lower(answer.name)) continue;
        return fail(Code::kInvalidInput, "infer.column_taken",
                    "the column \"{}\" is kept, and an answer is called so", shown(kept.name))
            .hint("name the columns to keep: --keep a,b");
      }
    }
    TRY(sink_, out.form == Form::kParquet ? open_parquet_sink(out) : open_text(out));
    return {};
  }

  Status score() {
    Line<Block, Scored> line(
        threads_or_all(request_.threads), [&](Block& block) { return work(block); },
        [&](Scored scored) { return take(std::move(scored)); });
    TRY_STATUS(source_->each([&](Block block) {
      if (request_.cancelled && request_.cancelled()) {
        return Status(fail(Code::kCancelled, "run.cancelled", "stopped"));
      }
      return line.add(std::move(block));
    }));
    return line.finish();
  }

  Result<Scored> work(Block& block) const {
    TRY(Rows rows, source_->read(block));
    std::vector<records::Tensor> answers;
    request_.model->make_room(rows.batch.rows, answers);
    TRY_STATUS(request_.model->run_into(rows.batch, 0, rows.batch.rows, answers));
    Scored out;
    out.piece = sink_->render(rows, answers);
    out.read = rows.read;
    out.lines = rows.lines;
    out.rejects = std::move(rows.rejects);
    return out;
  }

  Status take(Scored scored) {
    if (line_ == 0) line_ = source_->first_line();
    for (Reject& each : scored.rejects) {
      each.row += summary_.rows + 1;
      if (line_ > 0) each.line += line_;
      TRY_STATUS(note(each));
    }
    line_ += scored.lines;
    summary_.rows += scored.read;
    summary_.scored += scored.piece.rows;
    summary_.rejected += static_cast<std::int64_t>(scored.rejects.size());
    return sink_->take(std::move(scored.piece));
  }

  Status note(const Reject& reject) {
    if (summary_.first_reject.empty()) {
      const std::string value =
          reject.column.empty() ? std::string()
                                : format("{} \"{}\" ", shown(reject.column), shown(reject.value));
      summary_.first_reject = format("{}: {}{}", place_text(reject), value, reject.reason);
    }
    if (rejects_ == nullptr) return {};
    std::string text = format("{{\"row\":{}", reject.row);
    if (reject.line > 0) text += format(",\"line\":{}", reject.line);
    const auto add = [&](std::string_view key, std::string_view value) {
      text += format(",\"{}\":", key);
      add_json_text(text, value);
    };
    if (!reject.column.empty()) {
      add("column", reject.column);
      add("value", reject.value);
    }
    add("reason", reject.reason);
    if (reject.line > 0) add("record", reject.record);
    return rejects_->write(text + "}\n");
  }

  Status end() {
    TRY_STATUS(account_rows("infer.rows_unaccounted", request_.in.path, summary_.rows,
                            summary_.scored + summary_.rejected));
    const bool any = summary_.rejected + summary_.earlier > 0;
    const bool none = summary_.rows > 0 && summary_.scored == 0;
    // First OUT: where that fails, what an earlier run left stays as it was, both files of it.
    if (!none) TRY_STATUS(sink_->finish());
    if (any && rejects_ != nullptr) TRY_STATUS(rejects_->keep());
    if (none) return all_rejected();
    // What an earlier run rejected says nothing of this one.
    if (!any && rejects_ != nullptr) TRY_STATUS(remove_file(request_.rejected));
    return {};
  }

  Error all_rejected() const {
    return fail(Code::kDataRejected, "infer.all_rejected", "{} read, and none can be scored",
                counted(summary_.rows, "rows"))
        .detail(summary_.first_reject)
        .hint(rejects_ == nullptr ? "keep them with --rejected"
                                  : format("they are in \"{}\"", request_.rejected));
  }

  const ScoreRequest& request_;
  std::unique_ptr<Source> source_;
  std::unique_ptr<Sink> sink_;
  std::unique_ptr<NewFile> rejects_;
  std::int64_t line_ = 0;
  ScoreSummary summary_;
};

}  // namespace

char usual_delimiter(const std::string& path) {
  return form_name(path).ends_with(".tsv") ? '\t' : ',';
}

Result<Form> form_of(const std::string& path, const std::string& word) {
  if (word == "csv") return Form::kCsv;
  if (word == "ndjson") return Form::kNdjson;
  if (word == "parquet" && path != "-") return Form::kParquet;
  const std::string plain = word.empty() ? form_name(path) : std::string();
  if (plain.ends_with(".csv") || plain.ends_with(".tsv")) return Form::kCsv;
  if (plain.ends_with(".ndjson") || plain.ends_with(".jsonl")) return Form::kNdjson;
  if (plain.ends_with(".parquet")) return Form::kParquet;
  return fail(Code::kInvalidInput, "infer.unknown_format", "cannot tell the format of \"{}\"",
              shown(path))
      .hint(path == "-" ? "say --format csv or --format ndjson; Parquet is no stream"
                        : "end the name with .csv, .ndjson or .parquet, or say --format csv");
}

Result<Form> out_form_of(const std::string& path, const std::string& word) {
  const std::string plain = lower(path);
  const auto refused = [&](std::string_view why) {
    return fail(Code::kInvalidInput, "infer.unknown_format", "\"{}\" {}", shown(path), why)
        .hint("end OUT with .csv, .tsv or .ndjson, each with .gz or without, or with .parquet");
  };
  if (plain.ends_with(".zst")) return refused("would not be compressed");
  TRY(const Form form, form_of(path, word));
  if (form == Form::kParquet && plain.ends_with(".gz")) return refused("is compressed within");
  return form;
}

Status check_places(const std::vector<std::string>& read, const std::string& out,
                    const std::string& rejected) {
  const auto apart = [](const std::string& a, const std::string& b, std::string_view what) {
    const bool same =
        a != "-" && !a.empty() && (same_file(a, b) || absolute_path(a) == absolute_path(b));
    if (!same) return Status();
    return Status(fail(Code::kInvalidInput, "infer.same_file", "\"{}\" is {}", shown(a), what)
                      .hint("give each a name of its own, so that nothing is lost"));
  };
  TRY_STATUS(apart(out, rejected, "OUT and the file of the rejected rows"));
  for (const std::string& each : read) {
    TRY_STATUS(apart(out, each, "read, and is OUT"));
    TRY_STATUS(apart(rejected, each, "read, and is the file of the rejected rows"));
  }
  if (out != "-") TRY_STATUS(check_place(out));
  if (!rejected.empty()) TRY_STATUS(check_place(rejected));
  return {};
}

Result<ScoreSummary> score_file(const ScoreRequest& request) {
  return Scoring(request).run();
}

}  // namespace kingpost::steps::infer
