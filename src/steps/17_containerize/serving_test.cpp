// SPDX-License-Identifier: Apache-2.0
// What of the section `serve` an image can do, and what is said of the rest.
#include "steps/17_containerize/serving.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/text.h"
#include "steps/17_containerize/containerize.h"
#include "support/step_harness.h"

namespace kingpost::steps::containerize {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class ServingOfSection : public testing::Test {
 protected:
  Result<Serving> of(const std::string& yaml) {
    h.section("{}", spec(), "containerize");
    h.other_section(yaml, "serve");
    return serving_of(h.pipeline().at("serve"));
  }
  std::string words(const std::string& yaml) { return join(of(yaml)->words, " "); }

  test::StepHarness h;
};

TEST_F(ServingOfSection, IsTheImagesOwnWithoutASection) {
  const Serving none = serving_of(Node()).value();
  EXPECT_EQ(join(none.words, " "), "--address 0.0.0.0 --http 8080 --grpc 8081");
  EXPECT_EQ(none.words, Serving().words);
  EXPECT_EQ(none.ports, Serving().ports);
  EXPECT_THAT(none.notes, IsEmpty());
}

TEST_F(ServingOfSection, TakesWhatMeansTheSameEverywhere) {
  EXPECT_EQ(words("{http: 9000, threads: 2, batching: {max_rows: 7, max_delay: 1ms}, drain: 0}"),
            "--address 0.0.0.0 --http 9000 --grpc 8081 --threads 2 --batch-rows 7 "
            "--batch-delay 1ms --queue-rows 100000 --timeout 0 --drain 0 --busy-poll 50us");
  const Serving both = of("{http: 8081, grpc: 9001, address: 0.0.0.0, access_log: '-'}").value();
  EXPECT_THAT(both.ports, ElementsAre("8081/tcp", "9001/tcp"));
  EXPECT_THAT(both.notes, IsEmpty());
}

TEST_F(ServingOfSection, NamesPlacesForSecretsAndLogs) {
  const Serving made = of("{address: 10.0.0.1, api_keys: /home/me/keys, access_log: access.log, "
                          "tls: {certificate: c, key: /k}, log: {folder: ../logs}}")
                           .value();
  EXPECT_THAT(
      join(made.words, " "),
      HasSubstr("--drain 5s --busy-poll 50us --api-keys /run/secrets/api_keys --access-log - "
                "--tls-certificate /run/secrets/tls_certificate --tls-key "
                "/run/secrets/tls_key --request-log /var/log/kingpost --log-share 1"));
  for (const std::string& each : made.words) EXPECT_NE(each.substr(0, 5), "/home");
  EXPECT_THAT(made.notes, ElementsAre(HasSubstr("serve.address is of this machine"),
                                      HasSubstr("serve.api_keys is not copied"),
                                      HasSubstr("serve.access_log is standard output"),
                                      HasSubstr("serve.tls.certificate is not copied"),
                                      HasSubstr("mount the file at /run/secrets/tls_key"),
                                      HasSubstr("serve.log.folder is /var/log/kingpost")));
}

TEST_F(ServingOfSection, TakesTrustedKeysFromOutsideOfTheImage) {
  const Serving made = of("{trust: [team.pub, /k/other.pub]}").value();
  EXPECT_THAT(join(made.words, " "),
              HasSubstr("--trust /run/secrets/trust_1 --trust /run/secrets/trust_2"));
  EXPECT_THAT(made.notes, ElementsAre(HasSubstr("serve.trust.1 is not copied"),
                                      HasSubstr("mount the file at /run/secrets/trust_2")));
}

TEST_F(ServingOfSection, PortsMustBeToldApart) {
  for (const char* yaml : {"http: 0", "grpc: 0", "http: 8081", "{http: 5, grpc: 5}"}) {
    const auto made = of(yaml);
    ASSERT_FALSE(made) << yaml;
    EXPECT_EQ(made.error().id(), "containerize.ports_unfit");
    h.faults = Faults();
    h.check(check);
    EXPECT_THAT(test::fault_ids(h.faults), ElementsAre("containerize.ports_unfit"));
  }
}

}  // namespace
}  // namespace kingpost::steps::containerize
