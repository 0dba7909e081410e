// SPDX-License-Identifier: Apache-2.0
// Reads the text by its keys, section by section, and believes no number in it unchecked.
#include "engines/lightgbm/model_text.h"

#include <charconv>
#include <cmath>
#include <limits>
#include <map>
#include <vector>

#include "base/digest.h"
#include "base/text.h"

namespace kingpost::lightgbm {
namespace {

using records::Link;
using records::Tree;
using records::TreeNode;

// What the library packs into decision_type.
constexpr int kIsCategorical = 1;
constexpr int kDefaultLeft = 2;
constexpr int kMissingShift = 2;
enum class Missing { kNone, kZero, kNan };

template <typename... Args>
Error malformed(FormatString<Args...> words, Args&&... args) {
  return fail(Code::kCorrupt, "lightgbm.malformed_model", "this is not a LightGBM model: {}",
              format(words, std::forward<Args>(args)...));
}

Error unsupported(std::string_view what) {
  return fail(Code::kInvalidInput, "lightgbm.unsupported_model",
              "a LightGBM model with {} cannot be taken over", what);
}

class Lines {
 public:
  explicit Lines(std::string_view text) : rest_(text) {}
  bool done() const { return rest_.empty(); }
  std::size_t left() const { return rest_.size(); }
  std::string_view next() {
    const std::size_t end = rest_.find('\n');
    const std::string_view line = rest_.substr(0, end);
    rest_.remove_prefix(end == std::string_view::npos ? rest_.size() : end + 1);
    return trim(line);
  }

 private:
  std::string_view rest_;
};

/// The lines `key=value` of the header or of one tree.
class Section {
 public:
  /// False when the key stands there already: LightGBM would take the later one.
  bool add(std::string_view line) {
    const std::size_t at = line.find('=');
    const bool has_value = at != std::string_view::npos;
    const std::string_view value = has_value ? line.substr(at + 1) : std::string_view();
    return values_.emplace(line.substr(0, at), value).second;
  }
  std::size_t bytes = 0;

  bool has(std::string_view key) const { return values_.contains(key); }
  std::string_view text(std::string_view key) const {
    const auto found = values_.find(key);
    return found == values_.end() ? std::string_view() : found->second;
  }

  Result<std::int32_t> whole(std::string_view key) const {
    TRY(const auto found, numbers<std::int32_t>(key, 1));
    return found[0];
  }

  /// `count` numbers with spaces between them.
  template <typename T>
  Result<std::vector<T>> numbers(std::string_view key, std::size_t count) const {
    if (!has(key)) return malformed("{} is missing", key);
    std::vector<T> out;
    std::string_view rest = trim(text(key));
    while (!rest.empty()) {
      const std::string_view word = rest.substr(0, rest.find(' '));
      rest.remove_prefix(std::min(rest.size(), word.size() + 1));
      T value{};
      const auto [end, fault] = std::from_chars(word.data(), word.data() + word.size(), value);
      if (fault != std::errc() || end != word.data() + word.size()) {
        return malformed("{} holds \"{}\"", key, shown(word));
      }
      out.push_back(value);
    }
    if (out.size() == count) return out;
    return malformed("{} holds {} numbers, not {}", key, out.size(), count);
  }

  Status check_numbers(std::string_view key, std::size_t count) const {
    TRY(const auto found, numbers<double>(key, count));
    return {};
  }

