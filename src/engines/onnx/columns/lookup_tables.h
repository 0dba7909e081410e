// SPDX-License-Identifier: Apache-2.0
// The tables of LabelEncoder.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace kingpost::onnx {

/// Texts as keys. Most categories have names of a few bytes, which are compared as one word.
class TextTable {
 public:
  /// The first of equal keys counts. `keys` must outlive it. Requires: as many values.
  template <typename Keys>
  TextTable(const Keys& keys, const std::vector<float>& values)
      : slots_(std::bit_ceil(2 * values.size() + 1)) {
    for (std::size_t i = 0; i < keys.size(); ++i) add(keys[i], values[i]);
  }

  /// The value of the key, or the other one.
  float find(std::string_view key, float other) const {
    if (key.size() > kShort) {
      const auto found = long_.find(key);
      return found == long_.end() ? other : found->second;
    }
    const Slot& slot = slots_[place_of(key)];
    return slot.size == kFree ? other : slot.value;
  }

 private:
  static constexpr std::size_t kShort = 8;
  static constexpr std::size_t kFree = std::numeric_limits<std::size_t>::max();

  struct Slot {
    std::uint64_t word = 0;
    std::size_t size = kFree;
    float value = 0;
  };

  void add(std::string_view key, float value) {
    if (key.size() > kShort) {
      long_.emplace(key, value);
      return;
    }
    Slot& slot = slots_[place_of(key)];
    if (slot.size == kFree) slot = {word_of(key), key.size(), value};
  }

  static std::uint64_t part(const char* from) {
    std::uint32_t out = 0;
    std::memcpy(&out, from, sizeof(out));
    return out;
  }

  // No two texts of the same size have the same word.
  static std::uint64_t word_of(std::string_view key) {
    const std::size_t size = key.size();
    if (size >= 4) return part(key.data()) | part(key.data() + size - 4) << 32U;
    if (size == 0) return 0;
    const auto byte = [&](std::size_t at) {
      return std::uint64_t{static_cast<unsigned char>(key[at])};
    };
    return byte(0) | byte(size / 2) << 8U | byte(size - 1) << 16U;
  }

  // The slot of the key, or the free one where it would be.
  std::size_t place_of(std::string_view key) const {
    const std::uint64_t word = word_of(key);
    const std::uint64_t mixed = (word + key.size()) * 0x9e3779b97f4a7c15ULL;
    std::size_t at = (mixed >> 32U) & (slots_.size() - 1);
    while (slots_[at].size != kFree && (slots_[at].word != word || slots_[at].size != key.size())) {
      at = (at + 1) & (slots_.size() - 1);
    }
    return at;
  }

  /// More than there are keys, so that one is always free; a power of two.
  std::vector<Slot> slots_;
  std::unordered_map<std::string_view, float> long_;
};

/// Whole numbers as keys.
class NumberTable {
 public:
  /// The first of equal keys counts. Requires: as many values.
  NumberTable(const std::vector<std::int64_t>& keys, const std::vector<float>& values) {
    for (std::size_t i = 0; i < keys.size(); ++i) table_.emplace(keys[i], values[i]);
  }
  /// The value of the key, or the other one.
  float find(std::int64_t key, float other) const {
    const auto found = table_.find(key);
    return found == table_.end() ? other : found->second;
  }

 private:
  std::unordered_map<std::int64_t, float> table_;
};

}  // namespace kingpost::onnx
