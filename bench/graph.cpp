// SPDX-License-Identifier: Apache-2.0
// MODEL ROWS: how long a graph takes by columns and by ONNX Runtime alone, in process and on one
// thread, in turn. ROWS is a Parquet file with the model's columns. Prints one JSON object, seconds
// of a call by "ENGINE ROWS".
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <vector>

#include "base/files.h"
#include "base/json.h"
#include "base/scratch.h"
#include "base/text.h"
#include "engines/onnx/runtime.h"
#include "engines/sql/session.h"

namespace kingpost {
namespace {

using onnx::Engine;
using onnx::Model;
using records::Batch;
using records::Tensor;
using Timer = std::chrono::steady_clock;

constexpr std::int64_t kMostRows = 5120;

Result<Batch> rows_of(const std::string& path) {
  TRY(const Scratch folder, Scratch::make("bench"));
  TRY(const auto session, sql::Session::open({"", 0, folder.path()}));
  Batch out;
  TRY_STATUS(session->stream(
      format("SELECT * FROM '{}' ORDER BY ALL LIMIT {}", path, kMostRows), [&](Batch& batch) {
        out = std::move(batch);
        return Status();
      }));
  return out;
}

// Seconds of a call of so many rows: the least of some rounds, each over all of the rows.
Result<double> time_of(const Model& model, const Batch& batch, std::int64_t rows) {
  std::vector<Tensor> room;
  model.make_room(batch.rows, room);
  double least = 1e9;
  for (int round = 0; round < 7; ++round) {
    std::int64_t calls = 0;
    const auto start = Timer::now();
    do {
      for (std::int64_t from = 0; from + rows <= batch.rows; from += rows, ++calls) {
        TRY_STATUS(model.run_into(batch, from, rows, room));
      }
    } while (Timer::now() - start < std::chrono::milliseconds(100));
    const std::chrono::duration<double> taken = Timer::now() - start;
    least = std::min(least, taken.count() / static_cast<double>(calls));
  }
  return least;
}

Result<Json> measure(const std::string& model_path, const std::string& rows_path) {
  TRY(const std::string bytes, read_file(model_path));
  TRY(const Batch batch, rows_of(rows_path));
  TRY(const auto columns, Model::load(bytes));
  TRY(const auto runtime, Model::load(bytes, onnx::kRowsAtOnce, Engine::kRuntime));
  Json out = Json::object();
  for (const std::int64_t rows : {std::int64_t{1}, std::int64_t{100}, batch.rows}) {
    TRY(const double ours, time_of(*columns, batch, rows));
    TRY(const double theirs, time_of(*runtime, batch, rows));
    out.set(format("columns {}", rows), ours).set(format("runtime {}", rows), theirs);
  }
  return out;
}

}  // namespace
}  // namespace kingpost

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fputs("usage: kingpost_bench_graph MODEL ROWS\n", stderr);
    return 2;
  }
  const auto measured = kingpost::measure(argv[1], argv[2]);
  if (!measured) {
    std::fputs(kingpost::render(measured.error()).c_str(), stderr);
    return 1;
  }
  std::puts(measured->dump().c_str());
  return 0;
}
