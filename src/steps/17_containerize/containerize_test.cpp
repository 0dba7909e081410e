// SPDX-License-Identifier: Apache-2.0
// Step 17: equal inputs give equal images, a new model brings one new layer, and what is refused.
#include "steps/17_containerize/containerize.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "base/digest.h"
#include "base/files.h"
#include "steps/17_containerize/packages.h"
#include "support/step_harness.h"

namespace kingpost::steps::containerize {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

class ContainerizeStep : public testing::Test {
 protected:
  void SetUp() override {
    here = programs_here().value();
    // What is tested here does not hang on the largest library.
    here.runtime = here.serve;
  }

  std::string bundle_folder(const std::string& name, const std::string& text) const {
    h.folder.write(name + "/card.md", text);
    h.folder.write(name + "/SHA256SUMS", bundle_sums({{"card.md", sha256_of(text), ""}}));
    return h.folder.path() + "/" + name;
  }

  Result<Built> build(const std::string& bundle, const std::string& layout,
                      const std::string& model = "late") const {
    TRY(const Bundle opened, Bundle::in_folder(bundle));
    TRY(const Request request, request_of(Node(), model, 3));
    return build_image(opened, request, here, h.folder.path() + "/" + layout);
  }

  std::vector<std::string> refused(const std::string& yaml) {
    h.faults = Faults();
    h.section(yaml, spec(), "containerize");
    h.check(check);
    return test::fault_ids(h.faults);
  }

