// SPDX-License-Identifier: Apache-2.0
// The recipe: gather what the earlier steps left, write each file, name them all.
#include "steps/15_package/package.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/clock.h"
#include "base/digest.h"
#include "base/ed25519.h"
#include "base/environment.h"
#include "base/files.h"
#include "base/text.h"
#include "base/utf8.h"
#include "base/version.h"
#include "steps/15_package/material.h"
#include "steps/15_package/sbom.h"
#include "steps/15_package/sources.h"
#include "steps/bundle.h"
#include "steps/input_example.h"
#include "steps/linear_facts.h"
#include "steps/model_graph.h"

namespace kingpost::steps::package {
namespace {

constexpr std::size_t kLargestCard = 1U << 20U;

std::string card_path(const Node& section, const Settings& settings) {
  const std::string path = section.text_at("card");
  return path.empty() ? path : resolve_path(settings.folder, path);
}

// The private key that signs, as PEM; empty where none is named. It is read for each use and kept
// nowhere. Fails with `package.sign_unusable`, without a word of what the file holds.
Result<std::string> signing_key(const Node& section, const Settings& settings) {
  constexpr std::size_t kLargestKey = 1U << 16U;
  const std::string word = section.text_at("sign");
  if (word.empty()) return std::string();
  const auto unusable = [&](std::string_view why) {
    return fail(Code::kInvalidInput, "package.sign_unusable", "\"{}\" cannot sign: {}",
                shown(word, 200), why)
        .hint(
            "name a private key of Ed25519, relative to the pipeline file; `kingpost keys new "
            "NAME` makes one");
  };
  const auto replaced = with_environment(word, "package.sign_unusable");
  if (!replaced) return unusable(replaced.error().what());
  const std::string path = resolve_path(settings.folder, *replaced);
  // A value of the environment is not shown, not even as part of a path.
  if (!exists(path)) return unusable("there is no such file");
  if (!stamp_of(path)) return unusable("it is no file");
  auto pem = read_file(path, kLargestKey);
  if (!pem) return unusable("it cannot be read");
  if (const auto known = public_pem_of(*pem); !known) return unusable(known.error().what());
  return std::move(*pem);
}

class Packing {
 public:
  explicit Packing(RunContext& context) : context_(context), material_{context} {}

  Result<Outcome> run() {
    outcome_.output = context_.input;
    TRY_STATUS(gather());
    TRY_STATUS(add_model());
    signature_ = signature_of(material_);
    TRY_STATUS(add("signature.json", signature_.pretty()));
    TRY_STATUS(add_example());
    TRY_STATUS(add_facts());
    TRY_STATUS(add_texts());
    TRY_STATUS(add_origins());
    const std::string sums = bundle_sums(files_);
    TRY(records::File file, seal_bytes(context_, format("bundle/{}", kBundleSums), sums));
    outcome_.report.set("bundle", file.digest).set("name", material_.name);
    outcome_.report.set("model", material_.model->name).set("files", std::ssize(files_) + 1);
    outcome_.report.set("bytes", bytes_ + file.bytes).set("exact", material_.exact);
    outcome_.counts = {{"files", std::ssize(files_) + 1}, {"KiB", (bytes_ + file.bytes) / 1024}};
    outcome_.output.put(std::move(file));
    TRY_STATUS(sign_sums(sums));
    return std::move(outcome_);
  }

 private:
  // Beside the bundle and no part of it: a bundle is the same whoever signs it.
  Status sign_sums(const std::string& sums) {
    TRY(const std::string key, signing_key(context_.section, context_.settings));
    if (key.empty()) return {};
    TRY(const std::string signature, sign(key, sums));
    TRY(const std::string pem, public_pem_of(key));
    TRY(const std::string fingerprint, fingerprint_of(pem));
    outcome_.report.set("signed_by", fingerprint);
    TRY(records::File file, seal_bytes(context_, format("bundle/{}", kBundleSignature), signature));
    outcome_.output.put(std::move(file));
    return {};
  }

  Status add(const std::string& name, std::string_view bytes) {
    TRY(records::File file, seal_bytes(context_, "bundle/" + name, bytes));
    bytes_ += file.bytes;
    files_.push_back({name, file.digest, {}});
    outcome_.output.put(std::move(file));
    return {};
  }

