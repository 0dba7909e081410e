// SPDX-License-Identifier: Apache-2.0
// NDJSON: one object a line; a key that is not there is null. Plain lines are read in place, the
// others by the JSON parser.
#include <algorithm>
#include <map>
#include <set>

#include "base/json.h"
#include "base/text.h"
#include "base/utf8.h"
#include "steps/20_infer/builder.h"
#include "steps/20_infer/text_blocks.h"

namespace kingpost::steps::infer {
namespace {

constexpr std::string_view kBlank = " \t\r\n";

struct Member {
  std::string_view key;
  /// The value as it stands; a text with its quotes.
  std::string_view value;
};

// Members of a line whose values are plain numbers, words and texts without escapes. False where
// the line is not so plain, or no JSON at all.
class PlainLine {
 public:
  explicit PlainLine(std::string_view line) : rest_(line) {}

  bool read(std::vector<Member>& out) {
    out.clear();
    if (!accept('{')) return false;
    if (accept('}')) return at_end();
    do {
      Member member;
      if (!text(member.key) || !accept(':') || !value(member.value)) return false;
      member.key = member.key.substr(1, member.key.size() - 2);
      out.push_back(member);
    } while (accept(','));
    return accept('}') && at_end();
  }

 private:
  void skip_blank() {
    while (!rest_.empty() && kBlank.find(rest_.front()) != std::string_view::npos) {
      rest_.remove_prefix(1);
    }
  }
  bool accept(char c) {
    skip_blank();
    if (rest_.empty() || rest_.front() != c) return false;
    rest_.remove_prefix(1);
    return true;
  }
  bool at_end() {
    skip_blank();
    return rest_.empty();
  }
  bool text(std::string_view& out) {
    skip_blank();
    if (rest_.empty() || rest_.front() != '"') return false;
    std::size_t end = 1;
    while (end < rest_.size() && rest_[end] != '"') {
      if (rest_[end] == '\\' || static_cast<unsigned char>(rest_[end]) < 0x20) return false;
      ++end;
    }
    if (end >= rest_.size()) return false;
    out = rest_.substr(0, end + 1);
    rest_.remove_prefix(end + 1);
    return true;
  }
  bool value(std::string_view& out) {
    skip_blank();
    if (!rest_.empty() && rest_.front() == '"') return text(out);
    const std::size_t end = std::min(rest_.find_first_of(", }\t\r\n"), rest_.size());
    out = rest_.substr(0, end);
    rest_.remove_prefix(end);
    return out == "null" || out == "true" || out == "false" || is_number(out);
  }
  static std::size_t digits(std::string_view text, std::size_t from) {
    return std::min(text.find_first_not_of("0123456789", from), text.size());
  }
  // RFC 8259, section 6.
  static bool is_number(std::string_view text) {
    if (starts_with(text, "-")) text.remove_prefix(1);
    std::size_t at = digits(text, 0);
    if (at == 0 || (at > 1 && text[0] == '0')) return false;
    if (at < text.size() && text[at] == '.') {
      const std::size_t from = at + 1;
      at = digits(text, from);
      if (at == from) return false;
    }
    if (at == text.size()) return true;
    if (text[at] != 'e' && text[at] != 'E') return false;
    ++at;
    if (at < text.size() && (text[at] == '+' || text[at] == '-')) ++at;
    return at < text.size() && digits(text, at) == text.size();
  }

  std::string_view rest_;
};

class NdjsonSource final : public Source {
 public:
  explicit NdjsonSource(const SourceRequest& request)
      : signature_(*request.signature), input_(request.path), referee_(request.engine) {}

  Status open(const SourceRequest& request) {
    TRY(const auto head, input_.head());
    if (trim(head.text).empty()) return open_empty();
    TRY(const auto names, keys_of(head.text));
    TRY(wanted_, find_columns(names, request));
    lanes_ = lanes_of(signature_, wanted_.kept);
    for (std::size_t lane = 0; lane < lanes_.size(); ++lane) at_[lanes_[lane].name].push_back(lane);
    return {};
  }

  const std::vector<KeptColumn>& kept() const override { return wanted_.kept; }
  const std::vector<std::string>& notes() const override { return wanted_.notes; }

  Status each(const std::function<Status(Block)>& take) override {
    return input_.each({'\n', ',', 0}, take);
  }

  Result<Rows> read(Block& block) const override {
    const std::string& text = std::get<std::string>(block);
    RowBuilder builder(lanes_, signature_.inputs.size(), is_utf8(text));
    Reading reading{builder, std::vector<std::string_view>(lanes_.size()), {}, {}};
    std::int64_t line = 0;
    for (std::size_t from = 0; from < text.size(); ++line) {
      const std::size_t end = std::min(text.find('\n', from), text.size());
      const std::string_view record = std::string_view(text).substr(from, end - from);
      from = end + 1;
      if (trim(record).empty()) continue;
      read_line(record, reading);
      builder.end_row(line, trim(record));
    }
    TRY(Rows rows, builder.finish(referee_));
    rows.lines = line;
    return rows;
  }