  test::StepHarness h;
  Programs here;
};

TEST_F(ContainerizeStep, EqualInputsGiveEqualImages) {
  const auto first = build(bundle_folder("one", "a model"), "first");
  ASSERT_TRUE(first) << render(first.error());
  const auto second = build(bundle_folder("two", "a model"), "second");
  EXPECT_EQ(second->image.digest(), first->image.digest());
  EXPECT_EQ(second->lock.dump(), first->lock.dump());
  ASSERT_THAT(first->image.layers, SizeIs(4));
  for (const oci::Layer& each : first->image.layers) {
    const std::string path = oci::blob_path(h.folder.path() + "/first", each.digest);
    EXPECT_EQ(sha256_of_file(path).value(), each.digest);
  }
  EXPECT_EQ(first->lock["ref"].text(), "kingpost/late:3");
}

TEST_F(ContainerizeStep, ANewModelBringsOneNewLayer) {
  const auto first = build(bundle_folder("one", "a model"), "first");
  const auto second = build(bundle_folder("two", "another"), "second");
  ASSERT_TRUE(first && second);
  const auto& a = first->image.layers;
  const auto& b = second->image.layers;
  for (std::size_t i = 0; i < 3; ++i) EXPECT_EQ(a[i].digest, b[i].digest);
  EXPECT_NE(a[3].digest, b[3].digest);
  EXPECT_NE(first->image.digest(), second->image.digest());
}

TEST_F(ContainerizeStep, DamagedBundlesAndOddNamesAreRefused) {
  const std::string folder = bundle_folder("one", "a model");
  h.folder.write("one/card.md", "others");
  EXPECT_EQ(build(folder, "out").error().id(), "bundle.damaged");
  const std::string good = bundle_folder("two", "a model");
  for (const char* name : {"", "..", ".hidden", "-x", "a b", "a=b", "a/b", "\xC3\xA4"}) {
    const auto built = build(good, "out", name);
    ASSERT_FALSE(built) << name;
    EXPECT_EQ(built.error().id(), "containerize.name_unfit");
  }
}

TEST_F(ContainerizeStep, LinksAreNotFollowed) {
  const std::string folder = bundle_folder("one", "a model");
  const Bundle bundle = Bundle::in_folder(folder).value();
  EXPECT_TRUE(check_links(bundle, folder));
  h.folder.write("elsewhere", "a model");
  std::filesystem::remove(folder + "/card.md");
  std::filesystem::create_symlink(h.folder.path() + "/elsewhere", folder + "/card.md");
  const auto checked = check_links(bundle, folder);
  ASSERT_FALSE(checked);
  EXPECT_EQ(checked.error().id(), "containerize.link_refused");
}

TEST_F(ContainerizeStep, ProgramsThatAreMissingAreNamed) {
  const std::string bundle = bundle_folder("one", "a model");
  here.serve = h.folder.path() + "/kingpost-serve";
  EXPECT_EQ(build(bundle, "out").error().id(), "file.not_found");
  h.folder.write("kingpost-serve", "#!/bin/sh\n");
  EXPECT_EQ(build(bundle, "out").error().id(), "containerize.elf_malformed");
}

TEST_F(ContainerizeStep, TheSectionIsChecked) {
  EXPECT_THAT(refused("{ref: registry.local/late, user: 1000, labels: {team: ops}}"), IsEmpty());
  EXPECT_THAT(refused("{}"), IsEmpty());
  EXPECT_THAT(refused("ref: ../late"), ElementsAre("containerize.ref_malformed"));
  EXPECT_THAT(refused("user: 0"), ElementsAre("containerize.out_of_range"));
  EXPECT_THAT(refused("base: scratch"), ElementsAre("containerize.unknown_key"));
}

TEST_F(ContainerizeStep, TheSectionNamesTheImage) {
  const Node& node =
      h.section("{ref: registry.local:5000/late, user: 7, labels: {team: ops}}", spec(), "x");
  const Request request = request_of(node, "late", 3).value();
  EXPECT_EQ(request.reference.text, "registry.local:5000/late:3");
  EXPECT_EQ(request.user, 7);
  ASSERT_THAT(request.labels, SizeIs(1));
  EXPECT_EQ(request_of(node, "late", 3, "other:x")->reference.text, "other:x");
  const Node& fixed = h.section("ref: late:stable", spec(), "x");
  EXPECT_EQ(request_of(fixed, "late", 3)->reference.text, "late:stable");
}

TEST_F(ContainerizeStep, SystemFilesAreWhatPeopleLookFor) {
  const auto files = system_files(here, 7);
  ASSERT_TRUE(files);
  const auto& entries = files->contents.entries();
  EXPECT_EQ(entries.at("tmp").mode, 01777);
  EXPECT_THAT(entries.at("etc/passwd").content, HasSubstr("kingpost:x:7:7:"));
  for (const char* name :
       {"lib64/ld-linux-x86-64.so.2", "usr/lib/x86_64-linux-gnu/libc.so.6",
        "usr/lib/x86_64-linux-gnu/libnss_dns.so.2", "etc/nsswitch.conf", "proc"}) {
    EXPECT_EQ(entries.count(name), 1U) << name;
  }
  EXPECT_EQ(system_files(here, 7)->contents.digest().value(), files->contents.digest().value());
  EXPECT_NE(system_files(here, 8)->contents.digest().value(), files->contents.digest().value());
}

TEST(Packages, ComeFromDpkgsRecords) {
  const test::TempFolder folder;
  folder.write("info/libmade1:amd64.list", "/.\n/lib\n/lib/libmade.so.1\n");
  folder.write("info/other.list", "/usr/bin/other\n");
  folder.write("info/zones.list", "/usr/share/zones\n");
  folder.write("status",
               "Package: libmade1\nVersion: 1:2-3\n\nPackage: other\nVersion: 4\n\n"
               "Package: zones\nStatus: install ok installed\nVersion: 5\n");
  const auto found =
      packages_of({"/usr/lib/libmade.so.1", "/usr/share/zones", "/opt/own"}, folder.path());
  EXPECT_EQ(to_json(found).dump(),
            R"([{"name":"libmade1","version":"1:2-3"},{"name":"zones","version":"5"}])");
  EXPECT_THAT(packages_of({"/usr/lib/x"}, folder.path() + "/none"), IsEmpty());
}

}  // namespace
}  // namespace kingpost::steps::containerize