  Status gather() {
    Material& m = material_;
    TRY(m.trained, read_trained(context_));
    TRY(m.winner, json_of(context_, "winner.json"));
    TRY(m.verdicts, json_of(context_, "verdicts.json"));
    TRY(m.evaluation, json_of(context_, "evaluation.json"));
    m.metric = train_metric(context_.pipeline);
    m.model = m.trained.find(m.winner["name"].text());
    if (m.model == nullptr) {
      return fail(Code::kInternal, "step.file_missing", "no model of the name \"{}\" was trained",
                  shown(m.winner["name"].text()));
    }
    TRY(m.judged, read_judged(context_, m.trained));
    for (const auto& [name, verdict] : m.verdicts.entries()) {
      if (verdict["reference"].boolean() && name != m.model->name) m.baseline = name;
    }
    m.name = format("{}_{}", context_.settings.project, m.target().name);
    return {};
  }

  Status add_model() {
    Material& m = material_;
    TRY(const std::string featurizer, bytes_of(context_, "featurizer.onnx"));
    TRY(const std::string model, bytes_of(context_, format("model.{}.onnx", m.model->name)));
    TRY(onnx::Graph graph, whole_graph(featurizer, m.trained.kept, model));
    graph.note("name", m.name);
    graph.note("task", std::string(records::task_word(m.task())));
    graph.note("target", m.target().name);
    graph.note("kingpost", std::string(kingpost_version()));
    m.ports = graph.inputs();
    m.outputs = graph.outputs();
    m.exact = m.trained.features.exact && onnx::inexact_operators(graph).empty();
    for (const onnx::Port& port : m.ports) {
      for (const records::Column& column : m.trained.features.inputs) {
        if (column.name == port.name) m.inputs.push_back(column);
      }
    }
    const std::string bytes = graph.bytes();
    identity_ = sha256_of(bytes);
    TRY_STATUS(add("model.onnx", bytes));
    TRY(model_, onnx::Model::load(bytes));
    TRY_STATUS(add("native/model.json", m.model->facts.pretty()));
    TRY_STATUS(add_means());
    const std::string native = m.model->facts["native"].text();
    if (native.empty()) return {};
    TRY(const std::string text, bytes_of(context_, native));
    return add("native/lightgbm.txt", text);
  }

  // What an explanation of a linear model is measured from.
  Status add_means() {
    const Material& m = material_;
    const auto linear = linear_model(m.trained, *m.model);
    if (!linear) return {};
    TRY(const LinearShap shap, linear_shap(context_, m.trained, *linear));
    return add(std::string(kLinearMeansFile), linear_means_json(*linear, shap.means()).pretty());
  }

  Status add_example() {
    const Material& m = material_;
    const std::int64_t wanted =
        context_.section.is_map() ? context_.section.integer("input_example") : 5;
    records::Batch batch;
    for (const Side side : {Side::kValidation, Side::kTrain}) {
      if (batch.rows > 0) break;
      TRY_STATUS(context_.sql.stream(side_query(context_, m.trained, side, wanted),
                                     [&](records::Batch& rows) {
                                       if (rows.rows > 0) batch = std::move(rows);
                                       return Status();
                                     }));
    }
    records::Batch picked;
    picked.rows = batch.rows;
    for (const records::Column& input : m.inputs) {
      picked.columns.push_back(*batch.find(input.name));
      // JSON has no infinity: what is kept must be what is asked.
      for (double& each : picked.columns.back().numbers) {
        if (std::isinf(each)) each = std::numeric_limits<double>::quiet_NaN();
      }
    }
    TRY(const auto answers, model_->run(picked, 0, picked.rows));
    TRY_STATUS(add(std::string(kExampleFile), example_rows(m.inputs, picked).dump() + "\n"));
    return add(std::string(kAnswersFile), example_answers(m.outputs, answers).dump() + "\n");
  }

  Status add_facts() {
    const Material& m = material_;
    TRY(const Json features, json_of(context_, "features.json"));
    TRY_STATUS(add("features.json", features_of(m, features).pretty()));
    TRY_STATUS(add("metrics.json", metrics_of(m).pretty()));
    TRY(sources_, sources_of(context_));
    TRY_STATUS(add("lineage.json", lineage_of(m, sources_).pretty()));
    TRY(reference_, reference_of(m));
    return add("reference.json", reference_.dump() + "\n");
  }

