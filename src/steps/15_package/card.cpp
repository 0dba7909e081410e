// SPDX-License-Identifier: Apache-2.0
// The model card, after Mitchell et al. 2019 (https://doi.org/10.1145/3287560.3287596): what the
// model is for, how good it is and on whom, and where it should not be trusted.
#include <algorithm>

#include "base/text.h"
#include "base/version.h"
#include "steps/15_package/markdown.h"
#include "steps/15_package/material.h"

namespace kingpost::steps::package {
namespace {

constexpr std::size_t kWorstSlices = 10;
constexpr std::size_t kImportances = 20;

class Card {
 public:
  Card(const Material& material, const CardFacts& facts)
      : m_(material), sources_(facts.sources), sides_(facts.sides), reference_(facts.reference) {}

  std::string text(const std::string& team) {
    out_ = format("# {}\n\n", plain(m_.name));
    purpose();
    if (!team.empty()) out_ += format("## From the team\n\n{}\n\n", std::string(trim(team)));
    data();
    quality();
    slices();
    importances();
    gates();
    limits();
    selection();
    usage();
    while (out_.ends_with("\n\n")) out_.pop_back();
    return std::move(out_);
  }

 private:
  const Node& curate() const { return m_.context.pipeline.at("curate"); }
  bool folded() const { return m_.judged.rows.side == Side::kTrain; }
  const Json& evaluation() const { return m_.evaluation[m_.model->name]; }

  void purpose() {
    const Node& target = curate().at("target");
    out_ += "## What it predicts\n\n";
    out_ += format("{}, {}", code(m_.target().name), kind_words());
    const std::string expression = target.text_at("expr");
    if (!expression.empty() && expression != m_.target().name) {
      out_ += format(", defined as {}", code(expression));
    }
    out_ += ".\n\n";
    const Node& at = curate().at("predict_at");
    if (!at.is_map()) {
      out_ +=
          "The file declares no time of prediction, so it was not checked that every input is "
          "known by then.\n\n";
      return;
    }
    out_ += format(
        "**When:** {}. Only values that are known by then enter; the pipeline checks that "
        "from `known_at`.\n\n",
        moment(at));
  }

  static std::string moment(const Node& at) {
    const std::string column = code(at.text_at("column"));
    const std::string offset = at.text_at("offset");
    if (at.at("offset").value.integer() == 0) return format("at {}", column);
    if (offset.front() == '-') return format("{} before {}", offset.substr(1), column);
    return format("{} after {}", offset, column);
  }

  std::string kind_words() const {
    if (m_.task() == records::Task::kNumber) return "a number";
    if (m_.task() == records::Task::kBinary) {
      return format("true or false; true from a probability of {} on",
                    number_words(m_.model->threshold));
    }
    std::vector<std::string> classes;
    for (const std::string& each : m_.target().classes) classes.push_back(code(each));
    if (classes.size() > 20) classes.resize(20);
    return format("one of {} classes: {}{}", m_.target().classes.size(), join(classes, ", "),
                  classes.size() < m_.target().classes.size() ? ", ..." : "");
  }

  std::string label_words(const Json& label) const {
    if (m_.task() == records::Task::kNumber) {
      return format("mean {}, from {} to {}", number_words(label["mean"]),
                    number_words(label["min"]), number_words(label["max"]));
    }
    const double all = std::max(1.0, label["rows"].number());
    std::vector<std::string> parts;
    for (const Json& each : label["counts"].items()) {
      if (m_.task() == records::Task::kBinary && each["value"].text() == "false") continue;
      parts.push_back(
          format("{:.1f}% {}", 100 * each["rows"].number() / all, plain(each["value"].text())));
    }
    if (parts.size() > 8) parts.resize(8);
    return join(parts, ", ");
  }

