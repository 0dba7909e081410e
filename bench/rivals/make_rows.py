# SPDX-License-Identifier: Apache-2.0
"""make_rows.py ROWS FILE: 20 columns of mixed types with nulls and a few wrong values, as Parquet.
Every value comes from the hash of its row number, so equal ROWS give equal values."""

import sys

import duckdb

# p(i, k, n): true for one row in n, independently for each k. h(i, k, n): 0 to n - 1.
COLUMNS = """
  CASE WHEN i % 50000 = 7 THEN i - 1 ELSE i END AS id,
  moment(h(i, 1, 31622400) + CASE WHEN p(i, 2, 20000) THEN 40000000 ELSE 0 END) AS event_time,
  CASE WHEN NOT p(i, 3, 40) THEN moment(h(i, 4, 31622400)) END AS updated_time,
  CASE WHEN p(i, 5, 500) THEN NULL WHEN p(i, 6, 3000) THEN 'XX'
    ELSE ['AT', 'CH', 'DE', 'ES', 'FR', 'IT', 'NL'][1 + h(i, 7, 7)] END AS country,
  CASE WHEN p(i, 8, 8000) THEN 'lost'
    ELSE ['new', 'paid', 'sent', 'done'][1 + h(i, 9, 4)] END AS status,
  CASE WHEN p(i, 10, 1000) THEN NULL WHEN p(i, 11, 5000) THEN 'no address ' || h(i, 12, 1000)
    ELSE 'user' || h(i, 13, 400000) || '@example.org' END AS email,
  CASE WHEN p(i, 14, 10000) THEN 'sku ' || h(i, 15, 100000)
    ELSE letter(h(i, 16, 26)) || letter(h(i, 17, 26)) || '-' ||
      lpad(h(i, 18, 100000)::VARCHAR, 5, '0')
    END AS sku,
  CASE WHEN p(i, 19, 3) THEN NULL WHEN p(i, 20, 6000) THEN 'see <b> here'
    ELSE repeat('good value ', 1 + h(i, 21, 5)) || h(i, 22, 10000) END AS comment,
  CASE WHEN p(i, 23, 7000) THEN 'eur' ELSE ['EUR', 'CHF', 'USD'][1 + h(i, 24, 3)] END AS currency,
  CASE WHEN p(i, 25, 50) THEN NULL
    ELSE ['phone', 'tablet', 'desktop', 'kiosk'][1 + h(i, 26, 4)] END AS device,
  CASE WHEN p(i, 27, 4000) THEN -1.0 ELSE h(i, 28, 100000) / 100.0 END::DOUBLE AS price,
  CASE WHEN p(i, 29, 5) THEN NULL ELSE h(i, 30, 9001) / 10000.0 END::DOUBLE AS discount,
  CASE WHEN p(i, 31, 10) THEN NULL ELSE h(i, 32, 8001000) / 100000.0 END::DOUBLE AS weight,
  CASE WHEN p(i, 33, 20) THEN NULL WHEN p(i, 34, 2000) THEN 99.5
    ELSE h(i, 35, 1000000) / 10000.0 - 40 END::DOUBLE AS temperature,
  CASE WHEN p(i, 36, 100) THEN NULL ELSE h(i, 37, 1000001) / 1000000.0 END::DOUBLE AS score,
  CASE WHEN p(i, 38, 9000) THEN 0 ELSE 1 + h(i, 39, 100) END::INTEGER AS quantity,
  CASE WHEN p(i, 40, 30) THEN NULL WHEN p(i, 41, 2500) THEN 130
    ELSE h(i, 42, 100) END::INTEGER AS age,
  (1 + h(i, 43, 500))::INTEGER AS store,
  CASE WHEN p(i, 44, 15) THEN NULL ELSE 1 + h(i, 45, 5) END::INTEGER AS rating,
  CASE WHEN p(i, 46, 200) THEN NULL ELSE 1 + h(i, 47, 200000) END::BIGINT AS customer
"""


MACROS = """
  CREATE MACRO h(i, k, n) AS (hash(i * 64 + k) % n)::BIGINT;
  CREATE MACRO p(i, k, n) AS h(i, k, n) = 0;
  CREATE MACRO letter(n) AS chr((65 + n)::INTEGER);
  CREATE MACRO moment(n) AS TIMESTAMP '2024-01-01' + to_seconds(n);
"""


def main(rows, path):
    db = duckdb.connect()
    db.execute(MACROS)
    db.execute(f"COPY (SELECT {COLUMNS} FROM range({rows}) AS t(i)) TO '{path}' "
               "(FORMAT parquet, COMPRESSION zstd)")


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
