// SPDX-License-Identifier: Apache-2.0
#include "steps/19_serve/log/request_log.h"

#include <gtest/gtest.h>

#include <set>

#include "base/files.h"
#include "base/scratch.h"
#include "base/text.h"

namespace kingpost::steps::serve {
namespace {

TEST(RequestLog, EvenlySharedIds) {
  const auto folder = Scratch::make("request_log");
  LogOptions options;
  options.folder = folder->path();
  options.share = 0.25;
  const auto log = RequestLog::open(options).value();
  std::set<std::string> ids;
  for (int i = 0; i < 1000; ++i) {
    const std::string id = log->next_id();
    if (!id.empty()) ids.insert(id);
  }
  EXPECT_EQ(ids.size(), 250U);
}

TEST(RequestLog, LabelsAreKeptUnlessTooMuchWaits) {
  const auto folder = Scratch::make("request_log");
  LogOptions options;
  options.folder = folder->path() + "/new";
  {
    const auto log = RequestLog::open(options).value();
    EXPECT_TRUE(log->add_label("{\"label\":1}"));
  }
  const std::vector<std::string> files = entries_of(options.folder);
  ASSERT_EQ(files.size(), 1U);
  EXPECT_EQ(read_file(options.folder + "/" + files[0]).value(), "{\"label\":1}\n");
  options.queue_bytes = 100;
  const auto small = RequestLog::open(options).value();
  EXPECT_EQ(small->add_label("{}").error().id(), "serve.log_full");
}

}  // namespace
}  // namespace kingpost::steps::serve
