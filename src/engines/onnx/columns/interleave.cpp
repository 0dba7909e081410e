// SPDX-License-Identifier: Apache-2.0
#include "engines/onnx/columns/interleave.h"

#include <array>

#if defined(__SSE2__)
#include <immintrin.h>
#endif

namespace kingpost::onnx {

#if defined(__SSE2__)
std::size_t put_columns(std::span<const Operand> columns, std::size_t first, std::size_t count,
                        std::size_t width, float* to) {
  if (columns.size() < 4 || count % 4 != 0) return 0;
  std::array<const float*, 4> from = {};
  for (std::size_t i = 0; i < 4; ++i) {
    if (columns[i].is_one) return 0;
    from[i] = columns[i].of<float>() + first;
  }
  for (std::size_t row = 0; row < count; row += 4, to += 4 * width) {
    __m128 a = _mm_loadu_ps(from[0] + row);
    __m128 b = _mm_loadu_ps(from[1] + row);
    __m128 c = _mm_loadu_ps(from[2] + row);
    __m128 d = _mm_loadu_ps(from[3] + row);
    _MM_TRANSPOSE4_PS(a, b, c, d);
    _mm_storeu_ps(to, a);
    _mm_storeu_ps(to + width, b);
    _mm_storeu_ps(to + 2 * width, c);
    _mm_storeu_ps(to + 3 * width, d);
  }
  return 4;
}
#else
std::size_t put_columns(std::span<const Operand>, std::size_t, std::size_t, std::size_t, float*) {
  return 0;
}
#endif

}  // namespace kingpost::onnx
