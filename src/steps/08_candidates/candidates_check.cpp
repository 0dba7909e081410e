// SPDX-License-Identifier: Apache-2.0
// Names, families and spaces are looked at before anything runs.
#include <algorithm>
#include <cctype>

#include "base/text.h"
#include "steps/08_candidates/candidates.h"
#include "steps/08_candidates/families.h"
#include "steps/trained_models.h"

namespace kingpost::steps::candidates {
namespace {

// Names become names of files and columns.
bool is_name(const std::string& text) {
  return !text.empty() && text.size() <= 60 && std::isdigit(text[0]) == 0 &&
         std::all_of(text.begin(), text.end(), [](char c) {
           return c == '_' || std::isalnum(static_cast<unsigned char>(c)) != 0;
         });
}

class CandidateCheck {
 public:
  explicit CandidateCheck(CheckContext& context) : context_(context) {}

  void check(const Entry& candidate) {
    if (!is_name(candidate.key)) {
      fault(candidate.key_mark, "candidates.name_invalid",
            format("\"{}\" is no name for a candidate", shown(candidate.key)),
            "letters, digits and underscores, and no digit first");
    }
    family_ = candidate.value.text_at("family");
    const Mark& mark = candidate.value.at("family").mark;
    if (family_ == "code") {
      fault(mark, "candidates.family_not_built", "step 9 \"code\" is not built yet",
            "leave this candidate out");
      return;
    }
    if (has_target() && !suits(family_, task())) {
      fault(mark, "candidates.family_unsuitable",
            format("{} does not fit a {} target", family_, records::task_word(task())),
            task() == records::Task::kNumber ? "use ridge" : "use logistic");
      return;
    }
    for (const Entry& each : candidate.value.map("space")) check_space(each);
    for (const Entry& each : candidate.value.map("parameters")) {
      check_value(each.key_mark, each.key, each.value.mark, each.value.value);
      if (!candidate.value.at("space").has(each.key)) continue;
      fault(each.key_mark, "candidates.space_invalid",
            format("\"{}\" stands under space and under parameters", shown(each.key)), "keep one");
    }
  }

 private:
  void fault(const Mark& mark, std::string_view id, std::string what, std::string hint = {}) {
    context_.faults.add(fault_at(mark, id, std::move(what), std::move(hint)));
  }

  bool has_target() const { return context_.pipeline.at("curate").at("target").is_map(); }
  records::Task task() const { return task_of(context_.pipeline); }

  void check_value(const Mark& key_mark, const std::string& name, const Mark& mark,
                   const Json& value) {
    Objection found = objection(family_, task(), name, value);
    if (found.words.empty()) return;
    fault(found.is_unknown ? key_mark : mark,
          found.is_unknown ? "candidates.parameter_unknown" : "candidates.parameter_invalid",
          std::move(found.words), std::move(found.hint));
  }

  void check_space(const Entry& entry) {
    const Node& space = entry.value;
    const bool is_range = space.has("from") || space.has("to");
    const int forms =
        (is_range ? 1 : 0) + (space.has("values") ? 1 : 0) + (space.has("value") ? 1 : 0);
    if (forms != 1) {
      fault(entry.key_mark, "candidates.space_invalid",
            format("\"{}\" wants one of: from and to, values, value", shown(entry.key)));
      return;
    }
    if (is_range) return check_range(entry);
    if (space.has("value")) {
      check_value(entry.key_mark, entry.key, space.at("value").mark, space.at("value").value);
    }
    if (space.has("values") && space.list("values").empty()) {
      fault(space.at("values").mark, "candidates.space_invalid",
            "an empty list has no value to draw");
    }
    for (const Node& each : space.list("values")) {
      check_value(entry.key_mark, entry.key, each.mark, each.value);
    }
  }

  void check_range(const Entry& entry) {
    const Node& space = entry.value;
    if (!space.has("from") || !space.has("to")) {
      fault(entry.key_mark, "candidates.space_invalid",
            format("\"{}\" wants both from and to", shown(entry.key)));
      return;
    }
    if (!(space.number("from") < space.number("to"))) {
      fault(space.at("to").mark, "candidates.space_invalid", "to is not above from");
      return;
    }
    if (space.text_at("scale") == "log" && !(space.number("from") > 0)) {
      fault(space.at("from").mark, "candidates.space_invalid", "a log scale begins above 0",
            "choose a from above 0, or scale: linear");
      return;
    }
    const std::size_t before = context_.faults.size();
    for (const char* end : {"from", "to"}) {
      if (context_.faults.size() > before) return;
      const double number = space.number(end);
      const Json value =
          space.flag("integer") ? Json(static_cast<std::int64_t>(number)) : Json(number);
      check_value(entry.key_mark, entry.key, space.at(end).mark, value);
    }
  }

  CheckContext& context_;
  std::string family_;
};

}  // namespace

void check(CheckContext& context) {
  if (!context.section.is_map()) return;
  CandidateCheck each(context);
  for (const Entry& candidate : context.section.entries) each.check(candidate);
}

}  // namespace kingpost::steps::candidates
