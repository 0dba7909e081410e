// SPDX-License-Identifier: Apache-2.0
#include "steps/19_serve/classification.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "base/text.h"

namespace kingpost::steps::serve {
namespace {

using records::Datatype;
using records::InferTensor;

template <typename Number>
double number_at(std::span<const std::byte> data, std::size_t i) {
  Number out;
  std::memcpy(&out, data.data() + i * sizeof(Number), sizeof(Number));
  return static_cast<double>(out);
}

using Read = double (*)(std::span<const std::byte>, std::size_t);

Read reader_of(Datatype datatype) {
  switch (datatype) {
    case Datatype::kFp32:
      return number_at<float>;
    case Datatype::kFp64:
      return number_at<double>;
    case Datatype::kInt32:
      return number_at<std::int32_t>;
    case Datatype::kInt64:
      return number_at<std::int64_t>;
    default:
      return nullptr;
  }
}

bool before(double a, double b) {
  if (std::isnan(a) || std::isnan(b)) return !std::isnan(a);
  return a > b;
}

class Classes {
 public:
  Classes(InferTensor& tensor, const Json& labels, Arena& arena)
      : tensor_(tensor), labels_(labels), arena_(arena) {}

  void take(std::int64_t wanted, Read read) {
    const std::span<const std::int64_t> shape = tensor_.shape;
    const std::int64_t rows = shape.size() > 1 ? shape[0] : 1;
    const std::int64_t all = records::element_count(shape).value_or(0);
    width_ = rows > 0 ? static_cast<std::size_t>(all / rows) : 0;
    const std::size_t each = std::min(static_cast<std::size_t>(wanted), width_);
    const std::span<std::string_view> texts =
        arena_.array<std::string_view>(each * static_cast<std::size_t>(rows));
    for (std::size_t row = 0; row < static_cast<std::size_t>(rows); ++row) {
      take_row(row, read, texts.subspan(row * each, each));
    }
    const std::span<std::int64_t> out = arena_.array<std::int64_t>(shape.size() > 1 ? 2 : 1);
    out.front() = rows;
    out.back() = static_cast<std::int64_t>(each);
    tensor_ = {tensor_.name, Datatype::kBytes, out, {}, texts};
  }

 private:
  void take_row(std::size_t row, Read read, std::span<std::string_view> into) {
    values_.resize(width_);
    places_.resize(width_);
    for (std::size_t i = 0; i < width_; ++i) {
      values_[i] = read(tensor_.data, row * width_ + i);
      places_[i] = i;
    }
    std::stable_sort(places_.begin(), places_.end(),
                     [&](std::size_t a, std::size_t b) { return before(values_[a], values_[b]); });
    for (std::size_t i = 0; i < into.size(); ++i) {
      std::string text = format("{:f}:{}", values_[places_[i]], places_[i]);
      if (labels_.items().size() == width_) text += ":" + labels_.items()[places_[i]].text();
      into[i] = arena_.copy(text);
    }
  }

  InferTensor& tensor_;
  const Json& labels_;
  Arena& arena_;
  std::size_t width_ = 0;
  std::vector<double> values_;
  std::vector<std::size_t> places_;
};

}  // namespace

Status classify(const records::InferRequest& request, const Json& signature,
                records::InferResponse& response) {
  for (std::size_t i = 0; i < request.outputs.size(); ++i) {
    const std::int64_t wanted = request.outputs[i].classes;
    if (wanted <= 0) continue;
    InferTensor& output = response.outputs[i];
    const Read read = reader_of(output.datatype);
    if (read == nullptr) {
      return fail(Code::kInvalidInput, "serve.not_classes",
                  "output '{}' of type {} has no classes to name", output.name,
                  records::datatype_word(output.datatype));
    }
    Classes(output, signature["classes"], response.arena).take(wanted, read);
  }
  return {};
}

}  // namespace kingpost::steps::serve
