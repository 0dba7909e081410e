// SPDX-License-Identifier: Apache-2.0
#include "base/arena.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>

namespace kingpost {
namespace {

TEST(Arena, PiecesDoNotOverlapAndAreAligned) {
  Arena arena;
  std::vector<std::span<std::uint64_t>> pieces;
  for (std::uint64_t i = 0; i < 2000; ++i) {
    const std::span<char> odd = arena.array<char>(i % 7);
    std::fill(odd.begin(), odd.end(), 'x');
    pieces.push_back(arena.array<std::uint64_t>(1 + i % 50));
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(pieces.back().data()) % alignof(std::uint64_t), 0U);
    std::fill(pieces.back().begin(), pieces.back().end(), i);
  }
  for (std::uint64_t i = 0; i < 2000; ++i) {
    EXPECT_TRUE(std::all_of(pieces[i].begin(), pieces[i].end(),
                            [i](std::uint64_t each) { return each == i; }));
  }
}

TEST(Arena, TheSameMemoryAfterAReset) {
  Arena arena;
  const auto use = [&arena] {
    for (int i = 0; i < 1000; ++i) arena.array<double>(17);
  };
  use();
  const std::size_t held = arena.held();
  for (int i = 0; i < 100; ++i) {
    arena.reset();
    use();
  }
  EXPECT_EQ(arena.held(), held);
}

TEST(Arena, AHugePieceIsGivenBackAtTheReset) {
  Arena arena(std::size_t{1} << 16);
  arena.array<char>(100);
  arena.array<char>(std::size_t{1} << 24);
  arena.reset();
  EXPECT_LE(arena.held(), std::size_t{1} << 16);
  EXPECT_GT(arena.held(), 0U);
}

TEST(Arena, CopiesOutliveWhatTheyAreOf) {
  Arena arena;
  std::string_view copy;
  {
    const std::string text = "EWR with a name too long for the short form of a string";
    copy = arena.copy(text);
  }
  EXPECT_EQ(copy, "EWR with a name too long for the short form of a string");
  EXPECT_EQ(arena.copy(std::string_view()), "");
}

}  // namespace
}  // namespace kingpost