 private:
  std::map<std::string_view, std::string_view> values_;
};

Result<Link> link_of(std::string_view objective) {
  const std::vector<std::string> words = split(objective, ' ');
  for (const std::string_view same :
       {"regression", "regression_l1", "huber", "fair", "quantile", "mape"}) {
    if (words[0] != same) continue;
    // `sqrt` stands behind an objective that was trained on square roots.
    for (const std::string& word : words) {
      if (word == "sqrt") return unsupported("the objective \"regression sqrt\"");
    }
    return Link::kIdentity;
  }
  if (objective == "binary sigmoid:1") return Link::kSigmoid;
  if (words[0] == "multiclass") return Link::kSoftmax;
  return unsupported(format("the objective \"{}\"", shown(objective)));
}

/// LightGBM reads values within kZero of 0 as 0, and puts thresholds on that border: the threshold
/// that decides the same about the values as they are.
double clear_of_zero(double threshold) {
  constexpr float kZero = 1e-35F;
  if (threshold >= 0 && threshold < kZero) return kZero;
  if (threshold < 0 && threshold >= -kZero) {
    return std::nextafter(-kZero, -std::numeric_limits<float>::infinity());
  }
  return threshold;
}

/// The codes whose bits are set in the words [from, to).
Result<std::vector<std::int32_t>> codes_of(const std::vector<std::uint32_t>& bits,
                                           std::int32_t from, std::int32_t to) {
  constexpr std::int32_t kBits = 32;
  if (from < 0 || to < from || static_cast<std::size_t>(to) > bits.size()) {
    return malformed("cat_boundaries lie outside of cat_threshold");
  }
  std::vector<std::int32_t> out;
  for (std::int32_t word = from; word < to; ++word) {
    for (std::int32_t bit = 0; bit < kBits; ++bit) {
      if ((bits[static_cast<std::size_t>(word)] >> bit & 1U) != 0) {
        out.push_back((word - from) * kBits + bit);
      }
    }
  }
  return out;
}

/// The lists of a tree, one entry for each inner node or leaf.
struct Lists {
  std::size_t inner = 0;
  std::vector<std::int32_t> features;
  std::vector<double> thresholds;
  std::vector<std::int32_t> decisions;
  std::vector<std::int32_t> left;
  std::vector<std::int32_t> right;
  std::vector<double> leaf_values;
  std::vector<std::int64_t> leaf_counts;
  std::vector<std::int64_t> inner_counts;
  std::vector<std::int32_t> category_bounds;
  std::vector<std::uint32_t> category_bits;
};

Result<Lists> read_lists(const Section& section) {
  Lists lists;
  TRY(const std::int32_t leaves, section.whole("num_leaves"));
  TRY(const std::int32_t categories, section.whole("num_cat"));
  if (leaves < 1 || categories < 0) return malformed("num_leaves or num_cat is below its least");
  if (section.has("is_linear") && trim(section.text("is_linear")) != "0") {
    return unsupported("linear leaves");
  }
  const auto count = static_cast<std::size_t>(leaves);
  lists.inner = count - 1;
  TRY(lists.leaf_values, section.numbers<double>("leaf_value", count));
  TRY(lists.leaf_counts, section.numbers<std::int64_t>("leaf_count", count));
  // Not used here, but LightGBM reads as many of them without looking.
  TRY_STATUS(section.check_numbers("leaf_weight", count));
  if (lists.inner == 0) return lists;
  for (const std::string_view key : {"split_gain", "internal_value", "internal_weight"}) {
    TRY_STATUS(section.check_numbers(key, lists.inner));
  }
  TRY(lists.inner_counts, section.numbers<std::int64_t>("internal_count", lists.inner));
  TRY(lists.features, section.numbers<std::int32_t>("split_feature", lists.inner));
  TRY(lists.thresholds, section.numbers<double>("threshold", lists.inner));
  TRY(lists.decisions, section.numbers<std::int32_t>("decision_type", lists.inner));
  TRY(lists.left, section.numbers<std::int32_t>("left_child", lists.inner));
  TRY(lists.right, section.numbers<std::int32_t>("right_child", lists.inner));
  if (categories == 0) return lists;
  TRY(lists.category_bounds,
      section.numbers<std::int32_t>("cat_boundaries", static_cast<std::size_t>(categories) + 1));
  const std::int32_t words = lists.category_bounds.back();
  if (words < 0) return malformed("cat_boundaries end below 0");
  TRY(lists.category_bits,
      section.numbers<std::uint32_t>("cat_threshold", static_cast<std::size_t>(words)));
  return lists;
}

/// Children are numbered after their parent, so that a walk comes to an end; each has one parent.
Result<std::int32_t> child_at(const Lists& lists, std::size_t parent, std::int32_t child,
                              std::vector<bool>& taken) {
  const auto inner = static_cast<std::int64_t>(lists.inner);
  const std::int64_t at = child >= 0 ? std::int64_t{child} : inner + (-std::int64_t{child} - 1);
  const bool fits =
      child >= 0 ? at > static_cast<std::int64_t>(parent) && at < inner : at <= 2 * inner;
  if (!fits || taken[static_cast<std::size_t>(at)]) {
    return malformed("node {} has the child {}", parent, child);
  }
  taken[static_cast<std::size_t>(at)] = true;
  return static_cast<std::int32_t>(at);
}

Status set_split(const Lists& lists, std::size_t at, TreeNode& node) {
  const double threshold = lists.thresholds[at];
  const std::int32_t decision = lists.decisions[at];
  if (std::isnan(threshold)) return malformed("the threshold of node {} is NaN", at);
  if ((decision & kIsCategorical) != 0) {
    const auto bounds = static_cast<std::int64_t>(lists.category_bounds.size());
    if (threshold < 0 || threshold >= static_cast<double>(bounds - 1)) {
      return malformed("node {} names a category set that is not there", at);
    }
    const auto set = static_cast<std::size_t>(threshold);
    node.is_categorical = true;
    TRY(node.categories,
        codes_of(lists.category_bits, lists.category_bounds[set], lists.category_bounds[set + 1]));
    return {};
  }
  const auto missing = static_cast<Missing>(decision >> kMissingShift & 3);
  if (missing == Missing::kZero) return unsupported("zero as missing");
  node.threshold = float_not_above(clear_of_zero(threshold));
  // Without a bin for missing values, the library reads NaN as 0.
  node.missing_left = missing == Missing::kNan ? (decision & kDefaultLeft) != 0 : 0.0 <= threshold;
  return {};
}

Result<Tree> read_tree(const Section& section, std::int32_t features) {
  TRY(const Lists lists, read_lists(section));
  Tree tree;
  tree.nodes.resize(2 * lists.inner + 1);
  std::vector<bool> taken(tree.nodes.size());
  for (std::size_t i = 0; i < lists.inner; ++i) {
    TreeNode& node = tree.nodes[i];
    node.feature = lists.features[i];
    if (node.feature < 0 || node.feature >= features) {
      return malformed("node {} splits by feature {} of {}", i, node.feature, features);
    }
    node.cover = static_cast<double>(lists.inner_counts[i]);
    TRY(node.left, child_at(lists, i, lists.left[i], taken));
    TRY(node.right, child_at(lists, i, lists.right[i], taken));
    TRY_STATUS(set_split(lists, i, node));
  }
  for (std::size_t i = 0; i <= lists.inner; ++i) {
    TreeNode& leaf = tree.nodes[lists.inner + i];
    leaf.value = lists.leaf_values[i];
    leaf.cover = static_cast<double>(lists.leaf_counts[i]);
    if (!std::isfinite(leaf.value)) return malformed("the value of leaf {} is not finite", i);
  }
  return tree;
}

/// The header, then one section for each tree.
Result<std::vector<Section>> split_sections(std::string_view text) {
  std::vector<Section> out(1);
  Lines lines(text);
  while (!lines.done()) {
    const std::size_t before = lines.left();
    const std::string_view line = lines.next();
    if (line == "end of trees") return out;
    const bool is_first = starts_with(line, "Tree=");
    if (is_first) out.emplace_back();
    out.back().bytes += before - lines.left();
    if (line.empty() || is_first) continue;
    const bool is_pair = line.find('=') != std::string_view::npos;
    if ((out.size() > 1 && !is_pair) || !out.back().add(line)) {
      return malformed("the line \"{}\"", shown(line));
    }
  }
  return malformed("it breaks off before \"end of trees\"");
}

/// LightGBM jumps by these sizes without looking.
Status check_sizes(const std::vector<Section>& sections) {
  TRY(const auto sizes, sections[0].numbers<std::size_t>("tree_sizes", sections.size() - 1));
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    if (sizes[i] != sections[i + 1].bytes) return malformed("the size of tree {} is wrong", i);
  }
  return {};
}

Status read_header(const Section& header, records::TreeEnsemble& out) {
  if (!header.has("tree")) return malformed("it does not begin with the line \"tree\"");
  if (header.has("average_output")) return unsupported("averaged output");
  TRY(const std::int32_t last_feature, header.whole("max_feature_idx"));
  TRY(out.outputs, header.whole("num_tree_per_iteration"));
  if (last_feature < 0 || last_feature == std::numeric_limits<std::int32_t>::max()) {
    return malformed("max_feature_idx is {}", last_feature);
  }
  if (out.outputs < 1) return malformed("num_tree_per_iteration is {}", out.outputs);
  out.features = last_feature + 1;
  TRY(out.link, link_of(trim(header.text("objective"))));
  if ((out.link == Link::kSoftmax) == (out.outputs == 1)) {
    return malformed("num_tree_per_iteration does not fit the objective");
  }
  return {};
}

}  // namespace

