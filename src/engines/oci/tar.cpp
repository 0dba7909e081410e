// SPDX-License-Identifier: Apache-2.0
#include "engines/oci/tar.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "base/files.h"
#include "base/text.h"

namespace kingpost::oci {
namespace {

constexpr std::size_t kBlock = 512;
constexpr std::size_t kShortName = 100;
constexpr std::size_t kLongestName = 4000;
/// What eleven octal digits hold.
constexpr std::uint64_t kLargestSize = (std::uint64_t{1} << 33U) - 1;

using Block = std::array<char, kBlock>;

void put(Block& block, std::size_t at, std::string_view text) {
  std::copy(text.begin(), text.end(), block.begin() + static_cast<std::ptrdiff_t>(at));
}

Block block_of(std::string_view name, char type, int mode, std::uint64_t size) {
  Block out{};
  put(out, 0, name.substr(0, kShortName));
  put(out, 100, format("{:07o}", mode));
  put(out, 108, "0000000");  // owner
  put(out, 116, "0000000");  // group
  put(out, 124, format("{:011o}", size));
  put(out, 136, "00000000000");  // time
  put(out, 148, "        ");
  out[156] = type;
  put(out, 257, std::string_view("ustar\00000", 8));
  unsigned sum = 0;
  for (const char c : out) sum += static_cast<unsigned char>(c);
  put(out, 148, format("{:06o}", sum));
  out[154] = '\0';
  return out;
}

// "LENGTH path=NAME\n", where LENGTH counts itself.
std::string long_name(std::string_view name) {
  const std::size_t bare = std::string_view(" path=\n").size() + name.size();
  std::size_t length = bare + 1;
  while (format("{}", length).size() + bare != length) ++length;
  return format("{} path={}\n", length, name);
}

bool is_inside(std::string_view name) {
  if (name.empty() || name.size() > kLongestName || name.find('\0') != std::string_view::npos) {
    return false;
  }
  const auto parts = split(name, '/');
  return std::none_of(parts.begin(), parts.end(), [](const std::string& part) {
    return part.empty() || part == "." || part == "..";
  });
}

}  // namespace

Status Tar::head(const std::string& name, char type, int mode, std::uint64_t size) {
  if (!is_inside(name)) {
    return fail(Code::kInvalidInput, "containerize.name_unfit",
                "\"{}\" cannot stand in an image: it leaves its folder or is too long",
                shown(name, 120));
  }
  if (size > kLargestSize) {
    return fail(Code::kInvalidInput, "containerize.name_unfit",
                "\"{}\" has {}, and a layer takes files of 8 GiB at most", shown(name, 120),
                human_bytes(static_cast<std::int64_t>(size)));
  }
  const std::string whole = type == '5' ? name + "/" : name;
  if (whole.size() > kShortName) {
    const std::string record = long_name(whole);
    const Block pax = block_of("pax", 'x', 0644, record.size());
    TRY_STATUS(sink_(std::string_view(pax.data(), pax.size())));
    TRY_STATUS(sink_(record));
    TRY_STATUS(pad(record.size()));
  }
  const Block block = block_of(whole, type, mode, size);
  return sink_(std::string_view(block.data(), block.size()));
}

Status Tar::pad(std::uint64_t size) {
  const std::size_t rest = size % kBlock;
  if (rest == 0) return {};
  return sink_(std::string(kBlock - rest, '\0'));
}

Status Tar::folder(const std::string& name, int mode) {
  return head(name, '5', mode, 0);
}

Status Tar::bytes(const std::string& name, int mode, std::string_view content) {
  TRY_STATUS(head(name, '0', mode, content.size()));
  TRY_STATUS(sink_(content));
  return pad(content.size());
}

Status Tar::file(const std::string& name, int mode, const std::string& path) {
  TRY(const FileStamp stamp, stamp_of(path));
  const auto size = static_cast<std::uint64_t>(stamp.size);
  TRY_STATUS(head(name, '0', mode, size));
  std::uint64_t seen = 0;
  Status written;
  TRY_STATUS(read_chunks(path, [&](std::string_view piece) {
    seen += piece.size();
    if (seen <= size) written = sink_(piece);
    return seen <= size && written.has_value();
  }));
  TRY_STATUS(std::move(written));
  if (seen != size) {
    return fail(Code::kConflict, "containerize.file_changed", "{} was changed while it was read",
                shown(path, 200))
        .hint("wait until nobody writes it, then repeat the command");
  }
  return pad(size);
}

Status Tar::finish() {
  return sink_(std::string(2 * kBlock, '\0'));
}

}  // namespace kingpost::oci
