// SPDX-License-Identifier: Apache-2.0
// From files over tables to the model, as a drawing: one column per step, one box per table where a
// step left other bytes than it got.
#include <algorithm>

#include "base/text.h"
#include "lifecycle/report/sections.h"

namespace kingpost::lifecycle::report {
namespace {

constexpr int kBoxWidth = 132;
constexpr int kBoxHeight = 40;
constexpr int kColumn = 164;
constexpr int kLine = 52;
constexpr int kTop = 30;

struct Box {
  std::size_t column = 0;
  std::size_t line = 0;
  std::string name{};
  std::string below{};
  std::string full{};
  bool is_chosen = false;
};

class Drawing {
 public:
  std::size_t column(std::string title) {
    titles_.push_back(std::move(title));
    next_line_.push_back(0);
    return titles_.size() - 1;
  }
  // At `line` of the column or the next free one below it.
  std::size_t box(Box box, std::size_t line) {
    box.line = std::max(line, next_line_[box.column]);
    next_line_[box.column] = box.line + 1;
    boxes_.push_back(std::move(box));
    return boxes_.size() - 1;
  }
  void edge(std::size_t from, std::size_t to) { edges_.emplace_back(from, to); }
  bool empty() const { return boxes_.empty(); }
  std::size_t line_of(std::size_t box) const { return boxes_[box].line; }

  Markup take() const {
    const std::size_t lines = *std::max_element(next_line_.begin(), next_line_.end());
    const auto width = static_cast<int>(titles_.size()) * kColumn - (kColumn - kBoxWidth) + 4;
    const int height = kTop + static_cast<int>(lines) * kLine;
    Html html;
    // As wide as the page where there is room, but never larger than drawn, nor too small to read.
    html.add(
        "<div class=\"wide\"><svg class=\"lineage\" viewBox=\"0 0 {} {}\" "
        "style=\"max-width:{}px;min-width:{}px\" role=\"img\" aria-label=\"from files to the "
        "model; the table below says the same\">\n",
        width, height, width, width * 3 / 4);
    for (std::size_t i = 0; i < titles_.size(); ++i) {
      html.add("<text class=\"head\" x=\"{}\" y=\"14\">{}</text>\n", x_of(i) + 1, titles_[i]);
    }
    for (const auto& [from, to] : edges_) draw_edge(html, boxes_[from], boxes_[to]);
    for (const Box& box : boxes_) draw_box(html, box);
    html.add("</svg></div>\n");
    return html.take();
  }

  Markup table() const {
    Table out("", {{"step"}, {"what"}, {"size"}, {"made of"}});
    for (std::size_t i = 0; i < boxes_.size(); ++i) {
      std::vector<std::string> from;
      for (const auto& [a, b] : edges_) {
        if (b == i) from.push_back(format("{} ({})", boxes_[a].full, titles_[boxes_[a].column]));
      }
      out.row({titles_[boxes_[i].column], boxes_[i].full, boxes_[i].below, join(from, ", ")});
    }
    return out.take();
  }

 private:
  static int x_of(std::size_t column) { return 2 + static_cast<int>(column) * kColumn; }
  static int y_of(std::size_t line) { return kTop + static_cast<int>(line) * kLine; }

  static void draw_edge(Html& html, const Box& from, const Box& to) {
    const int x1 = x_of(from.column) + kBoxWidth;
    const int y1 = y_of(from.line) + kBoxHeight / 2;
    const int x2 = x_of(to.column);
    const int y2 = y_of(to.line) + kBoxHeight / 2;
    const int bend = (kColumn - kBoxWidth) / 2 + 6;
    // Flat as far as the last gap, so that it passes between boxes of its own line only.
    const int turn = x2 - (kColumn - kBoxWidth);
    html.add("<path d=\"M{} {}H{}C{} {} {} {} {} {}\"/>\n", x1, y1, std::max(x1, turn),
             std::max(x1, turn) + bend, y1, x2 - bend, y2, x2, y2);
  }

  static void draw_box(Html& html, const Box& box) {
    const int x = x_of(box.column);
    const int y = y_of(box.line);
    html.add(
        "<g{}><title>{} {}</title><rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" "
        "rx=\"5\"/>",
        Markup{box.is_chosen ? " class=\"chosen\"" : ""}, box.full, box.below, x, y, kBoxWidth,
        kBoxHeight);
    constexpr std::size_t kCharacters = 18;
    html.add(
        "<text x=\"{}\" y=\"{}\">{}</text><text class=\"below\" x=\"{}\" y=\"{}\">{}</text>"
        "</g>\n",
        x + 8, y + 17, shown(box.name, kCharacters), x + 8, y + 32, shown(box.below, 21));
  }

  std::vector<std::string> titles_;
  std::vector<std::size_t> next_line_;
  std::vector<Box> boxes_;
  std::vector<std::pair<std::size_t, std::size_t>> edges_;
};

// The box that holds the newest bytes of each table, and the line it is drawn in.
struct Track {
  std::string digest;
  std::size_t box = 0;
  std::size_t line = 0;
};

class Lineage {
 public:
  explicit Lineage(const Facts& facts) : facts_(facts) {}