float float_not_above(double value) {
  // The conversion of what no float32 can hold is not defined.
  if (value >= std::numeric_limits<float>::max()) {
    return std::isinf(value) ? std::numeric_limits<float>::infinity()
                             : std::numeric_limits<float>::max();
  }
  if (value < std::numeric_limits<float>::lowest()) return -std::numeric_limits<float>::infinity();
  const auto near = static_cast<float>(value);
  if (static_cast<double>(near) <= value) return near;
  return std::nextafter(near, -std::numeric_limits<float>::infinity());
}

Result<records::TreeEnsemble> parse_model(std::string_view text) {
  TRY(const std::vector<Section> sections, split_sections(text));
  records::TreeEnsemble out;
  TRY_STATUS(read_header(sections[0], out));
  TRY_STATUS(check_sizes(sections));
  out.trees.reserve(sections.size() - 1);
  for (std::size_t i = 1; i < sections.size(); ++i) {
    auto tree = read_tree(sections[i], out.features);
    if (!tree) return std::move(tree).error().within(format("reading tree {}", i - 1));
    out.trees.push_back(std::move(tree).value());
  }
  if (out.trees.empty() || out.trees.size() % static_cast<std::size_t>(out.outputs) != 0) {
    return malformed("{} trees cannot be shared by {} outputs", out.trees.size(), out.outputs);
  }
  return out;
}

std::string model_digest(std::string_view text, const Json& parameters) {
  Sha256 hash;
  const std::string_view trees = text.substr(0, text.find("\nparameters:"));
  hash.add(trees.data(), trees.size());
  const std::string ours = "\nparameters:\n" + parameters.canonical();
  hash.add(ours.data(), ours.size());
  return hash.finish();
}

}  // namespace kingpost::lightgbm
