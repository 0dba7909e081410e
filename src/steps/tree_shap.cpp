// SPDX-License-Identifier: Apache-2.0
// Names as in the paper: a path holds the features that were split on, each with the share of
// training rows (zero) and of this row (one) that go on when the feature is unknown, known.
#include "steps/tree_shap.h"

#include <algorithm>

#include "steps/metrics.h"

namespace kingpost::steps {
namespace {

using records::Tree;
using records::TreeNode;

struct PathStep {
  std::int32_t feature = -1;
  double zero = 1;
  double one = 1;
  double weight = 1;
};
using Path = std::vector<PathStep>;

void extend(Path& path, PathStep step) {
  step.weight = path.empty() ? 1 : 0;
  path.push_back(step);
  const auto length = static_cast<double>(path.size());
  for (std::size_t i = path.size() - 1; i-- > 0;) {
    const auto place = static_cast<double>(i);
    path[i + 1].weight += step.one * path[i].weight * (place + 1) / length;
    path[i].weight *= step.zero * (length - 1 - place) / length;
  }
}

// Calls take(j, weight) with the weights of a path from which step i was taken out, last first.
template <typename Take>
void unwound(const Path& path, std::size_t i, const Take& take) {
  const auto length = static_cast<double>(path.size());
  const PathStep& out = path[i];
  double next = path.back().weight;
  for (std::size_t j = path.size() - 1; j-- > 0;) {
    const auto place = static_cast<double>(j);
    if (out.one == 0) {
      take(j, path[j].weight * length / (out.zero * (length - 1 - place)));
      continue;
    }
    const double weight = next * length / ((place + 1) * out.one);
    next = path[j].weight - weight * out.zero * (length - 1 - place) / length;
    take(j, weight);
  }
}

void unwind(Path& path, std::size_t i) {
  std::vector<double> weights(path.size() - 1);
  unwound(path, i, [&](std::size_t j, double weight) { weights[j] = weight; });
  path.erase(path.begin() + static_cast<std::ptrdiff_t>(i));
  for (std::size_t j = 0; j < path.size(); ++j) path[j].weight = weights[j];
}

class Walk {
 public:
  Walk(const Tree& tree, const float* row, double* phi) : tree_(tree), row_(row), phi_(phi) {}

  // The path is a copy at each node, as in the paper.
  void visit(std::int32_t index, Path path, PathStep step) {  // NOLINT(misc-no-recursion)
    extend(path, step);
    const TreeNode& node = tree_.nodes[static_cast<std::size_t>(index)];
    if (node.feature < 0) {
      share_out(path, node.value);
      return;
    }
    PathStep before{node.feature, 1, 1, 0};
    for (std::size_t i = 1; i < path.size(); ++i) {
      if (path[i].feature != node.feature) continue;
      before = path[i];
      unwind(path, i);
      break;
    }
    const bool left = records::goes_left(node, row_[node.feature]);
    descend(node, left ? node.left : node.right, path, before, before.one);
    descend(node, left ? node.right : node.left, path, before, 0);
  }

 private:
  // NOLINTNEXTLINE(misc-no-recursion)
  void descend(const TreeNode& node, std::int32_t child, const Path& path, const PathStep& before,
               double one) {
    const double cover = tree_.nodes[static_cast<std::size_t>(child)].cover;
    const double zero = node.cover > 0 ? before.zero * cover / node.cover : 0;
    // Neither this row nor a training row comes here.
    if (zero == 0 && one == 0) return;
    visit(child, path, {node.feature, zero, one, 0});
  }

  void share_out(const Path& path, double value) {
    for (std::size_t i = 1; i < path.size(); ++i) {
      double sum = 0;
      unwound(path, i, [&](std::size_t, double weight) { sum += weight; });
      phi_[path[i].feature] += sum * (path[i].one - path[i].zero) * value;
    }
  }

