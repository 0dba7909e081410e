// SPDX-License-Identifier: Apache-2.0
// The section `serve` as options of kingpost-serve.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/text.h"
#include "steps/19_serve/serve.h"
#include "steps/serve_options.h"
#include "support/step_harness.h"

namespace kingpost::steps::serve {
namespace {

std::string words_of(const std::string& yaml) {
  test::StepHarness h;
  std::vector<std::string> out;
  for (const ServeOption& each : serve_options(h.section(yaml, spec(), "serve"))) {
    out.push_back(format("{}{}={}", each.is_said ? "" : "(", each.name, each.value));
  }
  EXPECT_TRUE(h.faults.errors().empty());
  return join(out, " ");
}

TEST(ServeSpec, EveryKeyIsAnOption) {
  EXPECT_EQ(words_of("{address: ::1, http: 80, grpc: 81, threads: 2, queue_rows: 9, drain: 1s, "
                     "busy_poll: 7us, "
                     "timeout: 20ms, batching: {max_rows: 3, max_delay: 5ms}, access_log: a, "
                     "api_keys: b, tls: {certificate: c, key: d, client_authorities: e}, "
                     "log: {folder: f, share: 0.5, bytes: 10, time: 1m}, trust: [x.pub, y.pub]}"),
            "--address=::1 --http=80 --grpc=81 --threads=2 --batch-rows=3 --batch-delay=5ms "
            "--queue-rows=9 --timeout=20ms --drain=1s --busy-poll=7us --api-keys=b --access-log=a "
            "--tls-certificate=c --tls-key=d --tls-client-authorities=e --request-log=f "
            "--log-share=0.5 --log-bytes=10 --log-time=1m --trust=x.pub --trust=y.pub");
}

TEST(ServeSpec, DefaultsAreNotSaid) {
  EXPECT_THAT(words_of("{http: 81}"), testing::StartsWith("(--address=127.0.0.1 --http=81 "));
  EXPECT_TRUE(serve_options(Node()).empty());
}

}  // namespace
}  // namespace kingpost::steps::serve
