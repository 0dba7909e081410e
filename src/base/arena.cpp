// SPDX-License-Identifier: Apache-2.0
#include "base/arena.h"

#include <algorithm>

namespace kingpost {

namespace {

constexpr std::size_t kSmallestBlock = 16384;

std::size_t aligned(std::size_t at, std::size_t alignment) {
  return (at + alignment - 1) & ~(alignment - 1);
}

}  // namespace

std::byte* Arena::allocate(std::size_t bytes, std::size_t alignment) {
  while (block_ < blocks_.size()) {
    Block& block = blocks_[block_];
    const std::size_t from = aligned(used_, alignment);
    if (from <= block.size && bytes <= block.size - from) {
      used_ = from + bytes;
      return block.bytes.get() + from;
    }
    ++block_;
    used_ = 0;
  }
  // Each block is twice the one before, so that many small pieces need few of them.
  const std::size_t size =
      std::max({bytes, kSmallestBlock, blocks_.empty() ? 0 : 2 * blocks_.back().size});
  blocks_.push_back({std::make_unique_for_overwrite<std::byte[]>(size), size});
  block_ = blocks_.size() - 1;
  used_ = bytes;
  return blocks_.back().bytes.get();
}

std::string_view Arena::copy(std::string_view text) {
  const std::span<char> out = array<char>(text.size());
  std::copy(text.begin(), text.end(), out.begin());
  return {out.data(), out.size()};
}

void Arena::reset() {
  std::size_t kept = 0;
  std::erase_if(blocks_, [&](const Block& block) {
    if (kept + block.size > keep_) return true;
    kept += block.size;
    return false;
  });
  block_ = 0;
  used_ = 0;
}

std::size_t Arena::held() const {
  std::size_t out = 0;
  for (const Block& block : blocks_) out += block.size;
  return out;
}

}  // namespace kingpost