  const Tree& tree_;
  const float* row_;
  double* phi_;
};

double expected_of(const Tree& tree) {
  if (tree.nodes.size() == 1) return tree.nodes[0].value;
  double sum = 0;
  double cover = 0;
  for (const TreeNode& node : tree.nodes) {
    if (node.feature >= 0) continue;
    sum += node.cover * node.value;
    cover += node.cover;
  }
  return cover > 0 ? sum / cover : 0;
}

std::int64_t work_of(const Tree& tree) {
  // A child may stand before its parent, so depths go down from the root.
  std::vector<std::pair<std::int32_t, std::int64_t>> open = {{0, 1}};
  std::int64_t work = 0;
  while (!open.empty()) {
    const auto [index, depth] = open.back();
    open.pop_back();
    const TreeNode& node = tree.nodes[static_cast<std::size_t>(index)];
    if (node.feature < 0) {
      work += depth * depth;
      continue;
    }
    open.emplace_back(node.left, depth + 1);
    open.emplace_back(node.right, depth + 1);
  }
  return work;
}

}  // namespace

TreeShap::TreeShap(const records::TreeEnsemble& ensemble) : ensemble_(&ensemble) {
  const auto outputs = static_cast<std::size_t>(ensemble.outputs);
  std::vector<Sum> sums(outputs);
  for (std::size_t i = 0; i < ensemble.trees.size(); ++i) {
    sums[i % outputs].add(expected_of(ensemble.trees[i]));
    work_ += work_of(ensemble.trees[i]);
  }
  for (const Sum& sum : sums) expected_.push_back(sum.value());
}

std::vector<double> TreeShap::values(const float* row) const {
  const auto outputs = static_cast<std::size_t>(ensemble_->outputs);
  const auto width = static_cast<std::size_t>(ensemble_->features) + 1;
  std::vector<double> out(outputs * width);
  for (std::size_t i = 0; i < ensemble_->trees.size(); ++i) {
    if (ensemble_->trees[i].nodes.size() < 2) continue;
    Walk(ensemble_->trees[i], row, out.data() + (i % outputs) * width).visit(0, {}, {});
  }
  for (std::size_t o = 0; o < outputs; ++o) out[o * width + width - 1] = expected_[o];
  return out;
}

LinearShap::LinearShap(const records::LinearModel& model, std::vector<double> means)
    : model_(&model),
      category_(static_cast<std::size_t>(model.features), nullptr),
      means_(std::move(means)) {
  for (const auto& category : model.categories) {
    category_[static_cast<std::size_t>(category.feature)] = &category;
  }
}

LinearShap::LinearShap(const records::LinearModel& model, const float* rows, std::int64_t count)
    : LinearShap(model, std::vector<double>()) {
  const std::size_t width = category_.size();
  for (std::size_t o = 0; o < model.intercepts.size(); ++o) {
    std::vector<Sum> sums(width);
    for (std::int64_t r = 0; r < count; ++r) {
      const float* row = rows + static_cast<std::size_t>(r) * width;
      for (std::size_t f = 0; f < width; ++f) sums[f].add(part(o, f, row));
    }
    for (const Sum& sum : sums) {
      means_.push_back(count > 0 ? sum.value() / static_cast<double>(count) : 0);
    }
  }
}

double LinearShap::part(std::size_t output, std::size_t feature, const float* row) const {
  const float value = row[feature];
  if (category_[feature] == nullptr) {
    return model_->weights[output][feature] * static_cast<double>(value);
  }
  const std::vector<double>& weights = category_[feature]->weights[output];
  const bool known = value >= 0 && value < static_cast<float>(weights.size());
  return known ? weights[static_cast<std::size_t>(value)] : 0;
}

std::vector<double> LinearShap::values(const float* row) const {
  const std::size_t width = category_.size();
  std::vector<double> out;
  for (std::size_t o = 0; o < model_->intercepts.size(); ++o) {
    double expected = model_->intercepts[o];
    for (std::size_t f = 0; f < width; ++f) {
      const double mean = means_[o * width + f];
      out.push_back(part(o, f, row) - mean);
      expected += mean;
    }
    out.push_back(expected);
  }
  return out;
}

}  // namespace kingpost::steps
