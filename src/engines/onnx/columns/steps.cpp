// SPDX-License-Identifier: Apache-2.0
#include "engines/onnx/columns/steps.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace kingpost::onnx {
namespace {

float logistic(float value) {
  const float out = 1 / (1 + std::exp(-std::abs(value)));
  return value < 0 ? 1 - out : out;
}

void softmax(std::span<float> values) {
  float most = std::numeric_limits<float>::lowest();
  for (const float each : values) most = std::max(most, each);
  float sum = 0;
  for (float& each : values) {
    each = std::exp(each - most);
    sum += each;
  }
  for (float& each : values) each /= sum;
}

}  // namespace

bool KernelStep::run(Program::Scratch& scratch) const {
  Job job;
  for (std::size_t i = 0; i < in_.size(); ++i) job.in[i] = scratch.registers[in_[i]];
  job.out = scratch.buffers[out_];
  job.rows = scratch.rows;
  job.texts = &scratch.arena;
  kernel_(job);
  return true;
}

template <typename Key>
bool LookupStep<Key>::run(Program::Scratch& scratch) const {
  const auto* const in = scratch.registers[in_].of<Key>();
  auto* const out = static_cast<float*>(scratch.buffers[out_]);
  for (std::size_t i = 0; i < scratch.rows; ++i) {
    const auto found = table_.find(in[i]);
    out[i] = found == table_.end() ? other_ : found->second;
  }
  return true;
}

template <typename T>
bool GatherStep<T>::run(Program::Scratch& scratch) const {
  const auto* const in = scratch.registers[in_].of<std::int64_t>();
  T* const out = static_cast<T*>(scratch.buffers[out_]);
  for (std::size_t i = 0; i < scratch.rows; ++i) {
    const std::int64_t at = in[i] < 0 ? in[i] + size_ : in[i];
    if (at < 0 || at >= size_) return false;
    out[i] = table_[static_cast<std::size_t>(at) * width_ + column_];
  }
  return true;
}

template <typename T>
typename TreeStep<T>::Column TreeStep<T>::column_of(const TreeFeature& feature,
                                                    const Program::Scratch& scratch) const {
  if (feature.from == TreeFeature::From::kRegister) {
    const Operand& operand = scratch.registers[feature.place];
    return {operand.of<T>(), operand.is_one ? 0U : 1U};
  }
  const T* const rows = static_cast<const T*>(scratch.inputs[feature.port].data);
  return {rows + scratch.from * feature.width + feature.column, feature.width};
}

template <typename T>
bool TreeStep<T>::fill_from_table(const TreeFeature& feature, const Program::Scratch& scratch,
                                  T* to) const {
  const auto* const in = scratch.registers[feature.place].of<std::int64_t>();
  const T* const column = static_cast<const T*>(feature.table) + feature.column;
  const auto size = static_cast<std::int64_t>(feature.size);
  for (std::size_t row = 0; row < scratch.rows; ++row) {
    const std::int64_t at = in[row] < 0 ? in[row] + size : in[row];
    if (at < 0 || at >= size) return false;
    to[row / kTreeLanes * block() + row % kTreeLanes] =
        column[static_cast<std::size_t>(at) * feature.width];
  }
  return true;
}

template <typename T>
const T* TreeStep<T>::blocks(Program::Scratch& scratch) const {
  const std::size_t count = (scratch.rows + kTreeLanes - 1) / kTreeLanes;
  const std::span<T> out = scratch.arena.array<T>(count * block());
  std::fill(out.end() - static_cast<std::ptrdiff_t>(block()), out.end(), T{0});
  for (std::size_t i = 0; i < features_.size(); ++i) {
    T* to = out.data() + i * kTreeLanes;
    if (features_[i].from == TreeFeature::From::kTable) {
      if (!fill_from_table(features_[i], scratch, to)) return nullptr;
      continue;
    }
    const Column from = column_of(features_[i], scratch);
    for (std::size_t row = 0; row < scratch.rows; row += kTreeLanes, to += block()) {
      const std::size_t lanes = std::min(kTreeLanes, scratch.rows - row);
      for (std::size_t lane = 0; lane < lanes; ++lane) {
        to[lane] = from.data[(row + lane) * from.stride];
      }
    }
  }
  return out.data();
}

template <typename T>
bool TreeStep<T>::run(Program::Scratch& scratch) const {
  const T* const features = blocks(scratch);
  if (features == nullptr) return false;
  const std::size_t count = (scratch.rows + kTreeLanes - 1) / kTreeLanes * block();
  bool has_missing = false;
  for (std::size_t i = 0; i < count; ++i) has_missing |= features[i] != features[i];
  if (out_.size() == 1) {
    trees_->run(features, scratch.rows, has_missing, static_cast<T*>(scratch.buffers[out_[0]]));
    return true;
  }
  const std::span<T> all = scratch.arena.array<T>(scratch.rows * out_.size());
  trees_->run(features, scratch.rows, has_missing, all.data());
  for (std::size_t i = 0; i < out_.size(); ++i) {
    std::copy_n(all.data() + i * scratch.rows, scratch.rows,
                static_cast<T*>(scratch.buffers[out_[i]]));
  }
  return true;
}

// The second class needs more than half of a chance, or log odds above 0.
std::size_t ClassStep::decide(float sum, std::span<float> chances) const {
  const bool is_logistic = rule_.transform == ClassRule::Transform::kLogistic;
  chances[0] = is_logistic ? logistic(-sum) : rule_.are_chances ? 1 - sum : -sum;
  chances[1] = is_logistic ? logistic(sum) : sum;
  return sum > (rule_.are_chances ? 0.5F : 0.0F) ? 1 : 0;
}

std::size_t ClassStep::decide(std::span<float> sums) const {
  const auto most = std::max_element(sums.begin(), sums.end());
  const auto label = static_cast<std::size_t>(most - sums.begin());
  if (rule_.transform == ClassRule::Transform::kSoftmax) softmax(sums);
  if (rule_.transform == ClassRule::Transform::kLogistic) {
    for (float& each : sums) each = logistic(each);
  }
  return label;
}

bool ClassStep::run(Program::Scratch& scratch) const {
  const std::size_t classes = chances_.size();
  const std::span<float> chances = scratch.arena.array<float>(classes);
  const auto* const numbers = std::get_if<std::vector<std::int64_t>>(&rule_.labels);
  for (std::size_t row = 0; row < scratch.rows; ++row) {
    std::size_t label = 0;
    if (rule_.is_binary) {
      label = decide(scratch.registers[sums_[0]].of<float>()[row], chances);
    } else {
      for (std::size_t i = 0; i < classes; ++i) {
        chances[i] = scratch.registers[sums_[i]].of<float>()[row];
      }
      label = decide(chances);
    }
    for (std::size_t i = 0; i < classes; ++i) {
      static_cast<float*>(scratch.buffers[chances_[i]])[row] = chances[i];
    }
    if (numbers != nullptr) {
      static_cast<std::int64_t*>(scratch.buffers[label_])[row] = (*numbers)[label];
    } else {
      static_cast<std::string_view*>(scratch.buffers[label_])[row] = texts_[label];
    }
  }
  return true;
}

template class LookupStep<std::string_view>;
template class LookupStep<std::int64_t>;
template class GatherStep<float>;
template class GatherStep<double>;
template class GatherStep<std::int64_t>;
template class GatherStep<std::uint8_t>;
template class TreeStep<float>;
template class TreeStep<double>;

}  // namespace kingpost::onnx
