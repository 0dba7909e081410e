// SPDX-License-Identifier: Apache-2.0
// Walks yaml-cpp's events, because its own tree forgets quotes, drops places of keys and lets a
// later duplicate win.
#include "engines/yaml/yaml.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <sstream>

#include "base/text.h"

namespace kingpost::yaml {
namespace {

constexpr std::size_t kDeepest = 64;
constexpr std::size_t kLargest = 1U << 20U;

class Walker : public YAML::EventHandler {
 public:
  Walker(std::shared_ptr<const SourceText> source, Faults& faults)
      : source_(std::move(source)), faults_(faults) {}

  std::optional<Node> root;

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
    Node node;
    node.kind = Node::Kind::kScalar;
    node.text = value;
    node.plain = !quoted;
    node.mark = mark_at(mark, static_cast<int>(value.size()) + (quoted ? 2 : 0), quoted ? 1 : 0);
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
    std::string key;
    Mark key_mark;
  };

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
      parent.has_key = false;
      parent.node.entries.push_back(
          {std::move(parent.key), std::move(parent.key_mark), std::move(node)});
    }
  }

  void take_key(Open& parent, const Node& node) {
    parent.has_key = true;
    parent.key = node.text;
    parent.key_mark = node.mark;
    if (!node.is_scalar()) {
      faults_.add(fault_at(node.mark, "yaml.key", "a key must be a plain word"));
    } else if (node.plain && node.text == "<<") {
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
};

void report(const std::shared_ptr<const SourceText>& source, const YAML::Exception& exception,
            Faults& faults) {
  const int line = exception.mark.is_null() ? 0 : exception.mark.line + 1;
  const Mark mark{source, line, exception.mark.column + 1, 1, 0};
  std::string hint = "check the indentation, and quote texts that hold ': ', '#', '{' or '['";
  if (source->line(line).find('\t') != std::string::npos) {
    hint = "indent with spaces; YAML does not allow tabs there";
  }
  faults.add(fault_at(mark, "yaml.syntax", format("not valid YAML: {}", exception.msg), hint));
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
    report(source, exception, faults);
    return std::nullopt;
  }
}

}  // namespace kingpost::yaml
