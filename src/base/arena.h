// SPDX-License-Identifier: Apache-2.0
// Memory that is given back all at once: for what lives as long as one request.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string_view>
#include <type_traits>
#include <vector>

namespace kingpost {

/// Hands out memory from blocks that it keeps from one use to the next, so that a server that has
/// warmed up allocates nothing for a request. Not for several threads at once.
class Arena {
 public:
  /// Of each reset, blocks up to so many bytes together are kept, the rest is given back: one huge
  /// request must not hold its memory for ever.
  explicit Arena(std::size_t keep = std::size_t{1} << 20) : keep_(keep) {}
  Arena(Arena&&) noexcept = default;
  Arena& operator=(Arena&&) noexcept = default;
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;
  ~Arena() = default;

  /// `alignment` is a power of two, at most that of std::max_align_t.
  std::byte* allocate(std::size_t bytes, std::size_t alignment);

  /// `count` elements, not initialised.
  template <typename T>
  std::span<T> array(std::size_t count) {
    static_assert(std::is_trivially_copyable_v<T> && std::is_trivially_destructible_v<T>);
    return {reinterpret_cast<T*>(allocate(count * sizeof(T), alignof(T))), count};
  }
  std::string_view copy(std::string_view text);
  template <typename T>
  std::span<const T> copy(std::span<const T> from) {
    const std::span<T> out = array<T>(from.size());
    std::uninitialized_copy(from.begin(), from.end(), out.begin());
    return out;
  }

  /// All that was handed out becomes invalid.
  void reset();
  /// Bytes that it holds, used or not.
  std::size_t held() const;

 private:
  struct Block {
    std::unique_ptr<std::byte[]> bytes;
    std::size_t size = 0;
  };

  std::size_t keep_;
  std::vector<Block> blocks_;
  /// The block that is being filled, and how far.
  std::size_t block_ = 0;
  std::size_t used_ = 0;
};

}  // namespace kingpost
