// SPDX-License-Identifier: Apache-2.0
// HTML in which every value is escaped: markup comes only from literals of the program and from
// what was built here, so that no name, value or message of the data can become markup.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "base/format.h"
#include "base/json.h"

namespace kingpost::lifecycle::report {

/// Text that is markup already.
struct Markup {
  std::string text{};
  bool empty() const { return text.empty(); }
};

/// `&`, `<`, `>` and both quotes as entities; control characters and bytes that are no UTF-8 as
/// U+FFFD.
std::string escaped(std::string_view text);

inline std::string safe(std::string_view text) {
  return escaped(text);
}
inline std::string safe(const Markup& markup) {
  return markup.text;
}
template <typename Number>
  requires std::is_arithmetic_v<Number>
std::string safe(Number number) {
  return format("{}", number);
}

/// A piece of a page that grows. The pattern is markup, the values are escaped.
class Html {
 public:
  template <typename... Values>
  Html& add(FormatString<std::conditional_t<true, std::string, Values>...> pattern,
            const Values&... values) {
    text_ += format(pattern, safe(values)...);
    return *this;
  }
  Html& add(const Markup& markup) {
    text_ += markup.text;
    return *this;
  }
  bool empty() const { return text_.empty(); }
  Markup take() { return {std::move(text_)}; }

 private:
  std::string text_;
};

template <typename... Values>
Markup markup(FormatString<std::conditional_t<true, std::string, Values>...> pattern,
              const Values&... values) {
  return {format(pattern, safe(values)...)};
}

/// A column of a table: its title, and whether its cells are numbers.
struct Head {
  std::string title{};
  bool is_number = false;
};
Head number(std::string title);

struct Cell {
  Cell(std::string_view text) : content{escaped(text)} {}
  Cell(const std::string& text) : content{escaped(text)} {}
  Cell(const char* text) : content{escaped(text)} {}
  Cell(Markup markup) : content(std::move(markup)) {}
  Markup content;
};

class Table {
 public:
  /// The caption is read out by screen readers and shown above the table.
  Table(std::string_view caption, std::vector<Head> heads);
  void row(const std::vector<Cell>& cells);
  std::size_t rows() const { return rows_; }
  Markup take();

 private:
  std::vector<Head> heads_;
  Html html_;
  std::size_t rows_ = 0;
};

/// Something that opens on demand.
Markup details(std::string_view summary, const Markup& content);
/// A word with a colour that says how good it is: "good", "bad", "warn", "plain". The word itself
/// carries the meaning, the colour repeats it.
Markup badge(std::string_view word, std::string_view tone);
/// The tone of a verdict of the steps: passed, failed, warned, kept, dropped...
std::string_view tone_of(std::string_view verdict);

/// "12,345"; four digits stay together.
std::string count_text(std::int64_t count);
/// A count, or four significant digits, from 1,000 on one decimal; "–" for what is not a number.
std::string number_text(const Json& value);
std::string number_text(double value);
/// "12.3%".
std::string percent_text(double share);
/// JSON as it may stand in a script element.
std::string script_json(const Json& json);
/// A scalar for people: text as it is, numbers as number_text.
std::string value_text(const Json& value);

}  // namespace kingpost::lifecycle::report
