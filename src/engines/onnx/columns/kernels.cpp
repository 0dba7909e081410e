// SPDX-License-Identifier: Apache-2.0
#include "engines/onnx/columns/kernels.h"

#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <type_traits>

namespace kingpost::onnx {
namespace {

using records::TensorType;
using std::string_view;

template <typename Out, typename In, typename Function>
void each(const Job& job) {
  const In* const in = job.in[0].of<In>();
  Out* const out = job.to<Out>();
  for (std::size_t i = 0; i < job.rows; ++i) out[i] = static_cast<Out>(Function()(in[i]));
}

// One loop for each way in which an operand may be one value for all rows.
template <typename Out, typename A, typename B, typename Function>
void pairs(const Job& job) {
  const A* const a = job.in[0].of<A>();
  const B* const b = job.in[1].of<B>();
  Out* const out = job.to<Out>();
  if (job.in[1].is_one) {
    const B one = b[0];
    for (std::size_t i = 0; i < job.rows; ++i) out[i] = static_cast<Out>(Function()(a[i], one));
  } else if (job.in[0].is_one) {
    const A one = a[0];
    for (std::size_t i = 0; i < job.rows; ++i) out[i] = static_cast<Out>(Function()(one, b[i]));
  } else {
    for (std::size_t i = 0; i < job.rows; ++i) out[i] = static_cast<Out>(Function()(a[i], b[i]));
  }
}

// A step is 0 where the operand is one value for all rows; as a constant, so that the loop can take
// several rows at once.
template <typename T, std::size_t Step, std::size_t StepA, std::size_t StepB>
void choose_by(const Job& job) {
  const auto* const which = job.in[0].of<std::uint8_t>();
  const T* const a = job.in[1].of<T>();
  const T* const b = job.in[2].of<T>();
  T* const out = job.to<T>();
  for (std::size_t i = 0; i < job.rows; ++i) {
    T if_true = a[i * StepA];
    // The runtime takes a zero from the other side's place, so a true one loses its sign.
    if constexpr (std::is_floating_point_v<T>) if_true += T{0};
    const T if_false = b[i * StepB];
    out[i] = which[i * Step] != 0 ? if_true : if_false;
  }
}

template <typename T>
void choose(const Job& job) {
  if (job.in[0].is_one) {
    return job.in[1].is_one   ? choose_by<T, 0, 0, 1>(job)
           : job.in[2].is_one ? choose_by<T, 0, 1, 0>(job)
                              : choose_by<T, 0, 1, 1>(job);
  }
  if (job.in[1].is_one) {
    return job.in[2].is_one ? choose_by<T, 1, 0, 0>(job) : choose_by<T, 1, 0, 1>(job);
  }
  return job.in[2].is_one ? choose_by<T, 1, 1, 0>(job) : choose_by<T, 1, 1, 1>(job);
}

void concatenate(const Job& job) {
  const auto* const a = job.in[0].of<string_view>();
  const auto* const b = job.in[1].of<string_view>();
  const std::size_t step_a = job.in[0].is_one ? 0 : 1;
  const std::size_t step_b = job.in[1].is_one ? 0 : 1;
  auto* const out = job.to<string_view>();
  for (std::size_t i = 0; i < job.rows; ++i) {
    const string_view first = a[i * step_a];
    const string_view second = b[i * step_b];
    const std::span<char> both = job.texts->array<char>(first.size() + second.size());
    if (!first.empty()) std::memcpy(both.data(), first.data(), first.size());
    if (!second.empty()) std::memcpy(both.data() + first.size(), second.data(), second.size());
    out[i] = {both.data(), both.size()};
  }
}

// Whole numbers wrap around, as the runtime's do.
template <template <typename> typename Operation>
struct Wrapping {
  template <typename T>
  T operator()(T a, T b) const {
    if constexpr (std::is_integral_v<T>) {
      using U = std::make_unsigned_t<T>;
      return static_cast<T>(Operation<U>()(static_cast<U>(a), static_cast<U>(b)));
    } else {
      return Operation<T>()(a, b);
    }
  }
};
struct Remainder {
  template <typename T>
  T operator()(T a, T b) const {
    return std::fmod(a, b);
  }
};
struct Differs {
  bool operator()(std::uint8_t a, std::uint8_t b) const { return a != b; }
};
struct Floor {
  template <typename T>
  T operator()(T a) const {
    return std::floor(a);
  }
};
struct Ceil {
  template <typename T>
  T operator()(T a) const {
    return std::ceil(a);
  }
};
struct Magnitude {
  template <typename T>
  T operator()(T a) const {
    return std::fabs(a);
  }
};
struct Root {
  template <typename T>
  T operator()(T a) const {
    return std::sqrt(a);
  }
};
struct IsNaN {
  template <typename T>
  bool operator()(T a) const {
    return a != a;
  }
};
struct Same {
  template <typename T>
  T operator()(T a) const {
    return a;
  }
};
struct IsNotZero {
  template <typename T>
  bool operator()(T a) const {
    return a != T{0};
  }
};
// As the processor's own instruction does: what has no whole number is the lowest one.
struct Whole {
  template <typename T>
  std::int64_t operator()(T a) const {
    constexpr T kEnd = T{9223372036854775808.0};
    if (!(a >= -kEnd && a < kEnd)) return std::numeric_limits<std::int64_t>::min();
    return static_cast<std::int64_t>(a);
  }
};

template <typename T>
Kernel arithmetic(string_view op) {
  if (op == "Add") return pairs<T, T, T, Wrapping<std::plus>>;
  if (op == "Sub") return pairs<T, T, T, Wrapping<std::minus>>;
  if (op == "Mul") return pairs<T, T, T, Wrapping<std::multiplies>>;
  if constexpr (std::is_floating_point_v<T>) {
    if (op == "Div") return pairs<T, T, T, std::divides<T>>;
    if (op == "Mod") return pairs<T, T, T, Remainder>;
  }
  return nullptr;
}

template <typename T>
Kernel comparison(string_view op) {
  using Flag = std::uint8_t;
  if (op == "Equal") return pairs<Flag, T, T, std::equal_to<T>>;
  if (op == "Less") return pairs<Flag, T, T, std::less<T>>;
  if (op == "LessOrEqual") return pairs<Flag, T, T, std::less_equal<T>>;
  if (op == "Greater") return pairs<Flag, T, T, std::greater<T>>;
  if (op == "GreaterOrEqual") return pairs<Flag, T, T, std::greater_equal<T>>;
  return nullptr;
}

Kernel logic(string_view op) {
  using Flag = std::uint8_t;
  if (op == "And") return pairs<Flag, Flag, Flag, std::logical_and<Flag>>;
  if (op == "Or") return pairs<Flag, Flag, Flag, std::logical_or<Flag>>;
  if (op == "Xor") return pairs<Flag, Flag, Flag, Differs>;
  if (op == "Equal") return pairs<Flag, Flag, Flag, std::equal_to<Flag>>;
  return nullptr;
}

template <typename T>
Kernel of_one(string_view op) {
  if (op == "Floor") return each<T, T, Floor>;
  if (op == "Ceil") return each<T, T, Ceil>;
  if (op == "Abs") return each<T, T, Magnitude>;
  if (op == "Neg") return each<T, T, std::negate<T>>;
  if (op == "Sqrt") return each<T, T, Root>;
  if (op == "IsNaN") return each<std::uint8_t, T, IsNaN>;
  return nullptr;
}

template <typename From>
Kernel cast(TensorType to) {
  switch (to) {
    case TensorType::kFloat:
      return each<float, From, Same>;
    case TensorType::kDouble:
      return each<double, From, Same>;
    case TensorType::kInt64:
      if constexpr (std::is_floating_point_v<From>) return each<std::int64_t, From, Whole>;
      return each<std::int64_t, From, Same>;
    case TensorType::kBool:
      return each<std::uint8_t, From, IsNotZero>;
    case TensorType::kString:
      break;
  }
  return nullptr;
}

Kernel cast(TensorType from, TensorType to) {
  if (from == TensorType::kFloat) return cast<float>(to);
  if (from == TensorType::kDouble) return cast<double>(to);
  if (from == TensorType::kInt64) return cast<std::int64_t>(to);
  return from == TensorType::kBool ? cast<std::uint8_t>(to) : nullptr;
}

Kernel find_binary(string_view op, TensorType type) {
  const auto found = [&]<typename T>() {
    const Kernel out = arithmetic<T>(op);
    return out != nullptr ? out : comparison<T>(op);
  };
  switch (type) {
    case TensorType::kFloat:
      return found.template operator()<float>();
    case TensorType::kDouble:
      return found.template operator()<double>();
    case TensorType::kInt64:
      return found.template operator()<std::int64_t>();
    case TensorType::kBool:
      return logic(op);
    case TensorType::kString:
      break;
  }
  if (op == "StringConcat") return concatenate;
  return op == "Equal" ? pairs<std::uint8_t, string_view, string_view, std::equal_to<string_view>>
                       : nullptr;
}

}  // namespace

Kernel find_kernel(string_view op, std::span<const TensorType> inputs, TensorType output) {
  if (op == "Where" && inputs.size() == 3 && inputs[0] == TensorType::kBool &&
      inputs[1] == inputs[2]) {
    return with_value_type(inputs[1], []<typename T>() -> Kernel { return choose<T>; });
  }
  if (inputs.size() == 2) {
    return inputs[0] == inputs[1] ? find_binary(op, inputs[0]) : nullptr;
  }
  if (inputs.size() != 1) return nullptr;
  if (op == "Cast") return cast(inputs[0], output);
  if (op == "Not" && inputs[0] == TensorType::kBool) {
    return each<std::uint8_t, std::uint8_t, std::logical_not<std::uint8_t>>;
  }
  if (inputs[0] == TensorType::kFloat) return of_one<float>(op);
  return inputs[0] == TensorType::kDouble ? of_one<double>(op) : nullptr;
}

std::size_t value_size(TensorType type) {
  return with_value_type(type, []<typename T>() { return sizeof(T); });
}

}  // namespace kingpost::onnx
