// SPDX-License-Identifier: Apache-2.0
#include "steps/19_serve/metrics.h"

#include <sys/resource.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <functional>

#include "base/files.h"
#include "base/text.h"
#include "base/version.h"
#include "protocols/prometheus/exposition.h"

namespace kingpost::steps::serve {
namespace {

using prometheus_text::Buckets;
using prometheus_text::Exposition;
using prometheus_text::Labels;
using Models = std::vector<Repository::Model>;

constexpr double kMicros = 1e-3;
constexpr double kSeconds = 1e-9;

double number(std::uint64_t count) {
  return static_cast<double>(count);
}

Labels labels_of(const ServedModel& model) {
  return {{"model", model.name()}, {"version", model.version()}};
}

Labels with(Labels labels, std::string name, std::string value) {
  labels.emplace_back(std::move(name), std::move(value));
  return labels;
}

using Reader = std::function<double(const Statistics&)>;

void add_all(Exposition& out, const Models& models, const Reader& read) {
  for (const auto& model : models) out.add(labels_of(*model), read(model->statistics()));
}

double micros_of(DurationCount duration) {
  return number(duration.ns) * kMicros;
}

// https://docs.nvidia.com/deeplearning/triton-inference-server, "Metrics".
void add_tritons(Exposition& out, const Models& models) {
  struct Row {
    std::string_view name;
    std::string_view help;
    Reader read;
  };
  const std::array<Row, 7> rows = {{
      {"nv_inference_request_success", "Number of successful inference requests, all batch sizes",
       [](const Statistics& s) { return number(s.whole().total().count); }},
      {"nv_inference_count", "Number of inferences performed (does not include cached requests)",
       [](const Statistics& s) { return number(s.rows()); }},
      {"nv_inference_exec_count",
       "Number of model executions performed (does not include cached requests)",
       [](const Statistics& s) { return number(s.executions()); }},
      {"nv_inference_request_duration_us",
       "Cumulative inference request duration in microseconds (includes cached requests)",
       [](const Statistics& s) { return micros_of(s.whole().total()); }},
      {"nv_inference_queue_duration_us",
       "Cumulative inference queuing duration in microseconds (includes cached requests)",
       [](const Statistics& s) { return micros_of(s.queue().total()); }},
      {"nv_inference_compute_input_duration_us",
       "Cumulative compute input duration in microseconds (does not include cached requests)",
       [](const Statistics& s) { return micros_of(s.input().total()); }},
      {"nv_inference_compute_output_duration_us",
       "Cumulative inference compute output duration in microseconds (does not include cached "
       "requests)",
       [](const Statistics& s) { return micros_of(s.output().total()); }},
  }};
  for (const Row& each : rows) {
    out.counters(each.name, each.help);
    add_all(out, models, each.read);
  }
  out.counters("nv_inference_compute_infer_duration_us",
               "Cumulative compute inference duration in microseconds (does not include cached "
               "requests)");
  add_all(out, models, [](const Statistics& s) { return micros_of(s.infer().total()); });
  out.counters("nv_inference_request_failure",
               "Number of failed inference requests, all batch sizes");
  constexpr std::array<std::string_view, kFailures> kReasons = {"REJECTED", "CANCELED", "BACKEND",
                                                                "OTHER"};
  for (const auto& model : models) {
    for (std::size_t i = 0; i < kReasons.size(); ++i) {
      out.add(with(labels_of(*model), "reason", std::string(kReasons[i])),
              number(model->statistics().failures(static_cast<Failure>(i))));
    }
  }
  out.gauges("nv_inference_pending_request_count",
             "Instantaneous number of pending requests awaiting execution per-model.");
  add_all(out, models, [](const Statistics& s) { return static_cast<double>(s.pending()); });
}

Buckets seconds_of(const Histogram& histogram) {
  Buckets out;
  for (const std::int64_t bound : kLatencyBounds) {
    out.bounds.push_back(static_cast<double>(bound) / 1e6);
  }
  out.counts = histogram.buckets();
  out.sum = number(histogram.total().ns) * kSeconds;
  return out;
}

struct Phase {
  std::string_view name;
  const Histogram& (Statistics::*histogram)() const;
};

void add_latencies(Exposition& out, const Models& models) {
  constexpr std::array<Phase, 5> kPhases = {{{"whole", &Statistics::whole},
                                             {"queue", &Statistics::queue},
                                             {"input", &Statistics::input},
                                             {"infer", &Statistics::infer},
                                             {"output", &Statistics::output}}};
  out.histograms("kingpost_request_seconds",
                 "How long answered requests took, as a whole and by phase");
  for (const auto& model : models) {
    for (const Phase& each : kPhases) {
      out.add(with(labels_of(*model), "phase", std::string(each.name)),
              seconds_of((model->statistics().*each.histogram)()));
    }
  }
  // https://kserve.github.io/website, "Prometheus metrics"; there is no explain request.
  constexpr std::array<Phase, 3> kServes = {{{"request_preprocess_seconds", &Statistics::input},
                                             {"request_predict_seconds", &Statistics::infer},
                                             {"request_postprocess_seconds", &Statistics::output}}};
  for (const Phase& each : kServes) {
    out.histograms(each.name, "As KServe names it; see kingpost_request_seconds");
    for (const auto& model : models) {
      out.add({{"model_name", model->name()}, {"model_version", model->version()}},
              seconds_of((model->statistics().*each.histogram)()));
    }
  }
}

Buckets batch_sizes(const Statistics& statistics) {
  Buckets out;
  for (int power = 0; power <= 12; ++power) out.bounds.push_back(1 << power);
  out.counts.assign(out.bounds.size() + 1, 0);
  for (const BatchCount& each : statistics.batches()) {
    std::size_t place = 0;
    while (place < out.bounds.size() && static_cast<double>(each.rows) > out.bounds[place]) ++place;
    out.counts[place] += each.infer.count;
  }
  out.sum = number(statistics.rows());
  return out;
}

void add_data(Exposition& out, const Models& models) {
  out.histograms("kingpost_batch_rows", "How many rows a model was asked together");
  for (const auto& model : models) {
    out.add(labels_of(*model), batch_sizes(model->statistics()));
  }
  out.counters("kingpost_rows_total", "Rows that were answered");
  add_all(out, models, [](const Statistics& s) { return number(s.rows()); });
  out.counters("kingpost_null_predictions_total", "Predictions that are null");
  for (const auto& model : models) {
    out.add(labels_of(*model), number(model->columns().null_predictions()));
  }
  out.counters("kingpost_nulls_total", "Null values that came in a column");
  for (const auto& model : models) {
    for (const ColumnCounts::Row& each : model->columns().read()) {
      out.add(with(labels_of(*model), "column", each.column), number(each.nulls));
    }
  }
  out.counters("kingpost_unseen_total",
               "Categories that came in a column and were not in the training rows");
  for (const auto& model : models) {
    for (const ColumnCounts::Row& each : model->columns().read()) {
      if (!each.has_levels) continue;
      out.add(with(labels_of(*model), "column", each.column), number(each.unseen));
    }
  }
}

void add_server(Exposition& out, const Service& service, const TransportCounts& transport) {
  out.counters("kingpost_errors_total", "Requests that were refused or failed, by the error's id");
  for (const ErrorCounts::Row& each : service.errors()) {
    out.add({{"model", each.model}, {"id", each.id}}, number(each.count));
  }
  if (const RequestLog* const log = service.log()) {
    out.counters("kingpost_log_rows_total", "Rows that were taken into the request log");
    out.add({}, number(log->rows()));
    out.counters("kingpost_log_dropped_total", "Rows that the request log could not keep");
    out.add({}, number(log->dropped()));
  }
  out.counters("kingpost_http_answers_total", "Answers by HTTP status");
  for (const auto& [status, count] : transport.answers) {
    out.add({{"code", format("{}", status)}}, number(count));
  }
  out.counters("kingpost_grpc_answers_total", "gRPC calls by their status");
  for (std::size_t status = 0; status < Service::kGrpcStatuses; ++status) {
    const std::uint64_t count = service.grpc_answers(status);
    if (count > 0) out.add({{"code", format("{}", status)}}, number(count));
  }
  out.gauges("kingpost_http_connections", "Open connections");
  out.add({}, static_cast<double>(transport.connections));
  out.gauges("kingpost_ready", "1 where the server answers that it is ready");
  out.add({}, service.ready() ? 1 : 0);
  out.gauges("kingpost_model_load_seconds", "How long it took to read a version and warm it up");
  for (const auto& model : service.repository().answering()) {
    out.add(labels_of(*model), static_cast<double>(model->load_time().count()) * kSeconds);
  }
  out.gauges("kingpost_model_info", "1 for each version that answers, with its digest");
  for (const auto& model : service.repository().answering()) {
    out.add(with(labels_of(*model), "digest", model->digest()), 1);
  }
  out.gauges("kingpost_build_info", "1, with the version of the program");
  out.add({{"version", std::string(kingpost_version())}}, 1);
}

std::uint64_t resident_bytes() {
  const auto statm = read_file("/proc/self/statm");
  if (!statm) return 0;
  const std::vector<std::string> words = split(*statm, ' ');
  const auto pages = words.size() > 1 ? parse_integer(words[1]) : std::nullopt;
  return static_cast<std::uint64_t>(pages.value_or(0) * ::sysconf(_SC_PAGESIZE));
}

std::uint64_t open_files() {
  std::error_code fault;
  const std::filesystem::directory_iterator files("/proc/self/fd", fault);
  if (fault) return 0;
  return static_cast<std::uint64_t>(std::distance(begin(files), end(files)));
}

double seconds_of(timeval time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

// By the names that Prometheus' own clients use.
void add_process(Exposition& out) {
  rusage used{};
  ::getrusage(RUSAGE_SELF, &used);
  out.counters("process_cpu_seconds_total", "Processor time, of user and system together");
  out.add({}, seconds_of(used.ru_utime) + seconds_of(used.ru_stime));
  out.gauges("process_resident_memory_bytes", "Resident memory");
  out.add({}, number(resident_bytes()));
  out.gauges("process_open_fds", "Open file descriptors");
  out.add({}, number(open_files()));
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  out.gauges("process_max_fds", "File descriptors that may be open");
  out.add({}, number(limit.rlim_cur));
}

}  // namespace

std::string metrics_text(const Service& service, const TransportCounts& transport) {
  const Models models = service.repository().answering();
  Exposition out;
  add_tritons(out, models);
  add_latencies(out, models);
  add_data(out, models);
  add_server(out, service, transport);
  add_process(out);
  return out.text();
}

}  // namespace kingpost::steps::serve
