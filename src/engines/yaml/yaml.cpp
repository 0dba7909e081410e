// SPDX-License-Identifier: Apache-2.0
// Walks yaml-cpp's events, because its own tree forgets quotes, drops places of keys and lets a
// later duplicate win.
#include "engines/yaml/yaml.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <sstream>

#include "base/text.h"
#include "base/utf8.h"

namespace kingpost::yaml {
namespace {

constexpr std::size_t kDeepest = 64;
constexpr std::size_t kLargest = 1U << 20U;

class Walker : public YAML::EventHandler {
 public:
  Walker(std::shared_ptr<const SourceText> source, Faults& faults)
      : source_(std::move(source)), faults_(faults) {
    const std::string& text = source_->text();
    starts_.push_back(0);
    for (std::size_t at = text.find('\n'); at != std::string::npos; at = text.find('\n', at + 1)) {
      starts_.push_back(at + 1);
    }
  }

  std::optional<Node> root;

  /// The list or map that is read at the moment.
  bool open_quote() const { return open_quote_; }
  Mark innermost() const { return open_.empty() ? Mark{} : open_.back().node.mark; }

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    refuse_anchor(mark, anchor);
    Node node;
    node.mark = mark_at(mark, 1, 0);
    put(std::move(node));
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
    fault(mark, "yaml.alias", "aliases (*name) are not allowed",
          "repeat the value, or put it under vars and write ${name}");
    Node node;
    node.mark = mark_at(mark, 1, 0);
    put(std::move(node));
  }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    refuse_anchor(mark, anchor);
    const bool quoted = tag == "!";
    if (!quoted && tag != "?" && !tag.empty()) refuse_tag(mark, tag);
    const std::string_view rest = text_from(mark);
    const bool block = quoted && (starts_with(rest, "|") || starts_with(rest, ">"));
    if (quoted && !block && !is_closed(rest)) {
      fault(mark, "yaml.syntax", "not valid YAML: this quote is never closed", "close it");
      open_quote_ = true;
    }
    Node node;
    node.kind = Node::Kind::kScalar;
    node.text = value;
    node.plain = !quoted;
    node.mark =
        block ? mark_at(mark, 1, Mark::kBelow)
              : mark_at(mark, static_cast<int>(value.size()) + (quoted ? 2 : 0), quoted ? 1 : 0);
    put(std::move(node));
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    open(mark, tag, anchor, Node::Kind::kList);
  }
  void OnSequenceEnd() override { close(); }

  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    open(mark, tag, anchor, Node::Kind::kMap);
  }
  void OnMapEnd() override { close(); }

 private:
  struct Open {
    Node node;
    bool has_key = false;
    bool merges = false;
    std::string key;
    Mark key_mark;
  };

  std::string_view text_from(const YAML::Mark& mark) const {
    const auto line = static_cast<std::size_t>(mark.line);
    const std::size_t at = line < starts_.size() ? starts_[line] : std::string::npos;
    const std::string_view text = source_->text();
    return at == std::string::npos
               ? std::string_view{}
               : text.substr(std::min(at + static_cast<std::size_t>(mark.column), text.size()));
  }

  // The parser takes the end of the file for the end of a quoted text.
  static bool is_closed(std::string_view text) {
    if (text.empty() || (text[0] != '\'' && text[0] != '"')) return true;
    for (std::size_t at = 1; at < text.size(); ++at) {
      if (text[0] == '"' && text[at] == '\\') {
        ++at;
      } else if (text[at] == text[0]) {
        if (text[0] == '"' || text.substr(at + 1, 1) != "'") return true;
        ++at;
      }
    }
    return false;
  }

  Mark mark_at(const YAML::Mark& mark, int width, int text_offset) const {
    return Mark{source_, mark.line + 1, mark.column + 1, width, text_offset};
  }

  void fault(const YAML::Mark& mark, std::string_view id, std::string what, std::string hint) {
    faults_.add(fault_at(mark_at(mark, 1, 0), id, std::move(what), std::move(hint)));
  }

  void refuse_anchor(const YAML::Mark& mark, YAML::anchor_t anchor) {
    if (anchor == 0) return;
    fault(mark, "yaml.anchor", "anchors (&name) are not allowed",
          "put the value under vars and write ${name}");
  }

  void refuse_tag(const YAML::Mark& mark, const std::string& tag) {
    fault(mark, "yaml.tag", format("the tag \"{}\" is not allowed", shown(tag)),
          "drop the tag; quote the value when it is meant as text");
  }

  void open(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
            Node::Kind kind) {
    refuse_anchor(mark, anchor);
    if (tag != "?" && tag != "!" && !tag.empty()) refuse_tag(mark, tag);
    if (open_.size() >= kDeepest) {
      throw YAML::ParserException(mark, format("nested deeper than {}", kDeepest));
    }
    Open next;
    next.node.kind = kind;
    next.node.mark = mark_at(mark, 1, 0);
    open_.push_back(std::move(next));
  }

  void close() {
    Node done = std::move(open_.back().node);
    open_.pop_back();
    put(std::move(done));
  }

  void put(Node node) {
    if (open_.empty()) {
      root = std::move(node);
      return;
    }
    Open& parent = open_.back();
    if (parent.node.is_list()) {
      parent.node.items.push_back(std::move(node));
    } else if (!parent.has_key) {
      take_key(parent, node);
    } else {
      put_value(parent, std::move(node));
    }
  }

  void put_value(Open& parent, Node node) {
    parent.has_key = false;
    if (parent.merges) {
      // Refused already; merged all the same, so that its keys are not reported as missing.
      parent.merges = false;
      for (Entry& entry : node.entries) {
        if (!parent.node.has(entry.key)) parent.node.entries.push_back(std::move(entry));
      }
      return;
    }
    // The parser finds nothing only where the next thing begins, so the key stands for it.
    if (node.is_null()) node.mark = parent.key_mark;
    parent.node.entries.push_back(
        {std::move(parent.key), std::move(parent.key_mark), std::move(node)});
  }

  void take_key(Open& parent, const Node& node) {
    parent.has_key = true;
    parent.key = node.text;
    parent.key_mark = node.mark;
    if (!node.is_scalar()) {
      faults_.add(
          fault_at(node.mark, "yaml.key", "a key must be a plain word", "write NAME: VALUE"));
    } else if (node.plain && node.text == "<<") {
      parent.merges = true;
      faults_.add(fault_at(node.mark, "yaml.merge", "merge keys (<<) are not allowed",
                           "repeat the keys, or share them through extends"));
    } else if (parent.node.has(node.text)) {
      faults_.add(fault_at(node.mark, "yaml.duplicate_key",
                           format("key \"{}\" stands twice in one map", shown(node.text)),
                           "keep one of the two"));
    }
  }

  std::shared_ptr<const SourceText> source_;
  Faults& faults_;
  std::vector<Open> open_;
  std::vector<std::size_t> starts_;
  bool open_quote_ = false;
};