  void data() {
    out_ += "## Data\n\n";
    MarkdownTable sources({"source", "file", "sha256"});
    for (const auto& [table, files] : sources_.entries()) {
      for (const Json& file : files.items()) {
        sources.row(
            {code(table), code(file["file"].text()), code(file["sha256"].text().substr(0, 12))});
      }
    }
    out_ += sources.text();
    const bool timed = !sides_.items().empty() && sides_.items()[0]["time"].is_string();
    std::vector<std::string> heads = {"side", "rows", "label"};
    if (timed) {
      const std::string column = sides_.items()[0]["time"].text();
      heads.push_back(format("first {}", code(column)));
      heads.push_back(format("last {}", code(column)));
    }
    MarkdownTable sides(heads);
    for (const Json& side : sides_.items()) {
      std::vector<std::string> row = {side["side"].text(), number_words(side["rows"]),
                                      label_words(side["label"])};
      if (timed) {
        row.push_back(plain(side["first"].text()));
        row.push_back(plain(side["last"].text()));
      }
      sides.row(std::move(row));
    }
    out_ += sides.text();
    out_ += format(
        "The featurizer is fitted on train rows only; calibration, threshold and "
        "selection use {}; test rows are opened for the numbers below and choose nothing.",
        folded() ? "the rows of a fold by models that have not seen it" : "validation rows");
    if (m_.model->facts["refit"].boolean()) {
      out_ += " The packaged model was then trained once more on train and validation rows.";
    }
    out_ += "\n\n";
  }

  void quality() {
    out_ += "## How good it is\n\n";
    const bool beside = !m_.baseline.empty();
    std::vector<std::string> heads = {"metric", m_.model->name};
    if (beside) heads.push_back(m_.baseline);
    for (std::string& each : heads) each = plain(each);
    MarkdownTable table(heads);
    for (const auto& [metric, value] : evaluation()["metrics"].entries()) {
      std::vector<std::string> row = {code(metric), interval_words(value)};
      if (beside) row.push_back(interval_words(m_.evaluation[m_.baseline]["metrics"][metric]));
      table.row(std::move(row));
    }
    const std::string text = table.text();
    if (text.empty()) {
      out_ += "There are no test rows, so this is not known.\n\n";
      return;
    }
    out_ += text;
    out_ += format("On {} test rows. In brackets the bootstrap interval of each number.\n\n",
                   number_words(m_.evaluation["rows"]));
  }

  void slices() {
    const Metric* metric = find_metric(m_.metric);
    std::vector<const Json*> found;
    for (const Json& slice : evaluation()["slices"].items()) {
      const bool small = slice["small"].boolean();
      if (!small && slice["metrics"][m_.metric]["value"].is_number()) found.push_back(&slice);
    }
    if (metric == nullptr || found.empty()) return;
    const auto value_of = [&](const Json* slice) {
      return (*slice)["metrics"][m_.metric]["value"].number();
    };
    std::stable_sort(found.begin(), found.end(), [&](const Json* a, const Json* b) {
      return metric->prefers(value_of(b), value_of(a));
    });
    if (found.size() > kWorstSlices) found.resize(kWorstSlices);
    out_ += "## Where it is worst\n\n";
    MarkdownTable table({"rows where", "rows", code(m_.metric)});
    for (const Json* slice : found) {
      table.row({plain((*slice)["words"].text()), number_words((*slice)["rows"]),
                 interval_words((*slice)["metrics"][m_.metric])});
    }
    out_ += table.text();
  }

  void importances() {
    MarkdownTable table({"feature", format("loss of {} when it is shuffled", code(m_.metric))});
    std::size_t count = 0;
    for (const Json& each : evaluation()["importances"].items()) {
      if (++count > kImportances) break;
      table.row({code(each["feature"].text()),
                 format("{} ± {}", number_words(each["value"]), number_words(each["deviation"]))});
    }
    const std::string text = table.text();
    if (!text.empty()) out_ += "## What it goes by\n\n" + text;
  }

