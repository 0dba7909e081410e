// SPDX-License-Identifier: Apache-2.0
#include "steps/19_serve/describe.h"

#include <gtest/gtest.h>

#include "base/files.h"
#include "base/scratch.h"
#include "engines/onnx/graph.h"

namespace kingpost::steps::serve {
namespace {

using onnx::TensorType;

class Describe : public testing::Test {
 protected:
  void SetUp() override {
    onnx::Graph graph("pair");
    const auto scores = graph.input("scores", TensorType::kFloat, 28);
    const auto place = graph.input("place", TensorType::kString);
    graph.output("same", graph.node("Identity", {scores}, TensorType::kFloat), 28);
    graph.output("label", graph.node("Identity", {place}, TensorType::kString));
    const std::string path = folder_->path() + "/pair.onnx";
    ASSERT_TRUE(write_file(path, graph.bytes()));
    for (const std::int64_t version : {1, 3}) {
      ASSERT_TRUE(repository.add({"pair", version, path}));
    }
    ASSERT_TRUE(repository.load_all());
  }

  Repository repository;

 private:
  Result<Scratch> folder_ = Scratch::make("describe_test");
};

TEST_F(Describe, Metadata) {
  const auto model = *repository.find("pair", "");
  EXPECT_EQ(metadata_of(*model, repository.answering("pair")).dump(),
            R"({"name":"pair","versions":["1","3"],"platform":"onnxruntime_onnx","inputs":[)"
            R"({"name":"scores","datatype":"FP32","shape":[-1,28]},)"
            R"({"name":"place","datatype":"BYTES","shape":[-1,1]}],"outputs":[)"
            R"({"name":"same","datatype":"FP32","shape":[-1,28]},)"
            R"({"name":"label","datatype":"BYTES","shape":[-1,1]}]})");
}

TEST_F(Describe, Config) {
  const Json config = config_of(**repository.find("pair", ""), 256);
  EXPECT_EQ(config["max_batch_size"].integer(), 256);
  EXPECT_EQ(config["input"].dump(), R"([{"name":"scores","data_type":"TYPE_FP32","dims":[28]},)"
                                    R"({"name":"place","data_type":"TYPE_STRING","dims":[1]}])");
  EXPECT_EQ(config["version_policy"].dump(), R"({"latest":{"num_versions":1}})");
  EXPECT_TRUE(config.has("dynamic_batching"));
}

TEST_F(Describe, StatisticsCountWhatWasDone) {
  const auto model = *repository.find("pair", "3");
  Phases phases;
  phases.queue = Nanos(5);
  phases.infer = Nanos(70);
  model->statistics().executed(2, phases);
  model->statistics().succeeded(Nanos(100), phases);
  model->statistics().failed(Nanos(9), Failure::kOther);
  const Json all = statistics_of(repository.answering());
  ASSERT_EQ(all["model_stats"].items().size(), 2U);
  EXPECT_EQ(all["model_stats"].items()[0]["inference_count"].integer(), 0);
  const Json& stats = all["model_stats"].items()[1];
  EXPECT_EQ(stats["version"].text(), "3");
  EXPECT_EQ(stats["inference_count"].integer(), 2);
  EXPECT_EQ(stats["execution_count"].integer(), 1);
  EXPECT_GT(stats["last_inference"].integer(), 1'600'000'000'000);
  EXPECT_EQ(
      stats["inference_stats"].dump(),
      R"({"success":{"count":1,"ns":100},"fail":{"count":1,"ns":9},"queue":{"count":1,"ns":5},)"
      R"("compute_input":{"count":1,"ns":0},"compute_infer":{"count":1,"ns":70},)"
      R"("compute_output":{"count":1,"ns":0},"cache_hit":{"count":0,"ns":0},)"
      R"("cache_miss":{"count":0,"ns":0}})");
  EXPECT_EQ(stats["batch_stats"].dump(),
            R"([{"batch_size":2,"compute_input":{"count":1,"ns":0},)"
            R"("compute_infer":{"count":1,"ns":70},"compute_output":{"count":1,"ns":0}}])");
}

TEST_F(Describe, Index) {
  ASSERT_TRUE(repository.unload("pair"));
  EXPECT_EQ(index_of(repository.index(false)).dump(),
            R"([{"name":"pair","version":"1","state":"UNAVAILABLE","reason":"unloaded"},)"
            R"({"name":"pair","version":"3","state":"UNAVAILABLE","reason":"unloaded"}])");
  ASSERT_TRUE(repository.load("pair"));
  EXPECT_EQ(index_of(repository.index(true)).items()[0].dump(),
            R"({"name":"pair","version":"1","state":"READY"})");
}

}  // namespace
}  // namespace kingpost::steps::serve
