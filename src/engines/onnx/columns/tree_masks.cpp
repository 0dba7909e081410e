// SPDX-License-Identifier: Apache-2.0
#include "engines/onnx/columns/tree_masks.h"

#include <algorithm>
#include <cmath>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace kingpost::onnx {
namespace {

// A tree of more leaves has more splits than a row is worth.
constexpr std::size_t kMostLeaves = 512;
constexpr std::size_t kMostNumbers = std::size_t{1} << 22;
constexpr std::size_t kLeavesOfWord = 32;
constexpr std::uint32_t kAllLeaves = 0xFFFFFFFF;
// Cycles for sixteen rows, measured on one processor; the last of a step of TreeTable for one row.
struct Costs {
  double entry = 1.5;
  double word = 12;
  double looked_up = 4;
};
constexpr Costs kAvx512Costs{};
constexpr Costs kAvx2Costs{5, 40, 6};
constexpr double kStep = 4;

}  // namespace

MaskUnit best_mask_unit() {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx2") == 0) return MaskUnit::kNone;
  return __builtin_cpu_supports("avx512f") != 0 ? MaskUnit::kAvx512 : MaskUnit::kAvx2;
#else
  return MaskUnit::kNone;
#endif
}

class TreeMasks::Builder {
 public:
  Builder(const TreeParts& trees, std::span<const Feature> features,
          std::span<const std::size_t> sources, TreeMasks& out)
      : trees_(trees), features_(features), sizes_(sources), out_(out), kept_(sources.size()) {}

  /// False where it cannot be.
  bool add_trees() {
    for (const std::int32_t root : trees_.roots) {
      leaves_.clear();
      words_.clear();
      deepest_ = 0;
      if (!walk(root, 0) || !add_tree()) return false;
      steps_ += static_cast<double>(deepest_);
    }
    return true;
  }

  /// How many rows are worth it.
  double worth(const Costs& costs) const {
    const auto words = static_cast<double>(out_.words_.size());
    const double all = costs.entry * static_cast<double>(out_.entries_.size()) +
                       costs.word * words +
                       costs.looked_up * words * static_cast<double>(sizes_.size());
    return all / (kStep * std::max(1.0, steps_));
  }

  /// From what is kept of each word by row, to what is kept by each row of all words.
  void finish() {
    constexpr std::size_t kWhole = kLanes;
    const std::size_t words = out_.words_.size();
    out_.width_ = (words + kWhole - 1) / kWhole * kWhole;
    for (std::size_t source = 0; source < sizes_.size(); ++source) {
      auto& into = out_.sources_.emplace_back(sizes_[source] * out_.width_, kAllLeaves);
      for (std::size_t row = 0; row < sizes_[source]; ++row) {
        for (std::size_t word = 0; word < words; ++word) {
          into[row * out_.width_ + word] = kept_[source][word * sizes_[source] + row];
        }
      }
    }
  }

 private:
  struct Found {
    std::vector<Entry> when_true;
    std::vector<Entry> when_false;
  };

  // Leaves get their numbers from the true side to the false one.
  bool walk(std::int32_t at, std::size_t depth) {
    const std::size_t splits = trees_.nodes.size() - trees_.target_of.size();
    const auto node = static_cast<std::size_t>(at);
    if (node >= splits) {
      deepest_ = std::max(deepest_, depth);
      leaves_.push_back(at);
      return leaves_.size() <= kMostLeaves && make_word((leaves_.size() - 1) / kLeavesOfWord);
    }
    // So many splits on a way have more leaves beside it.
    if (depth == kMostLeaves) return false;
    const auto& split = trees_.nodes[node];
    // Nothing but a missing value could be true there.
    if (std::isnan(split.split)) return false;
    const std::size_t first = leaves_.size();
    if (!walk(split.next[1], depth + 1)) return false;
    add_split(node, first, leaves_.size());
    return walk(split.next[0], depth + 1);
  }

  bool make_word(std::size_t word) {
    if (word < words_.size()) return true;
    words_.emplace_back();
    for (std::size_t source = 0; source < sizes_.size(); ++source) {
      kept_[source].resize(kept_[source].size() + sizes_[source], kAllLeaves);
      numbers_ += sizes_[source];
    }
    return numbers_ <= kMostNumbers && out_.entries_.size() < kMostNumbers;
  }

  // Takes leaves [first, end) from those that say false.
  void add_split(std::size_t node, std::size_t first, std::size_t end) {
    for (std::size_t word = first / kLeavesOfWord; word * kLeavesOfWord < end; ++word) {
      std::uint32_t taken = 0;
      for (std::size_t bit = 0; bit < kLeavesOfWord; ++bit) {
        const std::size_t leaf = word * kLeavesOfWord + bit;
        if (leaf >= first && leaf < end) taken |= std::uint32_t{1} << bit;
      }
      add_to(word, node, ~taken);
    }
  }