// The first line that a tab indents, or 0.
int tab_indented_line(const SourceText& source, int last) {
  for (int line = 1; line <= last; ++line) {
    const std::string text = source.line(line);
    const std::size_t end = text.find_first_not_of(" \t");
    if (end != std::string::npos && text.substr(0, end).find('\t') != std::string::npos)
      return line;
  }
  return 0;
}

void report(const std::shared_ptr<const SourceText>& source, const YAML::Exception& exception,
            const Mark& innermost, Faults& faults) {
  const int line = exception.mark.is_null() ? 0 : exception.mark.line + 1;
  if (const int tab = tab_indented_line(*source, line); tab > 0) {
    const auto column = static_cast<int>(source->line(tab).find('\t')) + 1;
    faults.add(fault_at({source, tab, column, 1, 0}, "yaml.syntax",
                        "not valid YAML: a tab indents this line", "indent with spaces"));
    return;
  }
  if (exception.msg.find("flow not found") != std::string::npos && innermost.line > 0) {
    const bool list = exception.msg.find("sequence") != std::string::npos;
    faults.add(fault_at(innermost, "yaml.syntax",
                        format("not valid YAML: this {} is never closed", list ? "[" : "{"),
                        format("close it with {}", list ? "]" : "}")));
    return;
  }
  faults.add(fault_at({source, line, exception.mark.column + 1, 1, 0}, "yaml.syntax",
                      format("not valid YAML: {}", exception.msg),
                      "check the indentation, and quote texts that hold ': ', '#', '{' or '['"));
}

// The parser would take other encodings for texts of odd characters.
std::optional<Error> unreadable(const std::shared_ptr<const SourceText>& source) {
  const std::string& text = source->text();
  if (text.find('\0') == std::string::npos && is_utf8(text)) return std::nullopt;
  int line = 1;
  for (std::size_t from = 0; from < text.size(); ++line) {
    const std::size_t end = std::min(text.find('\n', from), text.size());
    const std::string_view each = std::string_view(text).substr(from, end - from);
    if (each.find('\0') != std::string_view::npos || !is_utf8(each)) break;
    from = end + 1;
  }
  const Mark whole{source, 0, 0, 1, 0};
  return fault_at(whole, "yaml.syntax", format("line {} is not valid UTF-8 text", line),
                  "save the file as UTF-8");
}

}  // namespace

std::optional<Node> parse(const std::shared_ptr<const SourceText>& source, Faults& faults) {
  Mark whole{source, 0, 0, 1, 0};
  if (source->text().size() > kLargest) {
    faults.add(fault_at(whole, "yaml.too_large",
                        format("a pipeline file may hold 1 MiB but this one holds {}",
                               human_bytes(static_cast<std::int64_t>(source->text().size())))));
    return std::nullopt;
  }
  if (const auto bad = unreadable(source)) {
    faults.add(*bad);
    return std::nullopt;
  }
  Walker walker(source, faults);
  try {
    std::istringstream stream(source->text());
    YAML::Parser parser(stream);
    if (!parser.HandleNextDocument(walker)) {
      Node empty;
      empty.kind = Node::Kind::kMap;
      empty.mark = whole;
      return empty;
    }
    std::optional<Node> first = std::move(walker.root);
    Faults ignored;
    Walker second(source, ignored);
    if (parser.HandleNextDocument(second)) {
      faults.add(fault_at(second.root ? second.root->mark : whole, "yaml.several_documents",
                          "a pipeline file is one document", "remove the line ---"));
    }
    return first;
  } catch (const YAML::Exception& exception) {
    // Behind an open quote nothing else can be told.
    if (!walker.open_quote()) report(source, exception, walker.innermost(), faults);
    return std::nullopt;
  }
}

}  // namespace kingpost::yaml
