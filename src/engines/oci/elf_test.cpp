// SPDX-License-Identifier: Apache-2.0
// Programs and libraries: what they need as ldd says it, and broken ones in every length.
#include "engines/oci/elf.h"

#include <elf.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <memory>
#include <random>
#include <regex>

#include "base/files.h"
#include "base/library.h"
#include "engines/oci/closure.h"
#include "support/step_harness.h"

namespace kingpost::oci {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::string serve_program() {
  return program_folder() + "/kingpost-serve";
}

// A whole program that is small: a loader, one library, one folder to look into.
std::string made() {
  std::string texts("\0libmade.so.1\0$ORIGIN/lib:/opt/lib\0/lib64/ld.so\0", 48);
  std::string out(1024, '\0');
  const auto put = [&](std::size_t at, const auto& value) {
    std::memcpy(out.data() + at, &value, sizeof(value));
  };
  Elf64_Ehdr head{};
  std::memcpy(head.e_ident, ELFMAG, SELFMAG);
  head.e_ident[EI_CLASS] = ELFCLASS64;
  head.e_ident[EI_DATA] = ELFDATA2LSB;
  head.e_machine = EM_X86_64;
  head.e_phoff = sizeof(head);
  head.e_phentsize = sizeof(Elf64_Phdr);
  head.e_phnum = 3;
  head.e_shoff = 900;
  head.e_shnum = 1;
  put(0, head);
  Elf64_Phdr load{};
  load.p_type = PT_LOAD;
  load.p_vaddr = 0x10000;
  load.p_filesz = 700;
  Elf64_Phdr dynamic{};
  dynamic.p_type = PT_DYNAMIC;
  dynamic.p_offset = 400;
  dynamic.p_filesz = 4 * sizeof(Elf64_Dyn);
  Elf64_Phdr loader{};
  loader.p_type = PT_INTERP;
  loader.p_offset = 500 + 35;
  loader.p_filesz = 13;
  put(head.e_phoff, load);
  put(head.e_phoff + sizeof(load), dynamic);
  put(head.e_phoff + 2 * sizeof(load), loader);
  const std::array<Elf64_Dyn, 4> table{
      {{DT_NEEDED, {1}}, {DT_RUNPATH, {14}}, {DT_STRTAB, {0x10000 + 500}}, {DT_NULL, {0}}}};
  put(400, table);
  std::copy(texts.begin(), texts.end(), out.begin() + 500);
  return out;
}

TEST(Elf, TellsWhatAProgramNeeds) {
  const auto elf = read_elf(made(), "made");
  ASSERT_TRUE(elf) << elf.error().what();
  EXPECT_THAT(elf->needed, ElementsAre("libmade.so.1"));
  EXPECT_THAT(elf->runpath, ElementsAre("$ORIGIN/lib", "/opt/lib"));
  EXPECT_THAT(elf->rpath, IsEmpty());
  EXPECT_EQ(elf->interpreter, "/lib64/ld.so");
  EXPECT_EQ(elf->mapped, 700U);
  const std::string small = stripped(made(), *elf);
  EXPECT_EQ(small.size(), 700U);
  EXPECT_EQ(read_elf(small, "small")->needed, elf->needed);
}

TEST(Elf, ShortAndForeignFilesAreRefused) {
  const std::string whole = made();
  for (std::size_t size = 0; size < 700; ++size) {
    const auto elf = read_elf(std::string_view(whole).substr(0, size), "cut");
    ASSERT_FALSE(elf) << size;
    EXPECT_EQ(elf.error().id(), "containerize.elf_malformed");
  }
  EXPECT_FALSE(read_elf("#!/bin/sh\n" + std::string(2000, ' '), "script"));
  std::string other = whole;
  other[EI_CLASS] = ELFCLASS32;
  EXPECT_THAT(read_elf(other, "old").error().what(), HasSubstr("another machine"));
}

// Whatever a byte is changed to, the answer is a value or an error; the sanitizers watch.
TEST(Elf, BytesOfAnyKindAreBorne) {
  std::mt19937 chance(5);  // NOLINT(bugprone-random-generator-seed): the same bytes every time
  const std::string whole = made();
  int taken = 0;
  for (int i = 0; i < 20'000; ++i) {
    std::string broken = whole;
    for (int k = 0; k < 4; ++k) broken[chance() % 560] = static_cast<char>(chance());
    const auto elf = read_elf(broken, "broken");
    if (!elf) continue;
    ++taken;
    EXPECT_LE(stripped(broken, *elf).size(), broken.size());
  }
  EXPECT_GT(taken, 0);
}

// What ldd says, but for the part of the kernel that is no file.
std::map<std::string, std::string> by_ldd(const std::string& program) {
  std::map<std::string, std::string> out;
  const std::string command = "env -u LD_LIBRARY_PATH ldd '" + program + "'";
  // NOLINTNEXTLINE(bugprone-command-processor): the program's path is that of the build
  const std::unique_ptr<FILE, int (*)(FILE*)> pipe(::popen(command.c_str(), "r"), ::pclose);
  std::array<char, 1024> line{};
  const std::regex row(R"(\s*(\S+) => (\S+) \(.*\n?)");
  while (std::fgets(line.data(), line.size(), pipe.get()) != nullptr) {
    std::cmatch match;
    if (!std::regex_match(line.data(), match, row)) continue;
    out[match[1]] = std::filesystem::canonical(match[2].str()).string();
  }
  return out;
}

TEST(Closure, IsWhatLddSays) {
  const auto expected = by_ldd(serve_program());
  ASSERT_FALSE(expected.empty());
  const auto closure = closure_of({serve_program()}, library_folders());
  ASSERT_TRUE(closure) << closure.error().what();
  EXPECT_EQ(closure->libraries, expected);
  EXPECT_EQ(closure->interpreter, "/lib64/ld-linux-x86-64.so.2");
}

TEST(Closure, NamesWhoMissesWhat) {
  const test::TempFolder folder;
  const std::string program = folder.write("made", made());
  const auto closure = closure_of({program}, {});
  ASSERT_FALSE(closure);
  EXPECT_EQ(closure.error().id(), "containerize.library_missing");
  EXPECT_THAT(closure.error().what(), HasSubstr("libmade.so.1"));
  folder.write("lib/libmade.so.1", "another machine's");
  EXPECT_FALSE(closure_of({program}, {}));
  std::string library = made();
  // It asks for itself, which is no reason to go on for ever.
  folder.write("lib/libmade.so.1", library);
  const auto found = closure_of({program}, {});
  ASSERT_TRUE(found);
  EXPECT_EQ(found->libraries.at("libmade.so.1"), folder.path() + "/lib/libmade.so.1");
}

TEST(Closure, FoldersComeFromTheConfiguration) {
  const test::TempFolder folder;
  folder.write("conf.d/b.conf", "/second # why\n/first\n");
  folder.write("conf.d/a.conf", "/first\nrelative\n");
  const std::string path =
      folder.write("ld.so.conf", "include conf.d/*.conf\ninclude ld.so.conf\n");
  const auto folders = library_folders(path);
  ASSERT_GE(folders.size(), 2U);
  EXPECT_EQ(folders[0], "/first");
  EXPECT_EQ(folders[1], "/second");
  EXPECT_THAT(folders, Contains("/usr/lib/x86_64-linux-gnu"));
  EXPECT_FALSE(library_folders(folder.path() + "/none").empty());
}

}  // namespace
}  // namespace kingpost::oci
