// SPDX-License-Identifier: Apache-2.0
// CSV and NDJSON. Numbers are the shortest texts that read back to the same bits.
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <climits>
#include <cmath>
#include <csignal>

#include "base/clock.h"
#include "base/files.h"
#include "base/text.h"
#include "engines/archive/gzip.h"
#include "records/schema.h"
#include "steps/20_infer/writers.h"

namespace kingpost::steps::infer {
namespace {

template <typename Number>
void add_number(std::string& out, Number value) {
  char digits[40];
  const auto [end, error] = std::to_chars(digits, digits + sizeof digits, value);
  (void)error;
  out.append(digits, end);
}

void add_csv_text(std::string& out, std::string_view text, char delimiter) {
  if (text.find_first_of("\"\r\n") == std::string_view::npos &&
      text.find(delimiter) == std::string_view::npos) {
    out += text;
    return;
  }
  out.push_back('"');
  for (const char c : text) {
    if (c == '"') out.push_back('"');
    out.push_back(c);
  }
  out.push_back('"');
}

// How a kept value is written: as a number is, as a word, or as a text.
enum class Look { kText, kPlain, kBoolean, kDate, kTimestamp, kInstant, kJson };

Look look_of(const KeptColumn& column) {
  if (column.is_json) return Look::kJson;
  const std::string& type = column.type;
  if (column.as_text) {
    // A text from a text file is written as it stood there.
    return records::is_numeric(type) ? Look::kPlain : Look::kText;
  }
  if (type == "boolean") return Look::kBoolean;
  if (type == "date") return Look::kDate;
  if (type == "timestamp") return Look::kTimestamp;
  if (type == "timestamp_utc") return Look::kInstant;
  return Look::kPlain;
}

bool is_json_number(std::string_view text) {
  const std::size_t first = starts_with(text, "-") ? 1 : 0;
  if (text.size() <= first || text[first] < '0' || text[first] > '9') return false;
  if (text[first] == '0' && text.size() > first + 1 && text[first + 1] != '.') return false;
  return text.back() != '.' && text.find_first_not_of("0123456789.", first) == text.npos &&
         parse_number(text).has_value();
}

std::string time_text(Look look, double value) {
  std::string text = timestamp_text(static_cast<Micros>(value));
  if (look == Look::kDate) text.resize(10);
  if (look == Look::kTimestamp) text.pop_back();
  return text;
}

class TextSink final : public Sink {
 public:
  TextSink(const SinkRequest& request, std::unique_ptr<NewFile> file)
      : json_(request.form == Form::kNdjson),
        delimiter_(request.delimiter),
        kept_(request.kept),
        answers_(request.answers),
        file_(std::move(file)),
        gzip_(lower(request.path).ends_with(".gz") ? std::make_unique<archive::Gzip>() : nullptr) {
    std::string head;
    const auto name = [&](const std::string& each) {
      std::string key;
      if (json_) {
        add_json_text(key, each);
        key += ":";
      } else {
        add_csv_text(head, each, delimiter_);
        head.push_back(delimiter_);
      }
      // The comma before a key, and the brace before the first.
      keys_.push_back((keys_.empty() ? "{" : ",") + key);
    };
    for (const KeptColumn& each : kept_) {
      name(each.name);
      looks_.push_back(look_of(each));
    }
    for (const AnswerColumn& each : answers_) name(each.name);
    if (json_) return;
    head.back() = '\n';
    head_ = std::move(head);
  }

  Piece render(const Rows& rows, const std::vector<records::Tensor>& answers) const override {
    Piece out;
    out.rows = rows.batch.rows;
    out.text.reserve(static_cast<std::size_t>(out.rows) * 16 * keys_.size());
    for (std::size_t r = 0; r < static_cast<std::size_t>(out.rows); ++r) {
      for (std::size_t k = 0; k < kept_.size(); ++k) {
        begin(out.text, k);
        add_kept(out.text, rows.kept[k], looks_[k], r);
      }
      for (std::size_t a = 0; a < answers_.size(); ++a) {
        begin(out.text, kept_.size() + a);
        add_answer(out.text, answers[answers_[a].output], answers_[a], r);
      }
      out.text += json_ ? "}\n" : "\n";
    }
    return out;
  }

