// SPDX-License-Identifier: Apache-2.0
// CSV (RFC 4180): the first record names the columns; an empty field is null.
#include <algorithm>

#include "base/files.h"
#include "base/text.h"
#include "base/utf8.h"
#include "engines/archive/stream.h"
#include "steps/20_infer/builder.h"
#include "steps/20_infer/csv_records.h"
#include "steps/20_infer/text_blocks.h"

namespace kingpost::steps::infer {
namespace {

constexpr std::string_view kBom = "\xEF\xBB\xBF";

class CsvSource final : public Source {
 public:
  explicit CsvSource(const SourceRequest& request)
      : signature_(*request.signature), path_(request.path), referee_(request.engine) {
    form_.delimiter = request.delimiter != 0 ? request.delimiter : ',';
    const std::string plain = lower(request.path);
    if (request.delimiter == 0 && plain.find(".tsv") != std::string::npos) form_.delimiter = '\t';
  }

  Status open(const SourceRequest& request, std::string head, bool whole) {
    TRY_STATUS(look_at_head(head, whole));
    CsvRecords records(head, form_);
    records.next();
    for (const std::string_view each : records.fields) names_.emplace_back(each);
    TRY(wanted_, find_columns(names_, request));
    lanes_ = lanes_of(signature_, wanted_.kept);
    at_ = wanted_.inputs;
    at_.insert(at_.end(), wanted_.kept_at.begin(), wanted_.kept_at.end());
    return {};
  }

  const std::vector<KeptColumn>& kept() const override { return wanted_.kept; }
  const std::vector<std::string>& notes() const override { return wanted_.notes; }
  std::int64_t first_line() const override { return first_line_; }

  /// The head of the file, and whether that is all of it. Standard input can be read only once, so
  /// what was looked at is kept.
  Result<bool> read_head(std::string& head) {
    bool whole = true;
    TRY_STATUS(read_pieces(path_, [&](std::string_view piece) {
      head += piece;
      whole = head.size() < kHead;
      return whole;
    }));
    if (path_ == "-") seen_ = head;
    return whole;
  }

  Status each(const std::function<Status(Block)>& take) override {
    BlockCutter cutter(form_);
    Status done;
    bool is_first = true;
    const auto add = [&](std::string_view piece) {
      if (is_first && starts_with(piece, kBom)) piece.remove_prefix(kBom.size());
      is_first = false;
      cutter.add(piece);
      done = hand_over(cutter, false, take);
      return done.has_value();
    };
    if (!seen_.empty() && !add(std::exchange(seen_, {}))) return done;
    TRY_STATUS(read_pieces(path_, add));
    TRY_STATUS(std::move(done));
    return hand_over(cutter, true, take);
  }

  Result<Rows> read(Block& block) const override {
    const std::string& text = std::get<std::string>(block);
    RowBuilder builder(lanes_, signature_.inputs.size(), is_utf8(text));
    CsvRecords records(text, form_);
    while (records.next()) {
      // A blank line is a row only where a row is one field.
      if (records.record().empty() && names_.size() > 1) continue;
      take_record(records, builder);
    }
    TRY(Rows rows, builder.finish(referee_));
    rows.lines = count_lines(text, form_.end);
    return rows;
  }

 private:
  static constexpr std::size_t kHead = 1U << 20U;

  Error wrong(const std::string& why, const std::string& hint) const {
    return fail(Code::kInvalidInput, "infer.wrong_encoding", "{} {}",
                path_ == "-" ? "standard input" : format("\"{}\"", path_), why)
        .hint(hint);
  }

  Status look_at_head(std::string& head, bool whole) {
    if (head.empty() || (whole && head == kBom)) {
      return fail(Code::kInvalidInput, "infer.file_empty", "{} is empty",
                  path_ == "-" ? "standard input" : format("\"{}\"", path_))
          .hint("a file without rows has at least the line that names its columns");
    }
    if (starts_with(head, kBom)) head.erase(0, kBom.size());
    if (head.find('\n') == std::string::npos && head.find('\r') != std::string::npos) {
      form_.end = '\r';
    }
    if (head.find('\0') != std::string::npos) {
      return wrong("is no text: it holds zero bytes",
                   "is it Parquet, compressed, or UTF-16? name the format with --format");
    }
    const std::string line = head.substr(0, head.find(form_.end));
    if (!is_utf8(line)) {
      return wrong("does not name its columns in UTF-8",
                   "convert it first: iconv -f latin1 -t utf-8");
    }
    if (!whole && line.size() == head.size()) {
      return wrong("has no end of line in its first MiB", "is it CSV?");
    }
    return {};
  }

  Status hand_over(BlockCutter& cutter, bool all, const std::function<Status(Block)>& take) {
    TRY(std::string text, cutter.cut(all));
    if (text.empty()) return {};
    if (!past_header_) {
      CsvRecords records(text, form_);
      records.next();
      past_header_ = true;
      const std::size_t header = records.end();
      first_line_ = count_lines(std::string_view(text).substr(0, header), form_.end) + 1;
      text.erase(0, header);
      if (text.empty()) return {};
    }
    return take(std::move(text));
  }

  void take_record(const CsvRecords& records, RowBuilder& builder) const {
    const auto& fields = records.fields;
    std::string problem = records.problem;
    if (fields.size() < names_.size()) {
      problem = format("has {} fields, and the first line names {}", fields.size(), names_.size());
    }
    for (std::size_t i = names_.size(); i < fields.size(); ++i) {
      if (fields[i].empty()) continue;
      problem = format("has {} fields, and the first line names {}", fields.size(), names_.size());
    }
    if (problem.empty()) {
      for (std::size_t lane = 0; lane < at_.size(); ++lane) builder.put(lane, fields[at_[lane]]);
    } else {
      builder.spoil("", "", std::move(problem));
    }
    builder.end_row(records.line, records.record());
  }

  const Signature& signature_;
  std::string path_;
  RecordForm form_;
  mutable Referee referee_;
  std::vector<std::string> names_;
  Wanted wanted_;
  std::vector<Lane> lanes_;
  /// For each lane, the field it is in.
  std::vector<std::size_t> at_;
  std::string seen_;
  bool past_header_ = false;
  std::int64_t first_line_ = 1;
};

}  // namespace

Result<std::unique_ptr<Source>> open_csv(const SourceRequest& request) {
  auto source = std::make_unique<CsvSource>(request);
  std::string head;
  TRY(const bool whole, source->read_head(head));
  TRY_STATUS(source->open(request, std::move(head), whole));
  return std::unique_ptr<Source>(std::move(source));
}

}  // namespace kingpost::steps::infer
