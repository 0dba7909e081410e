// SPDX-License-Identifier: Apache-2.0
// HTML in which every value is escaped.
#include "lifecycle/report/html.h"

#include <cmath>

#include "base/text.h"
#include "base/utf8.h"

namespace kingpost::lifecycle::report {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";

// Bytes of the character at the front, or 0 when it is none.
std::size_t character(std::string_view text) {
  for (std::size_t size = 1; size <= 4 && size <= text.size(); ++size) {
    if (is_utf8(text.substr(0, size))) return size;
  }
  return 0;
}

bool is_control(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return (byte < 0x20 && c != '\n' && c != '\t') || byte == 0x7F;
}

void add_escaped(std::string& out, char c) {
  switch (c) {
    case '&':
      out += "&amp;";
      return;
    case '<':
      out += "&lt;";
      return;
    case '>':
      out += "&gt;";
      return;
    case '"':
      out += "&quot;";
      return;
    case '\'':
      out += "&#39;";
      return;
    default:
      out += is_control(c) ? kReplacement : std::string_view(&c, 1);
  }
}

}  // namespace

std::string escaped(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const std::size_t size = character(text);
    if (size == 1) {
      add_escaped(out, text[0]);
    } else if (size == 0) {
      out += kReplacement;
    } else {
      out += text.substr(0, size);
    }
    text.remove_prefix(size == 0 ? 1 : size);
  }
  return out;
}

Head number(std::string title) {
  return {std::move(title), true};
}

Table::Table(std::string_view caption, std::vector<Head> heads) : heads_(std::move(heads)) {
  html_.add("<div class=\"wide\"><table>");
  if (!caption.empty()) html_.add("<caption>{}</caption>", caption);
  html_.add("<thead><tr>");
  for (const Head& head : heads_) {
    html_.add("<th scope=\"col\"{}>{}</th>", Markup{head.is_number ? " class=\"n\"" : ""},
              head.title);
  }
  html_.add("</tr></thead><tbody>");
}

void Table::row(const std::vector<Cell>& cells) {
  html_.add("<tr>");
  for (std::size_t i = 0; i < cells.size(); ++i) {
    const bool is_number = i < heads_.size() && heads_[i].is_number;
    if (i == 0 && !is_number) {
      html_.add("<th scope=\"row\">{}</th>", cells[i].content);
    } else {
      html_.add("<td{}>{}</td>", Markup{is_number ? " class=\"n\"" : ""}, cells[i].content);
    }
  }
  html_.add("</tr>\n");
  ++rows_;
}

Markup Table::take() {
  html_.add("</tbody></table></div>\n");
  return html_.take();
}

Markup details(std::string_view summary, const Markup& content) {
  return markup("<details><summary>{}</summary>{}</details>\n", summary, content);
}

Markup badge(std::string_view word, std::string_view tone) {
  return markup("<span class=\"badge {}\">{}</span>", tone, word);
}

std::string_view tone_of(std::string_view verdict) {
  for (const char* good : {"passed", "kept", "selected", "eligible", "better", "valid", "ran"}) {
    if (verdict == good) return "good";
  }
  for (const char* bad :
       {"failed", "not_computed", "not_valid", "refused", "worse", "damaged", "broke off"}) {
    if (verdict == bad) return "bad";
  }
  for (const char* warn : {"warned", "dropped", "quarantined", "stale", "cancelled", "interrupted",
                           "cannot_be_compared"}) {
    if (verdict == warn) return "warn";
  }
  return "plain";
}

std::string count_text(std::int64_t count) {
  // Four digits stay together: they may be a year.
  constexpr std::int64_t kShort = 10'000;
  return count > -kShort && count < kShort ? format("{}", count) : grouped(count);
}

std::string number_text(double value) {
  if (!std::isfinite(value)) return "–";
  const double size = std::abs(value);
  constexpr double kExact = 9e15;
  if (value == std::floor(value) && size < kExact) {
    return count_text(static_cast<std::int64_t>(value));
  }
  if (size >= 1000 && size < kExact) {
    const auto tenths = static_cast<std::int64_t>(std::llround(size * 10));
    return format("{}{}.{}", value < 0 ? "-" : "", count_text(tenths / 10), tenths % 10);
  }
  return format("{:.4g}", value);
}

std::string number_text(const Json& value) {
  if (value.is_integer()) return count_text(value.integer());
  return value.is_number() ? number_text(value.number()) : "–";
}

std::string percent_text(double share) {
  const double percent = share * 100;
  if (percent == std::floor(percent)) return format("{}%", percent);
  // Never 0% or 100% for what is neither.
  if (percent < 0.05) return "<0.1%";
  if (percent > 99.95 && percent < 100) return ">99.9%";
  return format("{:.1f}%", percent);
}

std::string script_json(const Json& json) {
  std::string text = replace_all(json.dump(), "<", "\\u003c");
  text = replace_all(std::move(text), ">", "\\u003e");
  return replace_all(std::move(text), "&", "\\u0026");
}

std::string value_text(const Json& value) {
  if (value.is_null()) return "–";
  if (value.is_string()) return value.text();
  return value.is_number() ? number_text(value) : value.dump();
}

}  // namespace kingpost::lifecycle::report
