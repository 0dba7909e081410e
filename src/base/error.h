// SPDX-License-Identifier: Apache-2.0
// What went wrong, for whom, where, and what to do about it. One type for every failure that a
// caller may meet; `Code` decides the exit status, `id` is the stable word that tests and scripts
// use.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/format.h"

namespace kingpost {

/// What kind of failure it is. Each maps to one exit status in `exit_status`.
enum class Code {
  kInvalidInput,
  kDataRejected,
  kNotFound,
  kAlreadyExists,
  kConflict,
  kPrecondition,
  kUnavailable,
  kExhausted,
  kCorrupt,
  kCancelled,
  kNotBuilt,
  kInternal,
};

/// One row per code: its printed word, its exit status and one sentence for the help page.
struct CodeRow {
  Code code;
  std::string_view word;
  int exit_status;
  std::string_view sentence;
};
const std::vector<CodeRow>& code_rows();
std::string_view code_word(Code code);
int exit_status(Code code);

/// A place in a text file, 1-based, with the line itself so that a caret can be drawn. `width` is
/// the number of characters to underline. line 0 means "the file as a whole".
struct Place {
  std::string file;
  int line = 0;
  int column = 0;
  int width = 1;
  std::string source_line;
};

/// An error value: cheap to move, deep to copy. Every setter returns the error itself, so that one
/// expression builds it: `fail(Code::kNotFound, "ingest.file_missing", "...", x).hint("...")`.
class [[nodiscard]] Error {
 public:
  Error(Code code, std::string id, std::string what);
  Error(const Error& other);
  Error& operator=(const Error& other);
  Error(Error&&) noexcept = default;
  Error& operator=(Error&&) noexcept = default;
  ~Error() = default;

  Error&& at(Place place) &&;
  Error&& hint(std::string text) &&;
  /// Adds a line of detail below the message, e.g. one offending row.
  Error&& detail(std::string text) &&;
  /// Says what was being done when `this` arose: the returned error has `this` as its cause.
  Error&& within(std::string activity) &&;

  Code code() const { return detail_->code; }
  const std::string& id() const { return detail_->id; }
  const std::string& what() const { return detail_->what; }
  const std::string& hint() const { return detail_->hint; }
  const Place& place() const { return detail_->place; }
  const std::vector<std::string>& details() const { return detail_->details; }
  const std::vector<std::string>& activities() const { return detail_->activities; }

 private:
  struct Detail {
    Code code = Code::kInternal;
    std::string id;
    std::string what;
    Place place;
    std::string hint;
    std::vector<std::string> details;
    std::vector<std::string> activities;
  };
  std::unique_ptr<Detail> detail_;
};

/// Builds an error with a message whose format is checked when it is compiled.
template <typename... Args>
Error fail(Code code, std::string_view id, FormatString<Args...> text, Args&&... args) {
  return Error(code, std::string(id), format(text, std::forward<Args>(args)...));
}

/// The report a person reads: message, place with source line and caret, details, hint.
/// Ends with a newline.
std::string render(const Error& error);

/// Collects the faults of one input so that all of them are reported at once.
class Faults {
 public:
  void add(Error error) { errors_.push_back(std::move(error)); }
  bool empty() const { return errors_.empty(); }
  std::size_t size() const { return errors_.size(); }
  const std::vector<Error>& errors() const { return errors_; }
  /// Orders the faults by file, line and column, and drops exact repetitions.
  void sort();

 private:
  std::vector<Error> errors_;
};

}  // namespace kingpost
