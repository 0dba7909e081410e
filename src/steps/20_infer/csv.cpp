// SPDX-License-Identifier: Apache-2.0
// CSV (RFC 4180): the first record names the columns; an empty field is null.
#include <algorithm>

#include "base/text.h"
#include "base/utf8.h"
#include "steps/20_infer/builder.h"
#include "steps/20_infer/text_blocks.h"
#include "steps/csv_records.h"

namespace kingpost::steps::infer {
namespace {

class CsvSource final : public Source {
 public:
  explicit CsvSource(const SourceRequest& request)
      : signature_(*request.signature), input_(request.path), referee_(request.engine) {
    form_.delimiter = request.delimiter != 0 ? request.delimiter : usual_delimiter(request.path);
  }

  Status open(const SourceRequest& request) {
    TRY(const auto head, input_.head());
    TRY_STATUS(look_at(head));
    CsvRecords records(head.text, form_);
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

  Status each(const std::function<Status(Block)>& take) override {
    return input_.each(form_, [&](std::string block) {
      if (!past_header_) skip_header(block);
      return block.empty() ? Status() : take(std::move(block));
    });
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
  Error wrong(const std::string& why, const std::string& hint) const {
    return fail(Code::kInvalidInput, "infer.wrong_encoding", "{} {}", input_.name(), why)
        .hint(hint);
  }

  Status look_at(const TextInput::Head& head) {
    const std::string& text = head.text;
    if (text.empty()) {
      return fail(Code::kInvalidInput, "infer.file_empty", "{} is empty", input_.name())
          .hint("a file without rows has at least the line that names its columns");
    }
    if (text.find('\n') == std::string::npos && text.find('\r') != std::string::npos) {
      form_.end = '\r';
    }
    if (text.find('\0') != std::string::npos) {
      return wrong("is no text: it holds zero bytes",
                   "is it Parquet, compressed, or UTF-16? name the format with --format");
    }
    const std::string line = text.substr(0, text.find(form_.end));
    if (!is_utf8(line)) {
      return wrong("does not name its columns in UTF-8",
                   "convert it first: iconv -f latin1 -t utf-8");
    }
    if (!head.whole && line.size() == text.size()) {
      return wrong("has no end of line in its first MiB", "is it CSV?");
    }
    return {};
  }

  void skip_header(std::string& block) {
    CsvRecords records(block, form_);
    records.next();
    past_header_ = true;
    const std::size_t header = records.end();
    first_line_ = count_lines(std::string_view(block).substr(0, header), form_.end) + 1;
    block.erase(0, header);
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
  TextInput input_;
  RecordForm form_;
  mutable Referee referee_;
  std::vector<std::string> names_;
  Wanted wanted_;
  std::vector<Lane> lanes_;
  /// For each lane, the field it is in.
  std::vector<std::size_t> at_;
  bool past_header_ = false;
  std::int64_t first_line_ = 1;
};

}  // namespace

Result<std::unique_ptr<Source>> open_csv(const SourceRequest& request) {
  auto source = std::make_unique<CsvSource>(request);
  TRY_STATUS(source->open(request));
  return std::unique_ptr<Source>(std::move(source));
}

}  // namespace kingpost::steps::infer
