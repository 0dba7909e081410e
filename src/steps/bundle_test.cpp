// SPDX-License-Identifier: Apache-2.0
// Bundles in the store and in folders: whole, damaged, hostile.
#include "steps/bundle.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/digest.h"
#include "base/files.h"
#include "support/step_harness.h"

namespace kingpost::steps {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class Bundles : public testing::Test {
 protected:
  void SetUp() override {
    auto opened = store::Objects::open(folder.path() + "/store", folder.path() + "/store/objects");
    ASSERT_TRUE(opened);
    objects = std::make_unique<store::Objects>(std::move(opened).value());
  }

  // Seals a bundle of two files and answers its digest.
  std::string sealed() {
    std::vector<Bundle::File> files;
    files.push_back({"native/model.txt", objects->seal_text("tree\n")->digest, ""});
    files.push_back({"facts.json", objects->seal_text("{\"rows\": 3}")->digest, ""});
    return objects->seal_text(bundle_sums(std::move(files)))->digest;
  }

  std::string write(const std::string& sums, const std::string& name = "made") {
    folder.write(name + "/SHA256SUMS", sums);
    return folder.path() + "/" + name;
  }

  std::string refusal(const std::string& sums) {
    const auto bundle = Bundle::in_folder(write(sums));
    if (bundle) return "taken";
    EXPECT_EQ(bundle.error().id(), "bundle.not_one");
    return bundle.error().what();
  }

  static std::vector<std::string> names_of(const Bundle& bundle) {
    std::vector<std::string> out;
    for (const Bundle::File& file : bundle.files()) out.push_back(file.name);
    return out;
  }

  test::TempFolder folder;
  std::unique_ptr<store::Objects> objects;
};

TEST_F(Bundles, GoFromTheStoreToAFolderAndStayTheSame) {
  const std::string digest = sealed();
  const auto stored = Bundle::in_store(*objects, digest);
  ASSERT_TRUE(stored);
  EXPECT_EQ(stored->digest(), digest);
  EXPECT_THAT(names_of(*stored), ElementsAre("facts.json", "native/model.txt"));
  EXPECT_EQ(stored->json("facts.json")->operator[]("rows").integer(), 3);
  const std::string target = folder.path() + "/deep/er/bundle";
  ASSERT_TRUE(stored->write_to(target + "/"));
  EXPECT_THAT(entries_of(target), ElementsAre("SHA256SUMS", "facts.json", "native"));
  EXPECT_THAT(entries_of(parent_of(target)), ElementsAre("bundle"));
  const auto again = Bundle::in_folder(target);
  ASSERT_TRUE(again);
  EXPECT_EQ(again->digest(), digest);
  EXPECT_EQ(*again->bytes("native/model.txt"), "tree\n");
  EXPECT_TRUE(again->verify());
}

TEST_F(Bundles, ANewFolderIsNotWrittenOverAnother) {
  const auto bundle = Bundle::in_store(*objects, sealed());
  folder.write("full/file", "mine");
  const std::string full = folder.path() + "/full";
  EXPECT_EQ(bundle->write_to(full).error().id(), "bundle.folder_taken");
  EXPECT_EQ(bundle->write_to(full + "/file").error().id(), "bundle.folder_taken");
  EXPECT_EQ(*read_file(full + "/file"), "mine");
  EXPECT_TRUE(make_folders(folder.path() + "/empty"));
  EXPECT_TRUE(bundle->write_to(folder.path() + "/empty"));
}

TEST_F(Bundles, NothingIsLeftOfABundleThatCannotBeWrittenWhole) {
  const auto bundle = Bundle::in_store(*objects, sealed());
  ASSERT_TRUE(remove_file(bundle->find("native/model.txt")->path));
  const std::string target = folder.path() + "/out/bundle";
  EXPECT_EQ(bundle->write_to(target).error().id(), "bundle.damaged");
  EXPECT_THAT(entries_of(folder.path() + "/out"), ElementsAre());
}

TEST_F(Bundles, DamageIsFound) {
  const std::string target = folder.path() + "/bundle";
  ASSERT_TRUE(Bundle::in_store(*objects, sealed())->write_to(target));
  folder.write("bundle/facts.json", "{\"rows\": 4}");
  const auto changed = Bundle::in_folder(target);
  ASSERT_TRUE(changed);
  EXPECT_EQ(changed->bytes("facts.json").error().id(), "bundle.damaged");
  EXPECT_EQ(changed->json("facts.json").error().id(), "bundle.damaged");
  EXPECT_EQ(changed->verify().error().id(), "bundle.damaged");
  EXPECT_TRUE(changed->bytes("native/model.txt"));
  EXPECT_EQ(changed->json("native/model.txt").error().id(), "bundle.damaged");
  const auto missing = changed->bytes("fact.json");
  EXPECT_EQ(missing.error().id(), "bundle.file_missing");
  EXPECT_THAT(missing.error().hint(), HasSubstr("facts.json"));
  ASSERT_TRUE(remove_file(target + "/facts.json"));
  EXPECT_EQ(Bundle::in_folder(target).error().id(), "bundle.damaged");
}

TEST_F(Bundles, WhatIsNoBundleIsRefused) {
  EXPECT_EQ(Bundle::in_folder(folder.path() + "/none").error().id(), "bundle.not_one");
  EXPECT_EQ(Bundle::in_folder(folder.path()).error().id(), "bundle.not_one");
  EXPECT_EQ(Bundle::in_store(*objects, sha256_of("x")).error().id(), "store.object_missing");
  EXPECT_EQ(Bundle::in_store(*objects, objects->seal_text("words\n")->digest).error().id(),
            "bundle.not_one");
  const std::string digest = sha256_of("");
  EXPECT_THAT(refusal(""), HasSubstr("empty or cut off"));
  EXPECT_THAT(refusal(digest + "  a"), HasSubstr("empty or cut off"));
  EXPECT_THAT(refusal(digest + "  \n"), HasSubstr("is no line"));
  EXPECT_THAT(refusal(digest + " *a\n"), HasSubstr("is no line"));
  EXPECT_THAT(refusal("A" + digest.substr(1) + "  a\n"), HasSubstr("is no line"));
  EXPECT_THAT(refusal(digest + "  b\n" + digest + "  a\n"), HasSubstr("out of order"));
  EXPECT_THAT(refusal(digest + "  a\n" + digest + "  a\n"), HasSubstr("out of order"));
  for (const char* name : {"../a", "/etc/passwd", "a/../../b", "a//b", "./a", "a/", "a\\b", "a\tb",
                           "SHA256SUMS", "\xFF"}) {
    EXPECT_THAT(refusal(digest + "  " + name + "\n"), HasSubstr("may not name")) << name;
  }
}

}  // namespace
}  // namespace kingpost::steps
