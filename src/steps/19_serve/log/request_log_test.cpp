// SPDX-License-Identifier: Apache-2.0
#include "steps/19_serve/log/request_log.h"

#include <gtest/gtest.h>

#include <set>

#include "base/files.h"
#include "base/scratch.h"
#include "base/text.h"
#include "engines/onnx/graph.h"
#include "steps/19_serve/model.h"
#include "steps/19_serve/repository.h"

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

// Free dimensions: each request may be of another width, and ask for other outputs.
TEST(RequestLog, RowsOfAnyWidthAreKeptWithTheirOwnValues) {
  const auto folder = Scratch::make("request_log");
  onnx::Graph graph("copying");
  graph.output("b/../../c\n", graph.input("a", onnx::TensorType::kDouble));
  ASSERT_TRUE(write_file(folder->path() + "/copying.onnx", graph.bytes()));
  Repository repository;
  ASSERT_TRUE(repository.add({"x y", 1, folder->path() + "/copying.onnx"}));
  ASSERT_TRUE(repository.load_all());
  const auto model = repository.find("x y", {}).value();
  LogOptions options;
  options.folder = folder->path() + "/log";
  {
    const auto log = RequestLog::open(options).value();
    std::vector<double> values(6000);
    const auto add = [&](std::int64_t rows, std::int64_t width, std::string_view name) {
      const std::vector<std::int64_t> shape = {rows, width};
      const auto count = static_cast<std::size_t>(rows * width);
      const std::vector<records::InferTensor> inputs = {
          {"a",
           records::Datatype::kFp64,
           shape,
           std::as_bytes(std::span(values).first(count)),
           {}}};
      records::InferResponse answer;
      answer.outputs = inputs;
      answer.outputs[0].name = name;
      log->add(*model, log->next_id(), {inputs, {}, rows}, answer, 1);
    };
    for (const std::int64_t width : {2, 3, 1, 0, 3}) add(2, width, "b");
    add(2, 3, "b/../../c\n");
    EXPECT_EQ(log->rows(), 12U);
    add(1, 6000, "b");
    EXPECT_EQ(log->dropped(), 1U);
  }
  const std::vector<std::string> files = entries_of(options.folder);
  EXPECT_EQ(files.size(), 6U);
  for (const std::string& each : files) EXPECT_EQ(each.rfind("requests-x_y-1-", 0), 0U) << each;
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
