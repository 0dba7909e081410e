// SPDX-License-Identifier: Apache-2.0
#include "steps/19_serve/row_slices.h"

#include <algorithm>
#include <cstring>

namespace kingpost::steps::serve {
namespace {

using records::InferTensor;

std::span<const std::int64_t> with_rows(std::span<const std::int64_t> shape, std::int64_t rows,
                                        Arena& arena) {
  const std::span<std::int64_t> out = arena.array<std::int64_t>(shape.size());
  std::copy(shape.begin(), shape.end(), out.begin());
  out[0] = rows;
  return out;
}

}  // namespace

InferTensor rows_of(const InferTensor& whole, std::int64_t from, std::int64_t rows, Arena& arena) {
  const auto all = static_cast<std::size_t>(whole.shape[0]);
  const auto part = [&](auto values) {
    const std::size_t each = all == 0 ? 0 : values.size() / all;
    return values.subspan(static_cast<std::size_t>(from) * each,
                          static_cast<std::size_t>(rows) * each);
  };
  return {whole.name, whole.datatype, with_rows(whole.shape, rows, arena), part(whole.data),
          part(whole.texts)};
}

InferTensor joined(std::span<const InferTensor* const> parts, Arena& arena) {
  std::int64_t rows = 0;
  std::size_t bytes = 0;
  std::size_t count = 0;
  for (const InferTensor* part : parts) {
    rows += part->shape[0];
    bytes += part->data.size();
    count += part->texts.size();
  }
  std::byte* const data = arena.allocate(bytes, alignof(std::max_align_t));
  const std::span<std::string_view> texts = arena.array<std::string_view>(count);
  std::byte* next = data;
  auto text = texts.begin();
  for (const InferTensor* part : parts) {
    if (!part->data.empty()) std::memcpy(next, part->data.data(), part->data.size());
    next += part->data.size();
    text = std::copy(part->texts.begin(), part->texts.end(), text);
  }
  const InferTensor& first = *parts[0];
  return {first.name, first.datatype, with_rows(first.shape, rows, arena), {data, bytes}, texts};
}

}  // namespace kingpost::steps::serve
