// SPDX-License-Identifier: Apache-2.0
#include "engines/onnx/columns/steps.h"

#include <algorithm>

namespace kingpost::onnx {

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
const T* TreeStep<T>::dense_rows(Program::Scratch& scratch) const {
  const std::size_t width = inputs_.width;
  if (inputs_.port >= 0) {
    const InputView& input = scratch.inputs[static_cast<std::size_t>(inputs_.port)];
    return static_cast<const T*>(input.data) + scratch.from * width;
  }
  if (width == 1 && !scratch.registers[inputs_.dense[0]].is_one) {
    return scratch.registers[inputs_.dense[0]].of<T>();
  }
  const std::span<T> rows = scratch.arena.array<T>(scratch.rows * width);
  const std::span<Operand> columns = scratch.arena.array<Operand>(width);
  for (std::size_t i = 0; i < width; ++i) columns[i] = scratch.registers[inputs_.dense[i]];
  interleave<T>(columns, scratch.rows, rows.data());
  return rows.data();
}

template <typename T>
bool TreeStep<T>::run(Program::Scratch& scratch) const {
  const std::size_t sources = inputs_.tables.size() + 1;
  const std::span<const T*> rows = scratch.arena.array<const T*>(scratch.rows * sources);
  const T* const dense = dense_rows(scratch);
  for (std::size_t i = 0; i < scratch.rows; ++i) rows[i * sources] = dense + i * inputs_.width;
  for (std::size_t t = 1; t < sources; ++t) {
    const TreeInputs::Table& table = inputs_.tables[t - 1];
    const auto* const in = scratch.registers[table.place].template of<std::int64_t>();
    const auto size = static_cast<std::int64_t>(table.size);
    for (std::size_t i = 0; i < scratch.rows; ++i) {
      const std::int64_t at = in[i] < 0 ? in[i] + size : in[i];
      if (at < 0 || at >= size) return false;
      rows[i * sources + t] =
          static_cast<const T*>(table.data) + static_cast<std::size_t>(at) * table.width;
    }
  }
  if (out_.size() == 1) {
    trees_->run(rows, sources, static_cast<T*>(scratch.buffers[out_[0]]));
    return true;
  }
  const std::span<T> all = scratch.arena.array<T>(scratch.rows * out_.size());
  trees_->run(rows, sources, all.data());
  for (std::size_t i = 0; i < out_.size(); ++i) {
    std::copy_n(all.data() + i * scratch.rows, scratch.rows,
                static_cast<T*>(scratch.buffers[out_[i]]));
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
