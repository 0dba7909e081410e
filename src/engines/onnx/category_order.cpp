// SPDX-License-Identifier: Apache-2.0
// Each split takes the first order of its feature that agrees with it or can be refined to. What a
// split does with codes that splits above it have sent elsewhere does not matter.
#include "engines/onnx/category_order.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <limits>
#include <map>
#include <memory>
#include <span>

namespace kingpost::onnx {
namespace {

using records::Tree;
using records::TreeEnsemble;
using records::TreeNode;

using Codes = std::vector<std::int32_t>;

constexpr std::int32_t kMostCodes = 4096;
constexpr std::size_t kMostRanks = std::size_t{1} << 20;
constexpr std::size_t kMostColumns = 4096;
/// Wide enough that a look-up copies whole cache lines.
constexpr std::size_t kWidth = 32;
/// Ranks that may be looked at for one split.
constexpr std::size_t kPatience = 32768;
/// Codes of a side that are looked at before all of them.
constexpr std::size_t kFirst = 8;

/// Codes of one rank are not told apart yet. Places are codes, the last one all that is no code.
class Order {
 public:
  explicit Order(std::size_t places) : ranks_(places, 0) {}

  /// Whether every place of `low` stands before every one of `high`, or does now.
  bool put(const Codes& low, const Codes& high) {
    const auto rank = [this](std::int32_t a) { return ranks_[static_cast<std::size_t>(a)]; };
    if (disagree(low, high)) return false;
    std::int32_t last = -1;
    for (const std::int32_t each : low) last = std::max(last, rank(each));
    if (std::any_of(high.begin(), high.end(), [&](auto each) { return rank(each) < last; })) {
      return false;
    }
    if (std::all_of(high.begin(), high.end(), [&](auto each) { return rank(each) > last; })) {
      return true;
    }
    for (std::int32_t& each : ranks_) each += each > last ? 1 : 0;
    for (const std::int32_t each : high) {
      if (rank(each) == last) ++ranks_[static_cast<std::size_t>(each)];
    }
    return true;
  }

  const std::vector<std::int32_t>& ranks() const { return ranks_; }

 private:
  // Most orders do not agree with a split, and the first few codes of each side tell.
  bool disagree(const Codes& low, const Codes& high) const {
    std::int32_t last = -1;
    for (const std::int32_t each : first_of(low)) {
      last = std::max(last, ranks_[static_cast<std::size_t>(each)]);
    }
    std::int32_t first = std::numeric_limits<std::int32_t>::max();
    for (const std::int32_t each : first_of(high)) {
      first = std::min(first, ranks_[static_cast<std::size_t>(each)]);
    }
    return first < last;
  }

  static std::span<const std::int32_t> first_of(const Codes& codes) {
    return std::span(codes).first(std::min(codes.size(), kFirst));
  }

  std::vector<std::int32_t> ranks_;
};

/// A split that an order decides: `low` goes to the left of it, turned or not.
struct Placed {
  std::size_t tree = 0;
  std::size_t node = 0;
  std::size_t order = 0;
  Codes low;
  bool is_turned = false;
};

struct FeatureOrders {
  std::int32_t codes = 0;
  std::vector<Order> orders;
  std::vector<Placed> placed;
};

/// By feature; a feature that is not there may have any code.
using Reach = std::map<std::int32_t, std::shared_ptr<const Codes>>;

class Ordering {
 public:
  explicit Ordering(const TreeEnsemble& ensemble) {
    for (const Tree& tree : ensemble.trees) {
      for (const TreeNode& node : tree.nodes) {
        if (node.feature < 0 || !node.is_categorical || node.categories.empty()) continue;
        std::int32_t& codes = features_[node.feature].codes;
        // One more would not be a number for the greatest code.
        codes = std::max(codes, std::min(node.categories.back(), kMostCodes) + 1);
      }
    }
    std::erase_if(features_, [](const auto& each) { return each.second.codes > kMostCodes; });
    for (std::size_t i = 0; i < ensemble.trees.size(); ++i) walk(ensemble.trees[i], i);
  }

  OrderedTrees finish(TreeEnsemble ensemble) const {
    OrderedTrees out;
    std::size_t most = 0;
    for (const auto& [feature, each] : features_) most = std::max(most, each.orders.size());
    const std::size_t width = std::min(most, kWidth);
    for (const auto& [feature, each] : features_) {
      const std::size_t first = out.tables.size() * width;
      for (const Placed& placed : each.placed) {
        const auto column = static_cast<std::size_t>(ensemble.features) + first + placed.order;
        become_threshold(ensemble.trees[placed.tree].nodes[placed.node], placed,
                         each.orders[placed.order], static_cast<std::int32_t>(column));
      }
      for (std::size_t at = 0; at < each.orders.size(); at += width) {
        out.tables.push_back({feature, table_of(each, at, width)});
      }
    }
    out.width = static_cast<std::int64_t>(width);
    out.trees = std::move(ensemble);
    return out;
  }

