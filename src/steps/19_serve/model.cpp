// SPDX-License-Identifier: Apache-2.0
#include "steps/19_serve/model.h"

#include <algorithm>

#include "base/digest.h"
#include "base/files.h"
#include "base/text.h"
#include "steps/19_serve/row_slices.h"
#include "steps/bundle.h"

namespace kingpost::steps::serve {
namespace {

using records::InferRequest;
using records::InferResponse;
using records::InferTensor;

bool has_rows(const InferResponse& answer, std::int64_t rows) {
  return std::all_of(answer.outputs.begin(), answer.outputs.end(), [&](const InferTensor& each) {
    return !each.shape.empty() && each.shape[0] == rows;
  });
}

bool same_but_rows(const InferTensor& a, const InferTensor& b) {
  return std::equal(a.shape.begin() + 1, a.shape.end(), b.shape.begin() + 1, b.shape.end());
}

// The quickest of some runs: the others were disturbed.
Result<Nanos> time_of(const onnx::Session& session, std::int64_t rows) {
  InferResponse response;
  Nanos least = Nanos::max();
  for (int i = 0; i < 5; ++i) {
    response.clear();
    const Question question = made_up_question(session, rows, response.arena);
    const auto from = Clock::now();
    TRY_STATUS(session.run(question.inputs, question.outputs, response));
    least = std::min<Nanos>(least, Clock::now() - from);
  }
  return least;
}

// Null for a file that the bundle does not have.
Result<Json> json_of(const Bundle& bundle, std::string_view name) {
  if (bundle.find(name) == nullptr) return Json();
  return bundle.json(name);
}

}  // namespace

ServedModel::ServedModel(ModelSource source)
    : source_(std::move(source)), version_(format("{}", source_.version)) {}

Result<std::shared_ptr<const ServedModel>> ServedModel::load(const ModelSource& source) {
  const std::shared_ptr<ServedModel> model(new ServedModel(source));
  const auto from = Clock::now();
  TRY_STATUS(model->open());
  TRY_STATUS(model->warm_up());
  model->load_time_ = Clock::now() - from;
  return std::shared_ptr<const ServedModel>(model);
}

Status ServedModel::open_bundle() {
  TRY(const Bundle bundle, Bundle::in_folder(source_.path));
  if (!source_.trusted.empty()) TRY_STATUS(bundle.check_signature(source_.trusted));
  TRY_STATUS(bundle.verify());
  TRY(const std::string bytes, bundle.bytes("model.onnx"));
  TRY(signature_, bundle.json("signature.json"));
  digest_ = bundle.digest();
  TRY(session_, onnx::Session::load(bytes));
  TRY(const Json features, json_of(bundle, "features.json"));
  TRY(example_, json_of(bundle, "input_example.json"));
  columns_ = std::make_unique<ColumnCounts>(*session_, features);
  TRY(explainer_, Explainer::of(bundle, bytes, features, signature_));
  return {};
}

Status ServedModel::open() {
  if (is_folder(source_.path)) {
    TRY_STATUS(open_bundle());
  } else if (!stamp_of(source_.path)) {
    return fail(Code::kNotFound, "serve.model_missing", "there is no model at {}",
                shown(source_.path))
        .hint("name a bundle's folder or an ONNX file");
  } else if (!source_.trusted.empty()) {
    return fail(Code::kPrecondition, "bundle.not_signed",
                "{} is a file without a signature, and only what is signed may be served",
                shown(source_.path));
  } else {
    TRY(const std::string bytes, read_file(source_.path));
    digest_ = sha256_of(bytes);
    TRY(session_, onnx::Session::load(bytes));
    columns_ = std::make_unique<ColumnCounts>(*session_, Json());
  }
  by_rows_ = says_rows(*session_);
  // The signature of a registered file speaks of its tensors.
  const bool has_columns = !signature_["task"].is_null();
  TRY(rows_, RowPlan::of(*session_, has_columns ? signature_ : Json()));
  return {};
}

Status ServedModel::warm_up() {
  InferResponse response;
  // A graph may say that it has rows and still add them up: three rows in must be three rows out.
  for (const std::int64_t rows : {std::int64_t{1}, std::int64_t{3}}) {
    response.clear();
    const Question question = made_up_question(*session_, by_rows_ ? rows : 1, response.arena);
    TRY_STATUS(session_->run(question.inputs, question.outputs, response));
    by_rows_ = by_rows_ && has_rows(response, rows);
  }
  TRY(const Nanos one, time_of(*session_, 1));
  base_cost_ = one;
  if (!by_rows_) return {};
  TRY(const Nanos many, time_of(*session_, kSliceRows));
  row_cost_ = std::max(Nanos(0), (many - one) / (kSliceRows - 1));
  base_cost_ = std::max(Nanos(0), one - row_cost_);
  return {};
}

Result<Question> ServedModel::question(const InferRequest& request, Arena& arena) const {
  return question_of(request, *session_, name(), by_rows_, arena);
}

Status ServedModel::answer(const Question& question, InferResponse& into) const {
  into.model = into.arena.copy(name());
  into.version = into.arena.copy(version_);
  if (by_rows_ && question.rows > kSliceRows) {
    TRY_STATUS(answer_slices(question, into));
  } else {
    TRY_STATUS(session_->run(question.inputs, question.outputs, into));
  }
  for (InferTensor& each : into.outputs) each.name = into.arena.copy(each.name);
  return {};
}

Status ServedModel::answer_slices(const Question& question, InferResponse& into) const {
  Arena& arena = into.arena;
  const std::size_t count = question.outputs.size();
  const std::span<InferTensor> inputs = arena.array<InferTensor>(question.inputs.size());
  for (std::int64_t from = 0; from < question.rows; from += kSliceRows) {
    const std::int64_t rows = std::min(kSliceRows, question.rows - from);
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      inputs[i] = rows_of(question.inputs[i], from, rows, arena);
    }
    TRY_STATUS(session_->run(inputs, question.outputs, into));
  }
  // The outputs of the first slice, then those of the second.
  const std::size_t slices = into.outputs.size() / count;
  const std::span<const InferTensor*> parts = arena.array<const InferTensor*>(slices);
  const std::span<InferTensor> whole = arena.array<InferTensor>(count);
  for (std::size_t output = 0; output < count; ++output) {
    for (std::size_t i = 0; i < slices; ++i) {
      parts[i] = &into.outputs[i * count + output];
      if (!same_but_rows(*parts[i], *parts[0])) {
        return fail(Code::kInvalidInput, "onnx.run_failed",
                    "output '{}' is not equally wide for all rows; ask for {} rows at a time",
                    parts[0]->name, kSliceRows);
      }
    }
    whole[output] = joined(parts, arena);
  }
  into.outputs.assign(whole.begin(), whole.end());
  return {};
}

}  // namespace kingpost::steps::serve
