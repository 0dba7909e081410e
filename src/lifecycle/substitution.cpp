// SPDX-License-Identifier: Apache-2.0
// ${name} of vars.
#include "lifecycle/substitution.h"

#include "base/text.h"

namespace kingpost::lifecycle {
namespace {

class Substituter {
 public:
  Substituter(const Node& vars, Faults& faults) : faults_(faults) {
    for (const Entry& entry : vars.entries) {
      if (entry.value.is_scalar()) vars_.push_back(entry);
    }
  }

  void visit(Node& node) {
    for (Node& item : node.items) visit(item);
    for (Entry& entry : node.entries) visit(entry.value);
    if (node.is_scalar() && node.text.find("${") != std::string::npos) replace(node);
  }

 private:
  void replace(Node& node) {
    std::string out;
    std::string_view rest = node.text;
    const bool whole = starts_with(rest, "${") && rest.find('}') + 1 == rest.size();
    while (true) {
      const std::size_t open = rest.find("${");
      out += rest.substr(0, open);
      if (open == std::string_view::npos) break;
      if (open > 0 && rest[open - 1] == '$') {
        out += "{";
        rest.remove_prefix(open + 2);
        continue;
      }
      const std::size_t close = rest.find('}', open);
      if (close == std::string_view::npos) {
        fault(node, node.text.size() - rest.size() + open, 2, "file.malformed_variable",
              "\"${\" is never closed by \"}\"",
              "write ${name}, or $${ for the two characters themselves");
        return;
      }
      const std::string_view name = rest.substr(open + 2, close - open - 2);
      if (starts_with(name, "env:")) {
        out += rest.substr(open, close - open + 1);
      } else if (const Entry* var = find(name)) {
        out += var->value.text;
        if (whole) node.plain = var->value.plain;
      } else {
        unknown(node, node.text.size() - rest.size() + open, name);
        return;
      }
      rest.remove_prefix(close + 1);
    }
    node.text = out;
    // The text and the source no longer agree character by character.
    node.mark.text_offset = Mark::kElsewhere;
  }

  const Entry* find(std::string_view name) const {
    for (const Entry& entry : vars_) {
      if (entry.key == name) return &entry;
    }
    return nullptr;
  }

  void unknown(const Node& node, std::size_t offset, std::string_view name) {
    std::vector<std::string> names;
    for (const Entry& entry : vars_) names.push_back(entry.key);
    fault(node, offset, name.size() + 3, "file.unknown_variable",
          format("there is no variable \"{}\"", shown(name)),
          did_you_mean(name, names,
                       names.empty() ? "declare it under vars, or write ${env:NAME}"
                                     : format("vars: {}", listed(names))));
  }

  void fault(const Node& node, std::size_t offset, std::size_t size, std::string_view id,
             std::string what, std::string hint) {
    faults_.add(fault_at(node.mark, id, std::move(what), std::move(hint))
                    .at(node.mark.place_within(offset, size)));
  }

  std::vector<Entry> vars_;
  Faults& faults_;
};

}  // namespace

void substitute_vars(Node& root, Faults& faults) {
  Substituter substituter(root.at("vars"), faults);
  for (Entry& entry : root.entries) {
    if (entry.key != "vars") substituter.visit(entry.value);
  }
}

}  // namespace kingpost::lifecycle
