// SPDX-License-Identifier: Apache-2.0
#include "protocols/prometheus/exposition.h"

#include <gtest/gtest.h>

namespace kingpost::prometheus_text {
namespace {

TEST(exposition, families_as_prometheus_reads_them) {
  Exposition out;
  out.counters("rows_total", "Rows.");
  out.add({{"model", "a \"b\"\\\nc"}}, 9007199254740992.0);
  out.gauges("up", "Whether.");
  out.add({}, 0.5);
  out.counters("never_total", "Nothing.");
  out.histograms("seconds", "How long.");
  out.add({{"phase", "infer"}}, Buckets{{0.1, 1}, {2, 0, 3}, 7.5});
  EXPECT_EQ(out.text(),
            "# HELP rows_total Rows.\n# TYPE rows_total counter\n"
            "rows_total{model=\"a \\\"b\\\"\\\\\\nc\"} 9007199254740992\n"
            "# HELP up Whether.\n# TYPE up gauge\nup 0.5\n"
            "# HELP seconds How long.\n# TYPE seconds histogram\n"
            "seconds_count{phase=\"infer\"} 5\nseconds_sum{phase=\"infer\"} 7.5\n"
            "seconds_bucket{phase=\"infer\",le=\"0.1\"} 2\n"
            "seconds_bucket{phase=\"infer\",le=\"1\"} 2\n"
            "seconds_bucket{phase=\"infer\",le=\"+Inf\"} 5\n");
}

}  // namespace
}  // namespace kingpost::prometheus_text
