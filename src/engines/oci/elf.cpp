// SPDX-License-Identifier: Apache-2.0
// Program headers, and the dynamic table among them: all that the loader itself looks at.
#include "engines/oci/elf.h"

#include <elf.h>

#include <algorithm>
#include <cstring>
#include <optional>

#include "base/text.h"

namespace kingpost::oci {
namespace {

constexpr std::size_t kMostSegments = 4096;
constexpr std::size_t kMostEntries = 65536;
constexpr std::size_t kLongestText = 4096;

class Reader {
 public:
  Reader(std::string_view bytes, const std::string& path) : bytes_(bytes), path_(path) {}

  Result<Elf> read() {
    TRY_STATUS(read_segments());
    Elf out;
    const Elf64_Phdr* dynamic = nullptr;
    for (const Elf64_Phdr& each : segments_) {
      if (each.p_type == PT_LOAD) out.mapped = std::max(out.mapped, each.p_offset + each.p_filesz);
      if (each.p_type == PT_DYNAMIC) dynamic = &each;
      if (each.p_type != PT_INTERP) continue;
      TRY(out.interpreter, text_at(each.p_offset));
    }
    const std::uint64_t table = sizeof(Elf64_Ehdr) + segments_.size() * sizeof(Elf64_Phdr);
    if (out.mapped < table) return malformed("nothing of it is loaded");
    if (dynamic != nullptr) TRY_STATUS(read_dynamic(*dynamic, out));
    return out;
  }

 private:
  Error malformed(std::string_view why) const {
    return fail(Code::kCorrupt, "containerize.elf_malformed",
                "{} is no program or library for x86-64: {}", shown(path_, 200), why)
        .hint("build or install it anew");
  }

  bool holds(std::uint64_t offset, std::uint64_t size) const {
    return offset <= bytes_.size() && size <= bytes_.size() - offset;
  }

  template <typename T>
  bool get(std::uint64_t offset, T& out) const {
    if (!holds(offset, sizeof(T))) return false;
    std::memcpy(&out, bytes_.data() + offset, sizeof(T));
    return true;
  }

  Status read_segments() {
    Elf64_Ehdr head{};
    if (!get(0, head) || std::memcmp(head.e_ident, ELFMAG, SELFMAG) != 0) {
      return malformed("it does not begin as one");
    }
    const bool ours = head.e_ident[EI_CLASS] == ELFCLASS64 &&
                      head.e_ident[EI_DATA] == ELFDATA2LSB && head.e_machine == EM_X86_64;
    if (!ours) return malformed("it is for another machine");
    if (head.e_phentsize != sizeof(Elf64_Phdr) || head.e_phnum > kMostSegments ||
        head.e_phoff > bytes_.size()) {
      return malformed("its program headers are not where it says");
    }
    for (std::size_t i = 0; i < head.e_phnum; ++i) {
      Elf64_Phdr segment{};
      if (!get(head.e_phoff + i * sizeof(segment), segment)) return malformed("it is cut off");
      const bool used = segment.p_type == PT_LOAD || segment.p_type == PT_DYNAMIC;
      if (used && !holds(segment.p_offset, segment.p_filesz)) return malformed("it is cut off");
      segments_.push_back(segment);
    }
    return {};
  }

  // Where in the file an address of the loaded image lies.
  std::optional<std::uint64_t> offset_of(std::uint64_t address) const {
    for (const Elf64_Phdr& each : segments_) {
      if (each.p_type != PT_LOAD || address < each.p_vaddr) continue;
      const std::uint64_t into = address - each.p_vaddr;
      if (into < each.p_filesz) return each.p_offset + into;
    }
    return std::nullopt;
  }

  Result<std::string> text_at(std::uint64_t offset) const {
    if (offset >= bytes_.size()) return malformed("a text lies outside of it");
    const std::string_view rest = bytes_.substr(offset, kLongestText);
    const std::size_t end = rest.find('\0');
    if (end == std::string_view::npos) return malformed("a text has no end");
    return std::string(rest.substr(0, end));
  }

  Status read_dynamic(const Elf64_Phdr& segment, Elf& out) const {
    std::vector<Elf64_Dyn> entries;
    std::optional<std::uint64_t> texts;
    const std::size_t count = segment.p_filesz / sizeof(Elf64_Dyn);
    for (std::size_t i = 0; i < std::min(count, kMostEntries); ++i) {
      Elf64_Dyn entry{};
      if (!get(segment.p_offset + i * sizeof(entry), entry)) return malformed("it is cut off");
      if (entry.d_tag == DT_NULL) break;
      if (entry.d_tag == DT_STRTAB) texts = offset_of(entry.d_un.d_ptr);
      entries.push_back(entry);
    }
    for (const Elf64_Dyn& entry : entries) {
      const bool path = entry.d_tag == DT_RPATH || entry.d_tag == DT_RUNPATH;
      if (!path && entry.d_tag != DT_NEEDED) continue;
      if (!texts || entry.d_un.d_val > bytes_.size()) return malformed("it has no texts");
      TRY(std::string text, text_at(*texts + entry.d_un.d_val));
      if (!path) {
        out.needed.push_back(std::move(text));
      } else {
        (entry.d_tag == DT_RPATH ? out.rpath : out.runpath) = split(text, ':');
      }
    }
    return {};
  }

  std::string_view bytes_;
  const std::string& path_;
  std::vector<Elf64_Phdr> segments_;
};

}  // namespace

Result<Elf> read_elf(std::string_view bytes, const std::string& path) {
  return Reader(bytes, path).read();
}

std::string stripped(std::string_view bytes, const Elf& elf) {
  std::string out(bytes.substr(0, elf.mapped));
  Elf64_Ehdr head{};
  std::memcpy(&head, out.data(), sizeof(head));
  // The program headers may lie behind what is mapped in files that were patched.
  if (head.e_phoff + std::uint64_t{head.e_phnum} * sizeof(Elf64_Phdr) > elf.mapped) {
    return std::string(bytes);
  }
  head.e_shoff = 0;
  head.e_shnum = 0;
  head.e_shstrndx = 0;
  std::memcpy(out.data(), &head, sizeof(head));
  return out;
}

}  // namespace kingpost::oci