  void add_to(std::size_t word, std::size_t node, std::uint32_t kept) {
    const float split = trees_.nodes[node].split;
    const bool is_missing_true = trees_.is_missing_true[node] != 0;
    const Feature& feature = features_[trees_.nodes[node].place];
    if (feature.table == nullptr) {
      auto& list = is_missing_true ? words_[word].when_true : words_[word].when_false;
      list.push_back({split, kept, static_cast<std::uint32_t>(feature.column * kLanes)});
      return;
    }
    const std::size_t size = sizes_[feature.source];
    auto* const rows = kept_[feature.source].data() + (out_.words_.size() + word) * size;
    for (std::size_t row = 0; row < size; ++row) {
      const float value = feature.table[row * feature.stride];
      const bool is_true = value <= split || (std::isnan(value) && is_missing_true);
      if (!is_true) rows[row] &= kept;
    }
  }

  bool add_tree() {
    const std::size_t first_leaf = trees_.nodes.size() - trees_.target_of.size();
    const auto target_of = [&](std::int32_t leaf) {
      return trees_.target_of[static_cast<std::size_t>(leaf) - first_leaf];
    };
    const std::uint32_t target = target_of(leaves_.front());
    const bool is_one = std::all_of(leaves_.begin(), leaves_.end(),
                                    [&](std::int32_t leaf) { return target_of(leaf) == target; });
    if (!is_one) return false;
    for (std::size_t word = 0; word < words_.size(); ++word) add_word(word);
    out_.trees_.push_back({static_cast<std::uint32_t>(out_.words_.size()), target});
    return true;
  }

  void add_word(std::size_t number) {
    const Found& found = words_[number];
    Word out;
    const auto add = [&](const std::vector<Entry>& some) {
      out_.entries_.insert(out_.entries_.end(), some.begin(), some.end());
      return static_cast<std::uint32_t>(out_.entries_.size());
    };
    out.end_true = add(found.when_true);
    out.end_false = add(found.when_false);
    for (std::size_t bit = 0; bit < kLeavesOfWord; ++bit) {
      const std::size_t leaf = number * kLeavesOfWord + bit;
      if (leaf >= leaves_.size()) break;
      out.leaves[bit] = trees_.nodes[static_cast<std::size_t>(leaves_[leaf])].split;
    }
    out_.words_.push_back(out);
  }

  const TreeParts& trees_;
  const std::span<const Feature> features_;
  const std::span<const std::size_t> sizes_;
  TreeMasks& out_;
  /// Of each source [words, rows].
  std::vector<std::vector<std::uint32_t>> kept_;
  std::size_t numbers_ = 0;
  /// Of one tree.
  std::vector<std::int32_t> leaves_;
  std::vector<Found> words_;
  std::size_t deepest_ = 0;
  double steps_ = 0;
};

std::unique_ptr<TreeMasks> TreeMasks::of(const TreeParts& trees, std::span<const Feature> features,
                                         std::span<const std::size_t> sources, MaskUnit unit) {
  if (unit == MaskUnit::kNone) return nullptr;
  auto out = std::make_unique<TreeMasks>();
  out->unit_ = unit;
  out->targets_ = trees.targets;
  Builder builder(trees, features, sources, *out);
  if (!builder.add_trees()) return nullptr;
  const double worth = builder.worth(unit == MaskUnit::kAvx512 ? kAvx512Costs : kAvx2Costs);
  if (worth > static_cast<double>(kLanes)) return nullptr;
  builder.finish();
  out->worth_ = std::max<std::size_t>(2, static_cast<std::size_t>(std::ceil(worth)));
  return out;
}

#if defined(__x86_64__)

