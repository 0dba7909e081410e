// SPDX-License-Identifier: Apache-2.0
#include "steps/19_serve/batch.h"

#include <algorithm>

#include "steps/19_serve/classification.h"
#include "steps/19_serve/row_slices.h"

namespace kingpost::steps::serve {
namespace {

using records::InferResponse;
using records::InferTensor;

bool same_but_rows(const InferTensor& a, const InferTensor& b) {
  return std::equal(a.shape.begin() + 1, a.shape.end(), b.shape.begin() + 1, b.shape.end());
}

// Rows of a common answer, copied so that it can go.
InferTensor own_rows(const InferTensor& all, std::int64_t from, std::int64_t rows, Arena& arena) {
  InferTensor out = rows_of(all, from, rows, arena);
  out.name = arena.copy(all.name);
  const std::span<std::byte> data{arena.allocate(out.data.size(), alignof(std::max_align_t)),
                                  out.data.size()};
  std::copy(out.data.begin(), out.data.end(), data.begin());
  out.data = data;
  const std::span<std::string_view> texts = arena.array<std::string_view>(out.texts.size());
  std::transform(out.texts.begin(), out.texts.end(), texts.begin(),
                 [&](std::string_view text) { return arena.copy(text); });
  out.texts = texts;
  return out;
}

Status ask_together(std::span<Asked> asked, InferResponse& together) {
  const ServedModel& model = *asked[0].model;
  Arena& arena = together.arena;
  const std::size_t width = asked[0].question.inputs.size();
  const std::span<InferTensor> inputs = arena.array<InferTensor>(width);
  const std::span<const InferTensor*> parts = arena.array<const InferTensor*>(asked.size());
  for (std::size_t input = 0; input < width; ++input) {
    for (std::size_t i = 0; i < asked.size(); ++i) parts[i] = &asked[i].question.inputs[input];
    inputs[input] = joined(parts, arena);
  }
  const Question question{inputs, asked[0].question.outputs, inputs[0].shape[0]};
  return model.answer(question, together);
}

void hand_out(std::span<Asked> asked, const InferResponse& together) {
  std::int64_t from = 0;
  for (Asked& each : asked) {
    InferResponse& response = *each.response;
    response.model = response.arena.copy(together.model);
    response.version = response.arena.copy(together.version);
    for (const InferTensor& output : together.outputs) {
      response.outputs.push_back(own_rows(output, from, each.question.rows, response.arena));
    }
    from += each.question.rows;
  }
}

class Watch {
 public:
  // Since the last call.
  Nanos lap() {
    const auto now = Clock::now();
    return now - std::exchange(last_, now);
  }
  Clock::time_point started() const { return started_; }

 private:
  Clock::time_point started_ = Clock::now();
  Clock::time_point last_ = started_;
};

// Before classes take the place of values.
void keep(const Asked& asked) {
  const std::string_view id = asked.response->prediction_id;
  if (asked.log == nullptr || id.empty()) return;
  const auto latency = Clock::now() - asked.arrived;
  asked.log->add(*asked.model, id, asked.question, *asked.response,
                 std::chrono::duration_cast<std::chrono::microseconds>(latency).count());
}

Status finish(Asked& asked, const Phases& phases, Status outcome) {
  Statistics& statistics = asked.model->statistics();
  if (outcome) {
    asked.model->columns().add(asked.question, *asked.response);
    keep(asked);
    outcome = classify(*asked.request, asked.model->signature(), *asked.response);
  }
  const Nanos whole = Clock::now() - asked.arrived;
  if (outcome) {
    statistics.succeeded(whole, phases);
  } else {
    statistics.failed(whole, Failure::kBackend);
  }
  return outcome;
}

Status answer_alone(Asked& asked) {
  Watch watch;
  Phases phases;
  phases.queue = watch.started() - asked.arrived;
  Status outcome = asked.model->answer(asked.question, *asked.response);
  phases.infer = watch.lap();
  if (outcome) asked.model->statistics().executed(asked.question.rows, phases);
  return finish(asked, phases, std::move(outcome));
}

}  // namespace

bool may_join(const Asked& one, const Asked& other) {
  if (one.model != other.model || !one.model->by_rows()) return false;
  const Question& a = one.question;
  const Question& b = other.question;
  return std::equal(a.outputs.begin(), a.outputs.end(), b.outputs.begin(), b.outputs.end()) &&
         std::equal(a.inputs.begin(), a.inputs.end(), b.inputs.begin(), b.inputs.end(),
                    same_but_rows);
}

void answer_all(std::span<Asked> asked, std::span<Status> outcomes) {
  if (asked.size() > 1) {
    thread_local InferResponse together;
    together.clear();
    Watch watch;
    Phases phases;
    const bool done = ask_together(asked, together).has_value();
    phases.infer = watch.lap();
    if (done) {
      hand_out(asked, together);
      phases.output = watch.lap();
      std::int64_t rows = 0;
      for (const Asked& each : asked) rows += each.question.rows;
      asked[0].model->statistics().executed(rows, phases);
      for (std::size_t i = 0; i < asked.size(); ++i) {
        phases.queue = watch.started() - asked[i].arrived;
        outcomes[i] = finish(asked[i], phases, {});
      }
      return;
    }
  }
  for (std::size_t i = 0; i < asked.size(); ++i) outcomes[i] = answer_alone(asked[i]);
}

}  // namespace kingpost::steps::serve
