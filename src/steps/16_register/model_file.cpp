// SPDX-License-Identifier: Apache-2.0
// What a file does not tell is left out: there are no metrics and no training data to speak of.
#include "steps/16_register/model_file.h"

#include <cstring>
#include <filesystem>

#include "base/digest.h"
#include "base/files.h"
#include "base/text.h"
#include "engines/lightgbm/model_text.h"
#include "engines/onnx/foreign.h"
#include "engines/onnx/runtime.h"
#include "engines/onnx/session/session.h"
#include "steps/16_register/trees_file.h"

namespace kingpost::steps::registering {
namespace {

constexpr std::size_t kMost = std::size_t{1} << 31;
constexpr std::int64_t kAskedRows = 257;

Json shape_of(const onnx::TensorPort& port) {
  Json out = Json::array();
  for (const std::int64_t each : port.shape) out.push(each);
  return out;
}

Json ports_json(const std::vector<onnx::TensorPort>& ports) {
  Json out = Json::array();
  for (const onnx::TensorPort& each : ports) {
    Json port = Json::object().set("name", each.name);
    port.set("type", records::datatype_word(each.datatype)).set("shape", shape_of(each));
    out.push(std::move(port));
  }
  return out;
}

// As far as `kingpost infer` reads rows: one column each.
Json columns_json(const std::vector<onnx::Port>& ports) {
  Json out = Json::array();
  for (const onnx::Port& each : ports) {
    const bool is_text = each.type == records::TensorType::kString;
    out.push(Json::object().set("name", each.name).set("type", is_text ? "string" : "float64"));
  }
  return out;
}

// Numbers that differ from row to row, with no value here and there.
records::Batch made_up(const std::vector<onnx::Port>& inputs) {
  records::Batch out;
  out.rows = kAskedRows;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    records::BatchColumn column{inputs[i].name, inputs[i].type == records::TensorType::kString};
    for (std::int64_t row = 0; row < out.rows; ++row) {
      const auto mixed =
          static_cast<double>((row * 7919 + static_cast<std::int64_t>(i) * 104'729) % 2003);
      if (column.is_text) {
        column.texts.push_back(format("{}", mixed));
      } else {
        column.numbers.push_back((mixed - 1000) / 100);
      }
    }
    out.columns.push_back(std::move(column));
  }
  return out;
}

// Bits, so that NaN is like NaN.
bool same_row(const records::Tensor& all, std::int64_t row, const records::Tensor& one) {
  return std::visit(
      [&](const auto& values) {
        using Values = std::decay_t<decltype(values)>;
        const auto& own = std::get<Values>(one.data);
        const std::size_t width = own.size();
        const std::size_t from = static_cast<std::size_t>(row) * width;
        if (from + width > values.size()) return false;
        if constexpr (std::is_trivially_copyable_v<typename Values::value_type>) {
          return std::memcmp(&values[from], own.data(), width * sizeof(own[0])) == 0;
        } else {
          return std::equal(own.begin(), own.end(),
                            values.begin() + static_cast<std::ptrdiff_t>(from));
        }
      },
      all.data);
}

// Rows whose answers are other ones alone than among others.
Result<std::int64_t> others_alone(const onnx::Model& model) {
  const records::Batch batch = made_up(model.inputs());
  TRY(const auto together, model.run(batch, 0, batch.rows));
  std::int64_t out = 0;
  for (std::int64_t row = 0; row < batch.rows; ++row) {
    TRY(const auto alone, model.run(batch, row, 1));
    for (std::size_t i = 0; i < alone.size(); ++i) {
      if (same_row(together[i], row, alone[i])) continue;
      ++out;
      break;
    }
  }
  return out;
}

Result<ModelFile> read_onnx(const std::string& path, const std::string& bytes) {
  ModelFile out;
  const std::string folder = std::filesystem::path(path).parent_path().string();
  TRY(const std::string whole, onnx::self_contained(bytes, folder.empty() ? "." : folder));
  TRY(const auto session, onnx::Session::load(whole));
  Json signature = Json::object().set("outputs", ports_json(session->outputs()));
  signature.set("tensors", ports_json(session->inputs()));
  out.parity = "no rows of columns to compare: it is asked by tensors only";
  Json inputs = ports_json(session->inputs());
  const auto by_columns = onnx::asked_by_columns(whole);
  auto model =
      by_columns ? onnx::Model::load(*by_columns) : Result<std::unique_ptr<onnx::Model>>(nullptr);
  Json parity = Json::object().set("rows", 0);
  if (model && *model != nullptr) {
    TRY(const std::int64_t others, others_alone(**model));
    inputs = columns_json((*model)->inputs());
    out.files["rows.onnx"] = *by_columns;
    out.parity = format("{} of {} rows have other answers alone than together", others, kAskedRows);
    parity = Json::object().set("rows", kAskedRows).set("others_alone", others);
  }
  signature.set("inputs", std::move(inputs)).set("signature", "strict");
  out.files["model.onnx"] = whole;
  out.files["signature.json"] = signature.pretty();
  out.facts.set("candidate", "file").set("family", "onnx").set("parity", std::move(parity));
  return out;
}

Result<ModelFile> read_trees(const std::string& text) {
  TRY(const records::TreeEnsemble trees, lightgbm::parse_model(text));
  TRY(const auto names, feature_names(text, trees.features));
  const std::string graph = tree_graph(trees, names);
  TRY(const TreeParity parity, compare_trees(text, trees, graph, names));
  ModelFile out;
  out.parity = format("{} rows beside LightGBM: all leaves equal, answers at most {:.3g} apart",
                      grouped(parity.rows), parity.largest);
  TRY(const auto model, onnx::Model::load(graph));
  const bool binary = trees.link == records::Link::kSigmoid && trees.outputs == 1;
  Json classes = Json::array();
  for (std::int32_t i = 0; trees.outputs > 1 && i < trees.outputs; ++i) {
    classes.push(format("{}", i));
  }
  Json outputs = Json::array();
  for (const onnx::Port& each : model->outputs()) {
    outputs.push(Json::object().set("name", each.name).set("columns", each.columns));
  }
  Json signature = Json::object();
  signature.set("task", binary ? "binary" : trees.outputs > 1 ? "multiclass" : "number");
  signature.set("target", "prediction").set("classes", std::move(classes));
  signature.set("threshold", binary ? Json(0.5) : Json()).set("key", Json::array());
  signature.set("inputs", columns_json(model->inputs())).set("outputs", std::move(outputs));
  out.files["model.onnx"] = graph;
  out.files["signature.json"] = signature.set("signature", "strict").pretty();
  out.files["native/lightgbm.txt"] = text;
  Json kept = Json::object().set("rows", parity.rows).set("largest", parity.largest);
  out.facts.set("candidate", "file").set("family", "lightgbm").set("parity", std::move(kept));
  return out;
}

}  // namespace

Result<ModelFile> read_model_file(const std::string& path) {
  TRY(const FileStamp stamp, stamp_of(path));
  const std::string name = std::filesystem::path(path).filename().string();
  if (static_cast<std::size_t>(stamp.size) >= kMost) {
    return fail(Code::kInvalidInput, "register.file_too_large", "\"{}\" has {}", shown(name),
                human_bytes(stamp.size))
        .hint("a model file has less than 2 GiB");
  }
  TRY(const std::string bytes, read_file(path, kMost));
  const bool is_trees = starts_with(bytes, "tree\n") || starts_with(bytes, "tree\r\n");
  auto out = is_trees ? read_trees(bytes) : read_onnx(path, bytes);
  if (!out) return std::move(out).error().within(format("reading {}", shown(path, 200)));
  Json file = Json::object().set("file", name).set("sha256", sha256_of(bytes));
  Json sources = Json::object().set("registered file", Json(Json::Array{std::move(file)}));
  out->files["lineage.json"] =
      Json::object().set("sources", std::move(sources)).set("tables", Json::array()).pretty();
  out->files["metrics.json"] = Json::object().set("parity", out->facts["parity"]).pretty();
  out->files["features.json"] = Json::object().pretty();
  return out;
}

}  // namespace kingpost::steps::registering