namespace {

using Entry = TreeMasks::Entry;
using Word = TreeMasks::Word;
using Tree = TreeMasks::Tree;

struct Masks {
  const Entry* entries;
  const Word* words;
  std::span<const Tree> trees;
  const float* columns;
  /// [words, kLanes], or null: all leaves of all words.
  const std::uint32_t* left;
};

// The leaf of each lane is the lowest bit of its set: a power of two, whose exponent as a float is
// the number of the bit, also that of the sign. 127 and 1 more are 0 in the five bits that
// permutations read.
__attribute__((target("avx512f"))) void run_avx512(const Masks& masks, float* sums) {
  constexpr __mmask16 kAll = 0xFFFF;
  const Entry* entry = masks.entries;
  const Word* word = masks.words;
  const std::uint32_t* looked_up = masks.left;
  const std::size_t step = looked_up == nullptr ? 0 : TreeMasks::kLanes;
  const __m512i none = _mm512_setzero_si512();
  for (const Tree& tree : masks.trees) {
    __m512 value = _mm512_setzero_ps();
    __mmask16 open = kAll;
    for (; word != masks.words + tree.end_word; ++word, looked_up += step) {
      __m512i left = step == 0 ? _mm512_set1_epi32(-1) : _mm512_loadu_si512(looked_up);
      for (; entry != masks.entries + word->end_true; ++entry) {
        const __mmask16 is_false = _mm512_cmp_ps_mask(_mm512_loadu_ps(masks.columns + entry->place),
                                                      _mm512_set1_ps(entry->split), _CMP_GT_OQ);
        left = _mm512_mask_and_epi32(left, is_false, left,
                                     _mm512_set1_epi32(static_cast<int>(entry->kept)));
      }
      for (; entry != masks.entries + word->end_false; ++entry) {
        const __mmask16 is_false = _mm512_cmp_ps_mask(_mm512_loadu_ps(masks.columns + entry->place),
                                                      _mm512_set1_ps(entry->split), _CMP_NLE_UQ);
        left = _mm512_mask_and_epi32(left, is_false, left,
                                     _mm512_set1_epi32(static_cast<int>(entry->kept)));
      }
      const __m512i lowest = _mm512_and_si512(left, _mm512_sub_epi32(none, left));
      const __m512i power = _mm512_castps_si512(_mm512_maskz_cvtepi32_ps(kAll, lowest));
      const __m512i leaf =
          _mm512_add_epi32(_mm512_maskz_srli_epi32(kAll, power, 23), _mm512_set1_epi32(1));
      const __m512 leaves = _mm512_permutex2var_ps(_mm512_loadu_ps(word->leaves.data()), leaf,
                                                   _mm512_loadu_ps(word->leaves.data() + 16));
      const __mmask16 here = _mm512_mask_test_epi32_mask(open, left, left);
      value = _mm512_mask_mov_ps(value, here, leaves);
      open = static_cast<__mmask16>(open & ~here);
    }
    float* const sum = sums + tree.target * TreeMasks::kLanes;
    _mm512_storeu_ps(sum, _mm512_add_ps(_mm512_loadu_ps(sum), value));
  }
}

// One of 32 numbers for each of eight lanes: out of a quarter of them by the three lower bits, then
// the quarter by the two others.
__attribute__((target("avx2"))) inline __m256 pick(const float* numbers, __m256i place) {
  const __m256 first = _mm256_permutevar8x32_ps(_mm256_loadu_ps(numbers), place);
  const __m256 second = _mm256_permutevar8x32_ps(_mm256_loadu_ps(numbers + 8), place);
  const __m256 third = _mm256_permutevar8x32_ps(_mm256_loadu_ps(numbers + 16), place);
  const __m256 fourth = _mm256_permutevar8x32_ps(_mm256_loadu_ps(numbers + 24), place);
  const __m256 bit3 = _mm256_castsi256_ps(_mm256_slli_epi32(place, 28));
  const __m256 bit4 = _mm256_castsi256_ps(_mm256_slli_epi32(place, 27));
  return _mm256_blendv_ps(_mm256_blendv_ps(first, second, bit3),
                          _mm256_blendv_ps(third, fourth, bit3), bit4);
}

__attribute__((target("avx2"))) inline __m256i take(__m256i left, __m256 is_false,
                                                    std::uint32_t kept) {
  const __m256i taken = _mm256_set1_epi32(static_cast<int>(~kept));
  return _mm256_andnot_si256(_mm256_and_si256(_mm256_castps_si256(is_false), taken), left);
}

// Eight of the lanes, from `lane` on.
__attribute__((target("avx2"))) void run_avx2(const Masks& masks, std::size_t lane, float* sums) {
  const Entry* entry = masks.entries;
  const Word* word = masks.words;
  const std::uint32_t* looked_up = masks.left == nullptr ? nullptr : masks.left + lane;
  const std::size_t step = looked_up == nullptr ? 0 : TreeMasks::kLanes;
  const float* const columns = masks.columns + lane;
  const __m256i none = _mm256_setzero_si256();
  const __m256i all = _mm256_set1_epi32(-1);
  for (const Tree& tree : masks.trees) {
    __m256 value = _mm256_setzero_ps();
    __m256i open = all;
    for (; word != masks.words + tree.end_word; ++word, looked_up += step) {
      __m256i left = all;
      if (step != 0) left = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(looked_up));
      for (; entry != masks.entries + word->end_true; ++entry) {
        left = take(left,
                    _mm256_cmp_ps(_mm256_loadu_ps(columns + entry->place),
                                  _mm256_set1_ps(entry->split), _CMP_GT_OQ),
                    entry->kept);
      }
      for (; entry != masks.entries + word->end_false; ++entry) {
        left = take(left,
                    _mm256_cmp_ps(_mm256_loadu_ps(columns + entry->place),
                                  _mm256_set1_ps(entry->split), _CMP_NLE_UQ),
                    entry->kept);
      }
      const __m256i lowest = _mm256_and_si256(left, _mm256_sub_epi32(none, left));
      const __m256i power = _mm256_castps_si256(_mm256_cvtepi32_ps(lowest));
      const __m256i leaf = _mm256_add_epi32(_mm256_srli_epi32(power, 23), _mm256_set1_epi32(1));
      const __m256i here = _mm256_andnot_si256(_mm256_cmpeq_epi32(left, none), open);
      value = _mm256_blendv_ps(value, pick(word->leaves.data(), leaf), _mm256_castsi256_ps(here));
      open = _mm256_andnot_si256(here, open);
    }
    float* const sum = sums + tree.target * TreeMasks::kLanes + lane;
    _mm256_storeu_ps(sum, _mm256_add_ps(_mm256_loadu_ps(sum), value));
  }
}