 private:
  struct Reading {
    RowBuilder& builder;
    std::vector<std::string_view> values;
    std::vector<Member> members;
    /// What the parser made of a line, as members look at it.
    std::vector<std::string> parsed;
  };

  // A file without rows has no columns to look at, and none to keep.
  Status open_empty() {
    lanes_ = lanes_of(signature_, {});
    return {};
  }

  Result<std::vector<std::string>> keys_of(const std::string& head) const {
    std::vector<std::string> names;
    std::set<std::string, std::less<>> seen;
    std::vector<std::string> parsed;
    std::vector<Member> members;
    bool any = false;
    for (const std::string& line : split(head, '\n')) {
      if (!members_of(line, members, parsed).empty()) continue;
      any = true;
      for (const Member& each : members) {
        if (seen.insert(std::string(each.key)).second) names.emplace_back(each.key);
      }
    }
    if (any) return names;
    return fail(Code::kInvalidInput, "infer.wrong_encoding", "{} holds no JSON objects",
                input_.name())
        .hint("each line must be one object, in UTF-8; name another format with --format");
  }

  // Why the line cannot be taken, or "".
  static std::string members_of(std::string_view line, std::vector<Member>& members,
                                std::vector<std::string>& parsed) {
    if (PlainLine(line).read(members)) return "";
    members.clear();
    const auto json = parse_json(line);
    if (!json) return json.error().what();
    if (!json->is_object()) return "is no JSON object";
    parsed.clear();
    parsed.reserve(2 * json->entries().size());
    for (const auto& [key, value] : json->entries()) {
      const std::string_view name = parsed.emplace_back(key);
      const bool is_text = value.is_string();
      const std::string_view text =
          parsed.emplace_back(is_text ? format("\"{}\"", value.text()) : value.dump());
      members.push_back({name, text});
    }
    return "";
  }

  void read_line(std::string_view line, Reading& reading) const {
    std::string problem = members_of(line, reading.members, reading.parsed);
    if (!problem.empty()) return reading.builder.spoil("", "", std::move(problem));
    std::fill(reading.values.begin(), reading.values.end(), std::string_view());
    for (const Member& each : reading.members) {
      const auto found = at_.find(each.key);
      if (found == at_.end()) continue;
      for (const std::size_t lane : found->second) {
        if (!reading.values[lane].empty()) {
          return reading.builder.spoil(std::string(each.key), "", "stands twice in one object");
        }
        reading.values[lane] = each.value;
      }
    }
    for (std::size_t lane = 0; lane < lanes_.size(); ++lane) {
      problem = objection(lane, reading.values[lane]);
      if (problem.empty()) continue;
      return reading.builder.spoil(lanes_[lane].name, reading.values[lane], std::move(problem));
    }
    for (std::size_t lane = 0; lane < lanes_.size(); ++lane) put(lane, reading);
  }

  bool is_raw(std::size_t lane) const {
    const std::size_t inputs = signature_.inputs.size();
    return lane >= inputs && wanted_.kept[lane - inputs].is_json;
  }

  // What the parser read has lost its escapes.
  static std::string json_value(std::string_view value) {
    if (value.empty()) return "null";
    if (value.front() != '"') return std::string(value);
    return Json(value.substr(1, value.size() - 2)).dump();
  }

  std::string objection(std::size_t lane, std::string_view value) const {
    if (!signature_.strict || lane >= signature_.inputs.size()) return "";
    if (value.empty() || value == "null") return "";
    const bool is_text = value.front() == '"';
    const bool wants_text = !lanes_[lane].is_number ||
                            records::is_temporal(lanes_[lane].reader.type()) ||
                            lanes_[lane].reader.type() == "time";
    if (is_text == wants_text) return "";
    return is_text ? "is text, and no text is wanted" : "is no text, and text is wanted";
  }

  void put(std::size_t lane, Reading& reading) const {
    std::string_view value = reading.values[lane];
    if (is_raw(lane)) {
      reading.builder.put(lane, json_value(value));
      return;
    }
    if (value == "null") value = {};
    if (!value.empty() && value.front() == '"') value = value.substr(1, value.size() - 2);
    reading.builder.put(lane, value);
  }

  const Signature& signature_;
  TextInput input_;
  mutable Referee referee_;
  Wanted wanted_;
  std::vector<Lane> lanes_;
  std::map<std::string, std::vector<std::size_t>, std::less<>> at_;
};

}  // namespace

Result<std::unique_ptr<Source>> open_ndjson(const SourceRequest& request) {
  auto source = std::make_unique<NdjsonSource>(request);
  TRY_STATUS(source->open(request));
  return std::unique_ptr<Source>(std::move(source));
}

}  // namespace kingpost::steps::infer
