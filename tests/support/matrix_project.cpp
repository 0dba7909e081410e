// SPDX-License-Identifier: Apache-2.0
// Matrices made by hand.
#include "support/matrix_project.h"

#include <algorithm>
#include <stdexcept>

#include "base/files.h"
#include "base/random.h"
#include "base/text.h"

namespace kingpost::test {
namespace {

template <typename T>
T required(Result<T> result) {
  if (!result) throw std::runtime_error(render(result.error()));
  return std::move(result).value();
}

void required(const Status& status) {
  if (!status) throw std::runtime_error("a file of the test could not be written");
}

}  // namespace

MatrixProject::MatrixProject(records::Target target) {
  features.target = std::move(target);
}

void MatrixProject::column(const std::string& name, std::vector<float> values,
                           std::vector<std::string> levels) {
  records::FeatureColumn out;
  out.name = name;
  out.feature = name;
  out.categorical = !levels.empty();
  out.levels = std::move(levels);
  features.columns.push_back(std::move(out));
  columns_.push_back(std::move(values));
}

void MatrixProject::nulls(const std::string& feature, std::int64_t count) {
  fits_.push(Json::object().set("feature", feature).set("nulls", count));
}

void MatrixProject::add_array(const std::string& name, NpyType type, const void* values,
                              const std::vector<std::int64_t>& shape) {
  const std::string path = objects->temp_path(".npy");
  auto writer = required(NpyWriter::create(path, type, shape));
  std::int64_t count = 1;
  for (const std::int64_t each : shape) count *= each;
  required(writer->write(0, values, count));
  required(writer->finish());
  const store::Sealed sealed = required(objects->seal(path));
  input.put(records::File{name, sealed.digest, sealed.bytes});
}

void MatrixProject::seal(std::vector<double> labels, std::vector<std::uint8_t> sides,
                         std::vector<std::int32_t> folds) {
  std::vector<float> matrix;
  for (std::size_t row = 0; row < labels.size(); ++row) {
    for (const auto& values : columns_) matrix.push_back(values.at(row));
  }
  const auto rows = static_cast<std::int64_t>(labels.size());
  Json json = Json::object();
  json.set("features", records::to_json(features)).set("fits", fits_);
  folds_ = folds.empty() ? 0 : *std::max_element(folds.begin(), folds.end()) + 1;
  std::vector<std::string> infixes = {""};
  for (std::int32_t fold = 0; fold < folds_; ++fold) infixes.push_back(format(".fold_{}", fold));
  for (const std::string& infix : infixes) {
    add_array(format("matrix{}.npy", infix), NpyType::kFloat32, matrix.data(),
              {rows, std::ssize(columns_)});
    add_file(format("features{}.json", infix), json.canonical());
  }
  add_array("labels.npy", NpyType::kFloat64, labels.data(), {rows});
  add_array("sides.npy", NpyType::kUint8, sides.data(), {rows});
  if (folds_ > 0) add_array("folds.npy", NpyType::kInt32, folds.data(), {rows});
}

void MatrixProject::keep_all() {
  Json columns = Json::array();
  for (std::size_t i = 0; i < columns_.size(); ++i) columns.push(i);
  Json json = Json::object();
  json.set("columns", columns);
  Json of_folds = Json::object();
  for (std::int32_t fold = 0; fold < folds_; ++fold) {
    of_folds.set(format("{}", fold), Json::object().set("columns", columns));
  }
  json.set("folds", std::move(of_folds));
  add_file("selection.json", json.canonical());
}

void MatrixProject::candidates(const std::string& json) {
  add_file("candidates.json", format("{{\"candidates\": {}, \"left_out\": []}}", json));
}

std::string MatrixProject::file_bytes(const records::Dataset& dataset,
                                      const std::string& name) const {
  const records::File* file = dataset.find_file(name);
  if (file == nullptr) throw std::runtime_error("there is no file " + name);
  return required(objects->read(file->digest));
}

Json MatrixProject::file_json(const records::Dataset& dataset, const std::string& name) const {
  return required(parse_json(file_bytes(dataset, name)));
}

std::string MatrixProject::digests(const records::Dataset& dataset) {
  std::string out;
  for (const records::File& file : dataset.files) {
    out += format("{} {}\n", file.name, file.digest);
  }
  return out;
}

const Field& curate_field() {
  static const Field field = object_of(
      {.name = "curate"},
      Shape{.fields = {object_of({.name = "target"},
                                 Shape{.fields = {{.name = "name"}, {.name = "type"}}})}});
  return field;
}

std::vector<float> noise(std::int64_t stream, std::size_t rows) {
  Random random(7, stream);
  std::vector<float> out;
  for (std::size_t i = 0; i < rows; ++i) {
    out.push_back(static_cast<float>(random.below(2'000'001)) / 1'000'000.0F - 1.0F);
  }
  return out;
}

std::vector<std::uint8_t> turns(std::size_t rows) {
  std::vector<std::uint8_t> out;
  for (std::size_t i = 0; i < rows; ++i) {
    const std::size_t turn = i % 6;
    out.push_back(turn < 4 ? 0 : static_cast<std::uint8_t>(turn - 3));
  }
  return out;
}

}  // namespace kingpost::test
