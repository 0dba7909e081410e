// SPDX-License-Identifier: Apache-2.0
#include "engines/onnx/columns/steps.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace kingpost::onnx {
namespace {

std::int64_t shifted(std::int64_t number, std::int64_t shift) {
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(number) +
                                   static_cast<std::uint64_t>(shift));
}

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
  for (std::size_t i = 0; i < scratch.rows; ++i) out[i] = table_.find(in[i], other_);
  return true;
}

bool ShiftStep::run(Program::Scratch& scratch) const {
  const Operand& in = scratch.registers[in_];
  auto* const out = static_cast<std::int64_t*>(scratch.buffers[out_]);
  for (std::size_t i = 0; i < scratch.rows; ++i) {
    out[i] = shifted(in.of<std::int64_t>()[in.is_one ? 0 : i], shift_);
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
TreeStep<T>::TreeStep(std::unique_ptr<const TreeTable<T>> trees, TreeInputs inputs,
                      std::vector<std::size_t> out, std::unique_ptr<const TreeMasks> masks,
                      MaskInputs mask_inputs)
    : trees_(std::move(trees)),
      inputs_(std::move(inputs)),
      width_(std::max<std::size_t>(1, inputs_.columns.size())),
      out_(std::move(out)),
      masks_(std::move(masks)),
      mask_inputs_(std::move(mask_inputs)) {
  for (const TreeInputs::Table& each : inputs_.tables) {
    const auto* const first = static_cast<const T*>(each.data);
    tables_miss_ |=
        std::any_of(first, first + each.size * each.width, [](T value) { return value != value; });
  }
}

template <typename T>
void TreeStep<T>::fill(const TreeInputs::Column& column, const Program::Scratch& scratch,
                       const Span& span, T* to) const {
  const T* from = nullptr;
  std::size_t stride = column.width;
  if (column.port >= 0) {
    const InputView& input = scratch.inputs[static_cast<std::size_t>(column.port)];
    from = static_cast<const T*>(input.data) + scratch.from * stride + column.column;
  } else {
    const Operand& operand = scratch.registers[column.place];
    from = operand.of<T>();
    stride = operand.is_one ? 0 : 1;
  }
  from += span.from * stride;
  for (std::size_t row = 0; row < span.rows; row += span.lanes, to += span.stride) {
    const std::size_t lanes = std::min(span.lanes, span.rows - row);
    for (std::size_t lane = 0; lane < lanes; ++lane) to[lane] = from[(row + lane) * stride];
  }
}

template <typename T>
const T* TreeStep<T>::blocks(Program::Scratch& scratch) const {
  const std::size_t count = (scratch.rows + kTreeLanes - 1) / kTreeLanes;
  const std::size_t block = width_ * kTreeLanes;
  const std::span<T> out = scratch.arena.array<T>(count * block);
  std::fill(out.end() - static_cast<std::ptrdiff_t>(block), out.end(), T{0});
  for (std::size_t i = 0; i < inputs_.columns.size(); ++i) {
    fill(inputs_.columns[i], scratch, {0, scratch.rows, kTreeLanes, block},
         out.data() + i * kTreeLanes);
  }
  return out.data();
}

template <typename T>
bool TreeStep<T>::find_rows(const TreeInputs::Table& table, const Program::Scratch& scratch,
                            const T** to) const {
  const auto* const in = scratch.registers[table.place].of<std::int64_t>();
  const auto size = static_cast<std::int64_t>(table.size);
  const std::size_t block = (1 + inputs_.tables.size()) * kTreeLanes;
  for (std::size_t row = 0; row < scratch.rows; ++row) {
    const std::int64_t own = shifted(in[row], table.shift);
    const std::int64_t at = own < 0 ? own + size : own;
    if (at < 0 || at >= size) return false;
    to[row / kTreeLanes * block + row % kTreeLanes] =
        static_cast<const T*>(table.data) + static_cast<std::size_t>(at) * table.width;
  }
  return true;
}

template <typename T>
bool TreeStep<T>::find_places(Program::Scratch& scratch, TreeRows<T>& rows) const {
  rows.tables = inputs_.tables.size();
  if (rows.tables == 0) return true;
  const std::size_t count = (rows.rows + kTreeLanes - 1) / kTreeLanes;
  const std::size_t block = (1 + rows.tables) * kTreeLanes;
  const std::span<const T*> out = scratch.arena.array<const T*>(count * block);
  for (std::size_t i = 0; i < count; ++i) {
    const T* const features = rows.blocks + i * width_ * kTreeLanes;
    for (std::size_t lane = 0; lane < kTreeLanes; ++lane) out[i * block + lane] = features + lane;
  }
  for (std::size_t t = 0; t < rows.tables; ++t) {
    const std::size_t first = (1 + t) * kTreeLanes;
    const auto* const any = static_cast<const T*>(inputs_.tables[t].data);
    std::fill_n(out.end() - static_cast<std::ptrdiff_t>(block - first), kTreeLanes, any);
    if (!find_rows(inputs_.tables[t], scratch, out.data() + first)) return false;
  }
  rows.places = out;
  return true;
}

template <typename T>
bool TreeStep<T>::fill_columns(const Program::Scratch& scratch, std::size_t from, std::size_t count,
                               float* columns) const {
  if constexpr (std::is_same_v<T, float>) {
    for (const TreeInputs::Column& each : inputs_.columns) {
      fill(each, scratch, {from, count, TreeMasks::kLanes, 0}, columns);
      columns += TreeMasks::kLanes;
    }
  }
  for (const MaskInputs::LookedUp& each : mask_inputs_.looked_up) {
    const auto* const in = scratch.registers[each.table.place].of<std::int64_t>() + from;
    const auto* const values = static_cast<const float*>(each.table.data) + each.column;
    for (std::size_t i = 0; i < count; ++i) {
      const auto row = static_cast<std::uint64_t>(shifted(in[i], each.table.shift));
      if (row >= each.table.size) return false;
      columns[i] = values[row * each.table.width];
    }
    columns += TreeMasks::kLanes;
  }
  return true;
}

template <typename T>
bool TreeStep<T>::fill_places(const Program::Scratch& scratch, std::size_t from, std::size_t count,
                              std::int64_t* places) const {
  for (const MaskInputs::Source& each : mask_inputs_.sources) {
    const auto* const in = scratch.registers[each.place].of<std::int64_t>() + from;
    for (std::size_t i = 0; i < count; ++i) {
      if (static_cast<std::uint64_t>(in[i]) >= each.size) return false;
      places[i] = in[i];
    }
    places += TreeMasks::kLanes;
  }
  return true;
}

template <typename T>
bool TreeStep<T>::run_masks(Program::Scratch& scratch) const {
  constexpr std::size_t kLanes = TreeMasks::kLanes;
  const std::size_t columns = inputs_.columns.size() + mask_inputs_.looked_up.size();
  const std::span<float> block = scratch.arena.array<float>(columns * kLanes);
  const std::span<std::int64_t> places =
      scratch.arena.array<std::int64_t>(mask_inputs_.sources.size() * kLanes);
  const std::span<std::uint32_t> room = scratch.arena.array<std::uint32_t>(masks_->room());
  const std::span<float> sums = scratch.arena.array<float>(masks_->targets() * kLanes);
  std::fill(block.begin(), block.end(), 0.0F);
  std::fill(places.begin(), places.end(), 0);
  for (std::size_t from = 0; from < scratch.rows; from += kLanes) {
    const std::size_t count = std::min(kLanes, scratch.rows - from);
    if (!fill_columns(scratch, from, count, block.data())) return false;
    if (!fill_places(scratch, from, count, places.data())) return false;
    masks_->run({block.data(), places.data(), room.data()}, sums.data());
    for (std::size_t i = 0; i < out_.size(); ++i) {
      std::copy_n(sums.data() + i * kLanes, count,
                  static_cast<float*>(scratch.buffers[out_[i]]) + from);
    }
  }
  return true;
}

template <typename T>
bool TreeStep<T>::run(Program::Scratch& scratch) const {
  if (masks_ != nullptr && scratch.rows >= masks_->worth() && run_masks(scratch)) return true;
  TreeRows<T> rows;
  rows.rows = scratch.rows;
  rows.width = width_;
  rows.blocks = blocks(scratch);
  if (!find_places(scratch, rows)) return false;
  const std::size_t count = (rows.rows + kTreeLanes - 1) / kTreeLanes * width_ * kTreeLanes;
  rows.may_miss = tables_miss_;
  for (std::size_t i = 0; i < count; ++i) rows.may_miss |= rows.blocks[i] != rows.blocks[i];
  if (out_.size() == 1) {
    trees_->run(rows, static_cast<T*>(scratch.buffers[out_[0]]));
    return true;
  }
  const std::span<T> all = scratch.arena.array<T>(rows.rows * out_.size());
  trees_->run(rows, all.data());
  for (std::size_t i = 0; i < out_.size(); ++i) {
    std::copy_n(all.data() + i * rows.rows, rows.rows, static_cast<T*>(scratch.buffers[out_[i]]));
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