  bool draw() {
    add_files();
    for (const char* step : {"validate_data", "clean", "standardise"}) add_tables(step);
    add_training();
    add_features();
    add_models();
    return !drawing_.empty();
  }
  const Drawing& drawing() const { return drawing_; }

 private:
  static std::string rows_text(std::int64_t rows) { return format("{} rows", grouped(rows)); }

  void add_files() {
    const StepFacts& ingest = facts_.step("ingest");
    if (!ingest.manifest) return;
    const std::size_t files = drawing_.column("files");
    const std::size_t column = drawing_.column("ingest");
    std::size_t line = 0;
    for (const records::Table& table : ingest.manifest->output.tables) {
      const auto& sources = facts_.report("ingest")["tables"][table.name]["files"].items();
      const std::string first = sources.empty() ? table.name : sources[0]["name"].text();
      const std::string name = first.substr(first.rfind('/') + 1);
      const std::string more =
          sources.size() > 1 ? format("and {} more", sources.size() - 1) : std::string();
      const std::size_t from = drawing_.box({files, 0, name, more, first}, line);
      const std::size_t to =
          drawing_.box({column, 0, table.name, rows_text(table.rows), table.name}, line);
      drawing_.edge(from, to);
      tracks_[table.name] = {table.digest, to, line};
      ++line;
    }
  }

  void add_tables(const char* step) {
    const StepFacts& each = facts_.step(step);
    if (!each.manifest) return;
    std::optional<std::size_t> column;
    for (const records::Table& table : each.manifest->output.tables) {
      const auto track = tracks_.find(table.name);
      if (track == tracks_.end() || track->second.digest == table.digest) continue;
      if (!column) column = drawing_.column(step);
      const std::size_t box = drawing_.box(
          {*column, 0, table.name, rows_text(table.rows), table.name}, track->second.line);
      drawing_.edge(track->second.box, box);
      track->second.digest = table.digest;
      track->second.box = box;
    }
  }

  void add_training() {
    const StepFacts& curate = facts_.step("curate");
    const records::Table* training =
        curate.manifest ? curate.manifest->output.find("training") : nullptr;
    if (training == nullptr) return;
    last_ = drawing_.box(
        {drawing_.column("curate"), 0, "training", rows_text(training->rows), "training"}, 0);
    std::vector<std::string> used = {facts_.pipeline->section("curate").text_at("spine")};
    for (const Json& join : facts_.report("curate")["joins"].items()) {
      used.push_back(join["table"].text());
    }
    for (const auto& [name, track] : tracks_) {
      if (std::find(used.begin(), used.end(), name) != used.end()) drawing_.edge(track.box, *last_);
    }
  }

  void add_features() {
    const Json& report = facts_.report("extract_features");
    if (!report.is_object() || !last_) return;
    const std::size_t all = report["features"].items().size();
    next("extract_features", "features", format("{} features", all));
    std::size_t kept = 0;
    for (const Json& each : facts_.report("select_features")["columns"].items()) {
      kept += each["verdict"].text() == "kept" ? 1 : 0;
    }
    if (kept > 0) next("select_features", "kept", format("{} columns", kept));
  }

  void next(const char* step, std::string name, std::string below) {
    const std::size_t column = drawing_.column(step);
    std::string full = name;
    const std::size_t box =
        drawing_.box({column, 0, std::move(name), std::move(below), std::move(full)}, line_);
    drawing_.edge(*last_, box);
    last_ = box;
  }

  void add_models() {
    const auto& models = facts_.report("train")["models"].items();
    if (models.empty() || !last_) return;
    const std::string winner = facts_.report("select_best")["name"].text();
    const std::size_t column = drawing_.column("train");
    std::optional<std::size_t> chosen;
    for (const Json& model : models) {
      const std::string name = model["name"].text();
      const std::size_t box =
          drawing_.box({column, 0, name, model["family"].text(), name, name == winner}, 0);
      drawing_.edge(*last_, box);
      if (name == winner) {
        chosen = box;
        line_ = drawing_.line_of(box);
      }
    }
    if (!chosen) return;
    last_ = chosen;
    std::size_t files = 0;
    if (facts_.step("package").manifest) {
      for (const records::File& file : facts_.step("package").manifest->output.files) {
        files += starts_with(file.name, "bundle/") ? 1 : 0;
      }
    }
    if (files > 0) next("package", "bundle", format("{} files", files));
    const Json& version = facts_.file("version.json");
    if (!version.is_object()) return;
    next("register", format("{}/{}", version["model"].text(), version["version"].integer()),
         "model version");
  }

  const Facts& facts_;
  Drawing drawing_;
  std::map<std::string, Track> tracks_;
  std::optional<std::size_t> last_;
  std::size_t line_ = 0;
};

}  // namespace

Markup lineage_section(const Facts& facts) {
  Lineage lineage(facts);
  if (!lineage.draw()) return {};
  return markup("<p>A box stands where a step left other bytes than it got.</p>\n{}{}",
                lineage.drawing().take(), details("as a table", lineage.drawing().table()));
}

}  // namespace kingpost::lifecycle::report
