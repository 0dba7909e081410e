// SPDX-License-Identifier: Apache-2.0
// Checks rows before the library sees them, since it prints what it refuses, and puts them into
// bins.
#include <cmath>
#include <limits>

#include "engines/lightgbm/settings.h"
#include "engines/lightgbm/training.h"

namespace kingpost::lightgbm {
namespace {

template <typename... Args>
Error invalid(FormatString<Args...> words, Args&&... args) {
  return fail(Code::kInvalidInput, "lightgbm.data_invalid", "{}",
              format(words, std::forward<Args>(args)...));
}

Status check_label(const Settings& settings, float label, std::int64_t row) {
  if (!std::isfinite(label)) return invalid("the label of row {} is {}", row, label);
  const bool is_binary = settings.objective == "binary";
  if (!is_binary && settings.objective != "multiclass") return {};
  const std::int32_t classes = is_binary ? 2 : settings.classes;
  if (label >= 0 && label < static_cast<float>(classes) && label == std::floor(label)) return {};
  return invalid("the label of row {} is {}, which is none of {} classes", row, label, classes);
}

Status check_rows(const Data& data, const Settings& settings) {
  if (data.rows < 1 || data.columns < 1) return invalid("there are no rows or no columns");
  if (data.rows > std::numeric_limits<std::int32_t>::max()) {
    return invalid("{} rows are more than LightGBM takes", data.rows);
  }
  double weight = data.weights == nullptr ? 1 : 0;
  for (std::int64_t row = 0; row < data.rows; ++row) {
    TRY_STATUS(check_label(settings, data.labels[row], row));
    if (data.weights == nullptr) continue;
    if (!(data.weights[row] >= 0) || !std::isfinite(data.weights[row])) {
      return invalid("the weight of row {} is {}", row, data.weights[row]);
    }
    weight += static_cast<double>(data.weights[row]);
  }
  if (weight > 0) return {};
  return invalid("all weights are 0");
}

Status check_codes(const Data& data) {
  constexpr float kMost = 16777216;  // the last whole number below which float32 holds them all
  for (const std::int32_t column : data.categorical) {
    if (column < 0 || column >= data.columns) return invalid("there is no column {}", column);
    for (std::int64_t row = 0; row < data.rows; ++row) {
      const float code = records::row_of(data, row)[column];
      if (std::isnan(code) || (code >= 0 && code < kMost && code == std::floor(code))) continue;
      return invalid("{} is categorical and holds {} in row {}, which is no code",
                     records::column_words(data, column), code, row);
    }
  }
  return {};
}

Result<Handle> make_bins(const Library& library, const Data& data, const std::string& parameters,
                         void* reference) {
  void* raw = nullptr;
  const auto rows = static_cast<std::int32_t>(data.rows);
  const int answer = library.bin(data.values, kFloat32, rows, data.columns, 1, parameters.c_str(),
                                 reference, &raw);
  TRY_STATUS(library.done(answer, "putting rows into bins"));
  Handle set(raw, library.free_set);
  TRY_STATUS(
      library.done(library.set_field(raw, "label", data.labels, rows, kFloat32), "taking labels"));
  if (data.weights != nullptr) {
    TRY_STATUS(library.done(library.set_field(raw, "weight", data.weights, rows, kFloat32),
                            "taking weights"));
  }
  return set;
}

}  // namespace

TrainingSet::TrainingSet(std::unique_ptr<State> state) : state_(std::move(state)) {}
TrainingSet::~TrainingSet() = default;

Result<std::unique_ptr<TrainingSet>> TrainingSet::bin(const Data& train, const Data* validation,
                                                      const Settings& settings) {
  TRY_STATUS(check(settings));
  TRY(const Library* library, Library::open());
  for (const Data* each : {&train, validation}) {
    if (each == nullptr) continue;
    TRY_STATUS(check_rows(*each, settings));
    if (each->columns != train.columns) {
      return invalid("validation has {} columns and training {}", each->columns, train.columns);
    }
  }
  TRY_STATUS(check_codes(train));
  const std::string parameters = bin_parameters(settings, train.categorical);
  TRY(Handle bins, make_bins(*library, train, parameters, nullptr));
  Handle other(nullptr, library->free_set);
  if (validation != nullptr) {
    TRY(other, make_bins(*library, *validation, parameters, bins.get()));
  }
  auto state =
      std::make_unique<State>(State{library, std::move(bins), std::move(other), bin_key(settings)});
  return std::unique_ptr<TrainingSet>(new TrainingSet(std::move(state)));
}

}  // namespace kingpost::lightgbm