  Status add_texts() {
    const Material& m = material_;
    std::string team;
    const std::string path = card_path(context_.section, context_.settings);
    if (!path.empty()) {
      TRY(team, read_file(path, kLargestCard));
    }
    TRY(const Json sides, sides_of(m));
    TRY_STATUS(add("model_card.md", card_of(m, {sources_, sides, reference_}, team)));
    TRY_STATUS(add("README.md", readme_of(m, signature_)));
    for (const TextFile& file : mlflow_files(m, signature_, identity_)) {
      TRY_STATUS(add(file.name, file.text));
    }
    return {};
  }

  // Last, since it names the others.
  Status add_origins() {
    const Material& m = material_;
    SbomFacts facts{.name = m.name,
                    .digest = identity_,
                    .task = std::string(records::task_word(m.task())),
                    .licence = context_.section.text_at("licence"),
                    .created = {},
                    .components = components_of(m.model->family),
                    .sources = sources_,
                    .files = files_};
    if (context_.settings.now_given) facts.created = second_text(context_.settings.now);
    TRY_STATUS(add("licences.json", licences_of(facts).pretty()));
    TRY_STATUS(add("sbom.spdx.json", spdx_of(facts).pretty()));
    return add("sbom.cdx.json", cyclonedx_of(facts).pretty());
  }

  RunContext& context_;
  Material material_;
  std::unique_ptr<onnx::Model> model_;
  std::string identity_;
  Json signature_;
  Json reference_;
  Json sources_;
  std::vector<Bundle::File> files_;
  std::int64_t bytes_ = 0;
  Outcome outcome_;
};

}  // namespace

void check(CheckContext& context) {
  const std::string licence = context.section.text_at("licence");
  if (!licence.empty() && !is_licence_expression(licence)) {
    context.faults.add(fault_at(context.section.at("licence").mark, "package.licence_malformed",
                                format("\"{}\" is no SPDX licence expression", shown(licence)),
                                "e.g. MIT, or Apache-2.0 OR LicenseRef-ours"));
  }
  if (const auto key = signing_key(context.section, context.settings); !key) {
    context.faults.add(fault_at(context.section.at("sign").mark, "package.sign_unusable",
                                key.error().what(), key.error().hint()));
  }
  const std::string path = card_path(context.section, context.settings);
  if (path.empty()) return;
  const Mark& mark = context.section.at("card").mark;
  if (const auto stamp = stamp_of(path); !stamp) {
    context.faults.add(fault_at(mark, "package.card_missing", stamp.error().what(),
                                "name a Markdown file, relative to the pipeline file"));
    return;
  }
  const auto text = read_file(path, kLargestCard + 1);
  std::string_view why;
  if (!text) {
    why = "it cannot be read";
  } else if (text->size() > kLargestCard) {
    why = "it is larger than 1 MiB";
  } else if (!is_utf8(*text)) {
    why = "it is not UTF-8";
  }
  if (why.empty()) return;
  context.faults.add(fault_at(mark, "package.card_unreadable",
                              format("\"{}\" is no text for the model card: {}", path, why),
                              "save it as Markdown in UTF-8"));
}

Result<Json> key_parts(KeyContext& context) {
  Json out = Json::object();
  out.set("kingpost", kingpost_version());
  out.set("sections", sections_of(context.pipeline));
  out.set("project", context.settings.project);
  if (context.settings.now_given) out.set("now", timestamp_text(context.settings.now));
  const std::string path = card_path(context.section, context.settings);
  if (!path.empty()) {
    TRY(std::string digest, sha256_of_file(path));
    out.set("card", std::move(digest));
  }
  TRY(const std::string key, signing_key(context.section, context.settings));
  if (!key.empty()) {
    TRY(const std::string pem, public_pem_of(key));
    TRY(std::string fingerprint, fingerprint_of(pem));
    out.set("signed_by", std::move(fingerprint));
  }
  return out;
}

Result<Outcome> run(RunContext& context) {
  return Packing(context).run();
}

}  // namespace kingpost::steps::package