  Status take(Piece piece) override {
    TRY_STATUS(write(std::exchange(head_, {})));
    return write(piece.text);
  }

  Status finish() override {
    TRY_STATUS(write(std::exchange(head_, {})));
    if (gzip_ != nullptr) {
      std::string rest;
      gzip_->finish(rest);
      TRY_STATUS(put(rest));
    }
    return file_ == nullptr ? Status() : file_->keep();
  }

 private:
  Status write(std::string_view bytes) {
    if (gzip_ == nullptr) return put(bytes);
    std::string compressed;
    gzip_->add(bytes, compressed);
    return put(compressed);
  }

  Status put(std::string_view bytes) {
    return file_ == nullptr ? write_all(STDOUT_FILENO, bytes, "standard output")
                            : file_->write(bytes);
  }

  void begin(std::string& out, std::size_t column) const {
    if (json_) {
      out += keys_[column];
    } else if (column > 0) {
      out.push_back(delimiter_);
    }
  }

  void add_text(std::string& out, std::string_view text) const {
    if (!json_) {
      add_csv_text(out, text, delimiter_);
    } else if (text.empty()) {
      out += "null";
    } else {
      add_json_text(out, text);
    }
  }

  void add_kept(std::string& out, const records::BatchColumn& column, Look look,
                std::size_t row) const {
    if (column.is_text) {
      const std::string& text = column.texts[row];
      const bool as_it_is = look == Look::kJson || (look == Look::kPlain && is_json_number(text));
      if (as_it_is) {
        out += text;
      } else {
        add_text(out, text);
      }
      return;
    }
    const double value = column.numbers[row];
    if (std::isnan(value)) {
      if (json_) out += "null";
    } else if (look == Look::kBoolean) {
      out += value != 0 ? "true" : "false";
    } else if (look == Look::kPlain) {
      add_finite(out, value);
    } else {
      add_text(out, time_text(look, value));
    }
  }

  template <typename Number>
  void add_finite(std::string& out, Number value) const {
    // JSON has no word for the others; CSV none for what is no number.
    if (std::isfinite(value) || (!json_ && !std::isnan(value))) {
      add_number(out, value);
    } else if (json_) {
      out += "null";
    }
  }

  void add_answer(std::string& out, const records::Tensor& tensor, const AnswerColumn& answer,
                  std::size_t row) const {
    const std::size_t at = row * answer.columns + answer.column;
    switch (tensor.type()) {
      case records::TensorType::kFloat:
        return add_finite(out, tensor.floats()[at]);
      case records::TensorType::kDouble:
        return add_finite(out, tensor.doubles()[at]);
      case records::TensorType::kInt64:
        return add_number(out, tensor.integers()[at]);
      case records::TensorType::kBool:
        out += tensor.booleans()[at] != 0 ? "true" : "false";
        return;
      case records::TensorType::kString:
        return add_text(out, tensor.texts()[at]);
    }
  }

  bool json_;
  char delimiter_;
  std::vector<KeptColumn> kept_;
  std::vector<Look> looks_;
  std::vector<AnswerColumn> answers_;
  std::vector<std::string> keys_;
  std::unique_ptr<NewFile> file_;
  std::unique_ptr<archive::Gzip> gzip_;
  std::string head_;
};

}  // namespace

Result<std::unique_ptr<Sink>> open_text(const SinkRequest& request) {
  std::unique_ptr<NewFile> file;
  if (request.path != "-") {
    file = std::make_unique<NewFile>(request.path);
    // A place that cannot be written to shows before the work.
    TRY_STATUS(file->check());
  }
  return std::unique_ptr<Sink>(std::make_unique<TextSink>(request, std::move(file)));
}

}  // namespace kingpost::steps::infer