 private:
  void walk(const Tree& tree, std::size_t tree_number) {
    std::vector<std::pair<std::size_t, Reach>> open = {{0, {}}};
    while (!open.empty()) {
      const auto [at, reach] = std::move(open.back());
      open.pop_back();
      const TreeNode& node = tree.nodes[at];
      if (node.feature < 0) continue;
      Reach left = reach;
      Reach right = reach;
      const auto found = features_.find(node.feature);
      if (node.is_categorical && found != features_.end()) {
        const auto [in, beside] = sides(node, found->second.codes, reach);
        place({tree_number, at, 0, {}, false}, found->second, *in, *beside);
        left[node.feature] = in;
        right[node.feature] = beside;
      }
      open.emplace_back(static_cast<std::size_t>(node.right), std::move(right));
      open.emplace_back(static_cast<std::size_t>(node.left), std::move(left));
    }
  }

  /// The codes that go left and right, of those that come by.
  static std::array<std::shared_ptr<const Codes>, 2> sides(const TreeNode& node, std::int32_t codes,
                                                           const Reach& reach) {
    Codes all;
    const auto found = reach.find(node.feature);
    for (std::int32_t i = 0; found == reach.end() && i <= codes; ++i) all.push_back(i);
    const Codes& come = found == reach.end() ? all : *found->second;
    auto in = std::make_shared<Codes>();
    auto beside = std::make_shared<Codes>();
    std::set_intersection(come.begin(), come.end(), node.categories.begin(), node.categories.end(),
                          std::back_inserter(*in));
    std::set_difference(come.begin(), come.end(), node.categories.begin(), node.categories.end(),
                        std::back_inserter(*beside));
    return {in, beside};
  }

  void place(Placed placed, FeatureOrders& feature, const Codes& in, const Codes& beside) {
    std::vector<Order>& orders = feature.orders;
    const auto places = static_cast<std::size_t>(feature.codes) + 1;
    const std::size_t tried = std::min(orders.size(), 1 + kPatience / places);
    const auto take = [&](std::size_t order, bool is_turned) {
      placed.order = order;
      placed.is_turned = is_turned;
      placed.low = is_turned ? beside : in;
      feature.placed.push_back(std::move(placed));
    };
    for (std::size_t i = orders.size() - tried; i < orders.size(); ++i) {
      if (orders[i].put(in, beside)) return take(i, false);
      if (orders[i].put(beside, in)) return take(i, true);
    }
    if (!has_room(orders.size(), places)) return;
    orders.emplace_back(places).put(in, beside);
    take(orders.size() - 1, false);
  }

  // Tables are paid for as a whole.
  bool has_room(std::size_t orders, std::size_t places) {
    if (orders % kWidth != 0) return true;
    if (columns_ + kWidth > kMostColumns || ranks_ + kWidth * places > kMostRanks) return false;
    columns_ += kWidth;
    ranks_ += kWidth * places;
    return true;
  }

  static void become_threshold(TreeNode& node, const Placed& placed, const Order& order,
                               std::int32_t column) {
    std::int32_t last = -1;
    for (const std::int32_t each : placed.low) {
      last = std::max(last, order.ranks()[static_cast<std::size_t>(each)]);
    }
    node.feature = column;
    node.threshold = last + 0.5;
    node.is_categorical = false;
    node.missing_left = false;
    node.categories.clear();
    if (placed.is_turned) std::swap(node.left, node.right);
  }

  static std::vector<float> table_of(const FeatureOrders& feature, std::size_t from,
                                     std::size_t width) {
    const auto places = static_cast<std::size_t>(feature.codes) + 1;
    std::vector<float> out(places * width, 0.0F);
    const std::size_t until = std::min(from + width, feature.orders.size());
    for (std::size_t i = from; i < until; ++i) {
      const auto& ranks = feature.orders[i].ranks();
      for (std::size_t place = 0; place < places; ++place) {
        out[place * width + i - from] = static_cast<float>(ranks[place]);
      }
    }
    return out;
  }

  std::map<std::int32_t, FeatureOrders> features_;
  std::size_t columns_ = 0;
  std::size_t ranks_ = 0;
};

}  // namespace

OrderedTrees order_categories(TreeEnsemble ensemble) {
  const Ordering ordering(ensemble);
  return ordering.finish(std::move(ensemble));
}

}  // namespace kingpost::onnx
