// SPDX-License-Identifier: Apache-2.0
#include "protocols/open_inference/raw_tensor.h"

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstring>

#include "base/text.h"

namespace kingpost::open_inference {
namespace {

using records::Datatype;
using records::InferTensor;

static_assert(std::endian::native == std::endian::little);

constexpr std::size_t kLength = sizeof(std::uint32_t);

Error wrong_size(const InferTensor& tensor, std::size_t wanted, std::size_t given) {
  if (given < wanted) {
    return fail(Code::kInvalidInput, "infer.data_size",
                "unexpected size for input '{}', expecting {} additional bytes", shown(tensor.name),
                wanted - given);
  }
  return fail(Code::kInvalidInput, "infer.data_size",
              "unexpected size for input '{}', {} bytes more than its shape has",
              shown(tensor.name), given - wanted);
}

Error cut_off(const InferTensor& tensor, std::size_t element) {
  return fail(Code::kInvalidInput, "infer.data_malformed",
              "element {} of input '{}' runs past the end of its bytes", element,
              shown(tensor.name));
}

Status read_texts(std::string_view bytes, std::size_t count, Arena& arena, InferTensor& tensor) {
  if (count > bytes.size() / kLength) return wrong_size(tensor, count * kLength, bytes.size());
  const std::span<std::string_view> texts = arena.array<std::string_view>(count);
  for (std::size_t i = 0; i < count; ++i) {
    std::uint32_t length = 0;
    if (bytes.size() < kLength) return cut_off(tensor, i);
    std::memcpy(&length, bytes.data(), kLength);
    bytes.remove_prefix(kLength);
    if (length > bytes.size()) return cut_off(tensor, i);
    texts[i] = bytes.substr(0, length);
    bytes.remove_prefix(length);
  }
  if (!bytes.empty()) return wrong_size(tensor, 0, bytes.size());
  tensor.texts = texts;
  return {};
}

}  // namespace

Status read_raw(std::string_view bytes, std::size_t count, Arena& arena, InferTensor& tensor) {
  if (tensor.datatype == Datatype::kBytes) return read_texts(bytes, count, arena, tensor);
  const std::size_t size = records::element_size(tensor.datatype);
  // At most 2^62 elements of 8 bytes would be beyond what a size_t holds.
  const std::size_t wanted = count > SIZE_MAX / size ? SIZE_MAX : count * size;
  if (bytes.size() != wanted) return wrong_size(tensor, wanted, bytes.size());
  const auto* from = reinterpret_cast<const std::byte*>(bytes.data());
  if (tensor.datatype == Datatype::kBool) {
    const auto* const odd =
        std::find_if(from, from + bytes.size(), [](std::byte each) { return each > std::byte{1}; });
    if (odd != from + bytes.size()) {
      return fail(Code::kInvalidInput, "infer.data_malformed",
                  "element {} of input '{}' is no BOOL", odd - from, shown(tensor.name));
    }
  }
  if (reinterpret_cast<std::uintptr_t>(from) % size != 0) {
    std::byte* const copy = arena.allocate(bytes.size(), alignof(std::max_align_t));
    std::memcpy(copy, from, bytes.size());
    from = copy;
  }
  tensor.data = {from, bytes.size()};
  return {};
}

std::size_t raw_size(const InferTensor& tensor) {
  std::size_t out = tensor.data.size();
  for (const std::string_view text : tensor.texts) out += kLength + text.size();
  return out;
}

void append_raw(const InferTensor& tensor, std::string& out) {
  out.append(reinterpret_cast<const char*>(tensor.data.data()), tensor.data.size());
  for (const std::string_view text : tensor.texts) {
    const auto length = static_cast<std::uint32_t>(text.size());
    char bytes[kLength];
    std::memcpy(bytes, &length, kLength);
    out.append(bytes, kLength);
    out.append(text);
  }
}

}  // namespace kingpost::open_inference
