// SPDX-License-Identifier: Apache-2.0
// Tar archives and the documents of an image: equal in, equal out. The real tools look at them in
// tests/clients.
#include "engines/oci/image.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/digest.h"
#include "base/files.h"
#include "base/json.h"
#include "engines/oci/tar.h"
#include "support/step_harness.h"

namespace kingpost::oci {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class Written {
 public:
  Tar tar{[this](std::string_view bytes) {
    text += bytes;
    return Status();
  }};
  std::string text;
};

TEST(Tar, WritesWholeBlocks) {
  Written out;
  ASSERT_TRUE(out.tar.folder("opt", 0755));
  ASSERT_TRUE(out.tar.bytes("opt/made", 0644, "hello"));
  ASSERT_TRUE(out.tar.finish());
  ASSERT_EQ(out.text.size(), 512U * 5);
  EXPECT_EQ(out.text.substr(0, 5), std::string("opt/\0", 5));
  EXPECT_EQ(out.text[156], '5');
  const std::string head = out.text.substr(512, 512);
  EXPECT_EQ(head.substr(0, 9), std::string("opt/made\0", 9));
  EXPECT_EQ(head.substr(100, 8), std::string("0000644\0", 8));
  EXPECT_EQ(head.substr(124, 12), std::string("00000000005\0", 12));
  EXPECT_EQ(head.substr(136, 12), std::string("00000000000\0", 12));
  EXPECT_EQ(out.text.substr(1024, 6), std::string("hello\0", 6));
}

TEST(Tar, LongNamesGoIntoARecordOfTheirOwn) {
  Written out;
  const std::string name = format("{:a>120}/{:b>120}", "", "");
  ASSERT_TRUE(out.tar.bytes(name, 0644, ""));
  EXPECT_EQ(out.text[156], 'x');
  EXPECT_EQ(out.text.substr(512, 251), format("251 path={}\n", name));
  EXPECT_EQ(out.text[512 + 251], '\0');
}

TEST(Tar, RefusesNamesThatLeaveTheirFolder) {
  for (const char* name : {"", "/etc/passwd", "../a", "a/../b", "a//b", "a/", "."}) {
    Written out;
    const auto done = out.tar.bytes(name, 0644, "x");
    ASSERT_FALSE(done) << name;
    EXPECT_EQ(done.error().id(), "containerize.name_unfit");
    EXPECT_EQ(out.text, "");
  }
  Written out;
  EXPECT_FALSE(out.tar.bytes(std::string(5000, 'a'), 0644, "x"));
}

// /proc/self/status has no size, and yet bytes.
TEST(Tar, AFileThatGrowsIsNotWritten) {
  Written out;
  const auto done = out.tar.file("status", 0644, "/proc/self/status");
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().id(), "containerize.file_changed");
}

Image made_image(const std::string& folder) {
  Layer layer{"made", "", sha256_of("tar"), 4};
  layer.digest = sha256_of("gzip");
  EXPECT_TRUE(make_folders(parent_of(blob_path(folder, ""))));
  EXPECT_TRUE(write_file(blob_path(folder, layer.digest), "gzip"));
  Start start;
  start.user = "65532:65532";
  start.entrypoint = {"/bin/made", "--x"};
  start.labels = {{"a", "1"}, {"a", "2"}};
  start.ports = {"8080/tcp"};
  return make_image({layer}, start);
}

TEST(Image, SaysHowItIsStarted) {
  const test::TempFolder folder;
  const Image image = made_image(folder.path());
  const Json config = parse_json(image.config).value();
  EXPECT_EQ(config["config"]["User"].text(), "65532:65532");
  EXPECT_EQ(config["config"]["Entrypoint"].dump(), R"(["/bin/made","--x"])");
  EXPECT_EQ(config["config"]["Labels"].dump(), R"({"a":"2"})");
  EXPECT_EQ(config["config"]["StopSignal"].text(), "SIGTERM");
  const Json manifest = parse_json(image.manifest).value();
  EXPECT_EQ(manifest["config"]["digest"].text(), "sha256:" + image.config_digest());
  EXPECT_EQ(manifest["layers"].items()[0]["size"].integer(), 4);
  EXPECT_THAT(image.blobs(), ElementsAre(sha256_of("gzip"), image.config_digest()));
  EXPECT_EQ(made_image(folder.path()).digest(), image.digest());
}

TEST(Image, AnArchiveHasWhatBothKindsOfReadersLookFor) {
  const test::TempFolder folder;
  const Image image = made_image(folder.path());
  const Reference reference = parse_reference("team/late:3").value();
  ASSERT_TRUE(write_layout(image, reference, folder.path()));
  const Json index = parse_json(read_file(folder.path() + "/index.json").value()).value();
  const Json& entry = index["manifests"].items()[0];
  EXPECT_EQ(entry["digest"].text(), "sha256:" + image.digest());
  EXPECT_EQ(entry["annotations"]["org.opencontainers.image.ref.name"].text(), "3");
  const std::string path = folder.path() + "/a.tar";
  const auto write = [&](const std::string& to) {
    NewFile out(to);
    ASSERT_TRUE(write_archive(image, reference, folder.path(), out));
    ASSERT_TRUE(out.keep());
  };
  write(path);
  const std::string bytes = read_file(path).value();
  EXPECT_THAT(bytes, HasSubstr(R"("RepoTags":["team/late:3"])"));
  EXPECT_THAT(bytes, HasSubstr("imageLayoutVersion"));
  write(folder.path() + "/b.tar");
  EXPECT_EQ(read_file(folder.path() + "/b.tar").value(), bytes);
}

TEST(Image, AnArchiveIsThereWholeOrNotAtAll) {
  const test::TempFolder folder;
  const Image image = made_image(folder.path());
  const Reference reference = parse_reference("late").value();
  // A blob is missing.
  {
    NewFile out(folder.path() + "/a.tar");
    EXPECT_FALSE(write_archive(image, reference, folder.path(), out));
  }
  EXPECT_FALSE(exists(folder.path() + "/a.tar"));
}

}  // namespace
}  // namespace kingpost::oci