__attribute__((target("avx2"))) void and_into(std::uint32_t* into, const std::uint32_t* from,
                                              std::size_t count) {
  for (std::size_t i = 0; i < count; i += 8) {
    auto* const to = reinterpret_cast<__m256i*>(into + i);
    const auto* const other = reinterpret_cast<const __m256i*>(from + i);
    _mm256_storeu_si256(to, _mm256_and_si256(_mm256_loadu_si256(to), _mm256_loadu_si256(other)));
  }
}

// `from` is eight rows of `stride` numbers; their first eight become columns of TreeMasks::kLanes.
__attribute__((target("avx2"))) void turn(const std::uint32_t* from, std::size_t stride,
                                          std::uint32_t* to) {
  __m256 in[8];
  __m256 half[8];
  for (std::size_t i = 0; i < 8; ++i) {
    in[i] = _mm256_castsi256_ps(
        _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from + i * stride)));
  }
  for (std::size_t i = 0; i < 8; i += 2) {
    half[i] = _mm256_unpacklo_ps(in[i], in[i + 1]);
    half[i + 1] = _mm256_unpackhi_ps(in[i], in[i + 1]);
  }
  for (std::size_t i = 0; i < 8; i += 4) {
    in[i] = _mm256_shuffle_ps(half[i], half[i + 2], 0x44);
    in[i + 1] = _mm256_shuffle_ps(half[i], half[i + 2], 0xEE);
    in[i + 2] = _mm256_shuffle_ps(half[i + 1], half[i + 3], 0x44);
    in[i + 3] = _mm256_shuffle_ps(half[i + 1], half[i + 3], 0xEE);
  }
  for (std::size_t i = 0; i < 4; ++i) {
    const __m256 low = _mm256_permute2f128_ps(in[i], in[i + 4], 0x20);
    const __m256 high = _mm256_permute2f128_ps(in[i], in[i + 4], 0x31);
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(to + i * TreeMasks::kLanes),
                        _mm256_castps_si256(low));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(to + (i + 4) * TreeMasks::kLanes),
                        _mm256_castps_si256(high));
  }
}

}  // namespace

// Into the first half of the room: of each word the leaves that the rows' categories leave.
void TreeMasks::look_up(const Rows& rows) const {
  std::uint32_t* const by_row = rows.room + kLanes * width_;
  for (std::size_t lane = 0; lane < kLanes; ++lane) {
    std::uint32_t* const own = by_row + lane * width_;
    for (std::size_t source = 0; source < sources_.size(); ++source) {
      const auto row = static_cast<std::size_t>(rows.places[source * kLanes + lane]);
      const std::uint32_t* const kept = sources_[source].data() + row * width_;
      if (source == 0) {
        std::copy_n(kept, width_, own);
      } else {
        and_into(own, kept, width_);
      }
    }
  }
  constexpr std::size_t kTurned = 8;
  for (std::size_t word = 0; word < width_; word += kTurned) {
    for (std::size_t lane = 0; lane < kLanes; lane += kTurned) {
      turn(by_row + lane * width_ + word, width_, rows.room + word * kLanes + lane);
    }
  }
}

void TreeMasks::run(const Rows& rows, float* sums) const {
  std::fill_n(sums, targets_ * kLanes, 0.0F);
  if (!sources_.empty()) look_up(rows);
  const Masks masks{entries_.data(), words_.data(), trees_, rows.columns,
                    sources_.empty() ? nullptr : rows.room};
  if (unit_ == MaskUnit::kAvx512) return run_avx512(masks, sums);
  constexpr std::size_t kHalf = kLanes / 2;
  run_avx2(masks, 0, sums);
  run_avx2(masks, kHalf, sums);
}

#else

// Never made there.
void TreeMasks::look_up(const Rows& /*rows*/) const {}
void TreeMasks::run(const Rows& /*rows*/, float* /*sums*/) const {}

#endif

}  // namespace kingpost::onnx