  void gates() {
    MarkdownTable table({"gate", "verdict", "in words"});
    for (const Json& gate : m_.verdicts[m_.model->name]["gates"].items()) {
      table.row({code(gate["gate"].text()), plain(replace_all(gate["verdict"].text(), "_", " ")),
                 plain(gate["words"].text())});
    }
    const std::string text = table.text();
    if (!text.empty()) out_ += "## What was tested\n\n" + text;
  }

  static std::string seen_words(const Json& input) {
    if (input.has("distinct")) return format("{} categories", number_words(input["distinct"]));
    if (!input["min"].is_number()) return "nothing but nulls";
    const std::string& type = input["type"].text();
    if (type == "boolean") return "true or false";
    if (!records::is_temporal(type)) {
      return format("{} to {}", number_words(input["min"]), number_words(input["max"]));
    }
    return format("{} to {}", timestamp_text(static_cast<Micros>(input["min"].number())),
                  timestamp_text(static_cast<Micros>(input["max"].number())));
  }

  void limits() {
    out_ += "## Inputs and limits\n\n";
    MarkdownTable table({"input", "type", "nulls in training", "seen in training"});
    for (const Json& input : reference_["inputs"].items()) {
      const double rows = std::max(1.0, input["rows"].number());
      table.row({code(input["name"].text()), input["type"].text(),
                 format("{:.3g}%", 100 * input["nulls"].number() / rows), seen_words(input)});
    }
    out_ += table.text();
    out_ +=
        "- A category that training has not seen, or seldom, counts as \"other\"; null is a "
        "category of its own, or is filled as `features.json` says.\n"
        "- Outside of the ranges above the model has seen nothing. Trees answer there as at the "
        "edge of the range, linear models go on in a straight line.\n"
        "- Intervals say how much the numbers depend on which rows were drawn, and not whether "
        "the future is like the past.\n";
    out_ += m_.exact
                ? "- The answers are the same bits for a row alone and in any batch, run as "
                  "`README.md` says.\n\n"
                : "- A feature uses functions whose last bits depend on the batch: answers are "
                  "equal to 1e-6, not to the last bit.\n\n";
  }

  void selection() {
    out_ += "## How it was selected\n\n";
    for (const Json& line : m_.winner["why"].items()) {
      out_ += format("- {}\n", plain(line.text()));
    }
    out_ += "\n";
    const std::string metric = m_.winner["metric"].text();
    MarkdownTable table({"model", "family",
                         code(metric) + (folded() ? " on held-out folds" : " on validation rows"),
                         "verdict", "in words"});
    for (const Json& row : m_.winner["table"].items()) {
      Json value = Json::object();
      value.set("value", row["metric"]).set("low", row["low"]).set("high", row["high"]);
      table.row({code(row["name"].text()), plain(row["family"].text()), interval_words(value),
                 plain(replace_all(row["verdict"].text(), "_", " ")), plain(row["words"].text())});
    }
    out_ += table.text();
    MarkdownTable parameters({"parameter", "value"});
    for (const auto& [name, value] : m_.model->facts["parameters"].entries()) {
      parameters.row({code(name), plain(value.is_string() ? value.text() : value.dump())});
    }
    if (m_.model->facts["rounds"].integer() > 0) {
      parameters.row({"`rounds`", number_words(m_.model->facts["rounds"])});
    }
    out_ += parameters.text();
  }

  void usage() {
    out_ +=
        "## How to use it\n\n`README.md` shows it for onnxruntime, MLflow and kingpost. "
        "`lineage.json` names the data and the sections of the pipeline file by which kingpost ";
    out_ += format("{} made it.\n", kingpost_version());
  }

  const Material& m_;
  const Json& sources_;
  const Json& sides_;
  const Json& reference_;
  std::string out_;
};

}  // namespace

std::string card_of(const Material& material, const CardFacts& facts, const std::string& team) {
  return Card(material, facts).text(team);
}

}  // namespace kingpost::steps::package
