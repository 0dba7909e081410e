"""Data files that are too large, too binary or too oddly named to be kept: made when a test runs.
The function `make_NAME` serves the folder `data/NN_NAME`."""

import ctypes
import gzip
import os
import zipfile

ROWS = b"id,name\n1,Ada\n2,Bea\n3,Cyd\n"


def make(case, folder):
    maker = globals().get(f"make_{case}")
    if maker is not None:
        maker(folder)


def make_huge_text(folder):
    """One field of 3 MB, more than a line may hold, and one of 1 MB."""
    with open(folder / "rows.csv", "w", encoding="utf-8") as file:
        file.write("id,text\n1,short\n2,%s\n3,%s\n4,last\n" % ("x" * 3_000_000, "y" * 1_000_000))


def make_wrong_types_late(folder):
    """Whole numbers for far more than the first MiB, then a text and a date that is none."""
    with open(folder / "rows.csv", "w", encoding="utf-8") as file:
        file.write("id,value,day\n")
        for number in range(80_000):
            file.write(f"{number},{number * 7},2013-01-01\n")
        file.write("80000,n/a,2013-01-02\n80001,5,2013-02-30\n")


def make_fractions_late(folder):
    with open(folder / "rows.csv", "w", encoding="utf-8") as file:
        file.write("id,value\n")
        for number in range(120_000):
            file.write(f"{number},{number}\n")
        file.write("120000,0.5\n")


def gzipped(bytes_):
    return gzip.compress(bytes_, mtime=0)


def make_gzip(folder):
    (folder / "rows.csv.gz").write_bytes(gzipped(ROWS))


def make_gzip_truncated(folder):
    (folder / "rows.csv.gz").write_bytes(gzipped(ROWS)[:-12])


def make_gzip_bad_checksum(folder):
    whole = bytearray(gzipped(ROWS))
    whole[-8] ^= 0xFF
    (folder / "rows.csv.gz").write_bytes(whole)


def make_gzip_then_rubbish(folder):
    (folder / "rows.csv.gz").write_bytes(gzipped(ROWS) + b"4,Dan\n")


def make_gzip_two_members(folder):
    (folder / "rows.csv.gz").write_bytes(gzipped(ROWS) + gzipped(b"4,Dan\n"))


def make_zstd(folder):
    """A frame with one raw block, written by hand: the standard library has no zstd."""
    header = b"\x28\xb5\x2f\xfd" + bytes([0x20, len(ROWS)])
    block = (len(ROWS) << 3 | 1).to_bytes(3, "little") + ROWS
    (folder / "rows.csv.zst").write_bytes(header + block)


def make_zip(folder):
    with zipfile.ZipFile(folder / "rows.zip", "w") as file:
        file.writestr(zipfile.ZipInfo("rows.csv"), ROWS)


def write_parquet(folder, **queries):
    """Through the library that the program itself uses: no Python package is needed."""
    duckdb = ctypes.CDLL(library())
    database, connection = ctypes.c_void_p(), ctypes.c_void_p()
    assert duckdb.duckdb_open(None, ctypes.byref(database)) == 0
    assert duckdb.duckdb_connect(database, ctypes.byref(connection)) == 0
    for name, query in queries.items():
        statement = f"COPY ({query}) TO '{folder / name}.parquet' (FORMAT parquet)"
        assert duckdb.duckdb_query(connection, statement.encode(), None) == 0, query
    duckdb.duckdb_disconnect(ctypes.byref(connection))
    duckdb.duckdb_close(ctypes.byref(database))


def library():
    program = os.environ.get("KINGPOST", "build/dev/kingpost")
    return os.path.join(os.path.dirname(os.path.abspath(program)), "lib/libduckdb.so")


def make_parquet(folder):
    write_parquet(folder, rows="SELECT i AS id, 'n' || i AS name, i / 4 AS x, "
                  "TIMESTAMP '2013-01-01' + to_days(i) AS t FROM range(5) AS r(i)")


def make_parquet_damaged(folder):
    make_parquet(folder)
    path = folder / "rows.parquet"
    path.write_bytes(path.read_bytes()[:-20])


def make_parquet_nested(folder):
    write_parquet(folder, rows="SELECT 1 AS id, {'city': 'Bern', 'zip': 3000} AS place, "
                  "[1, 2] AS list")


def make_parquet_declared(folder):
    write_parquet(folder, rows="SELECT i * 50 AS n, i AS t FROM range(5) AS r(i)")


def make_parquet_differing(folder):
    write_parquet(folder, part_1="SELECT 1 AS id, 'Ada' AS name",
                  part_2="SELECT 2 AS id, 1.5 AS size")


def make_ndjson_late_keys(folder):
    with open(folder / "rows.ndjson", "w", encoding="utf-8") as file:
        for number in range(60_000):
            file.write('{"id": %d, "name": "n%d"}\n' % (number, number))
        file.write('{"id": 60000, "name": 5, "late": 1.5}\n{"id": "x"}\n')


def make_many_columns(folder):
    names = [f"c{number}" for number in range(300)]
    lines = [",".join(names), ",".join("1" for _ in names), ",".join("x" for _ in names)]
    (folder / "rows.csv").write_text("\n".join(lines) + "\n")


def make_file_name_with_quotes(folder):
    (folder / "it's \"quoted\".csv").write_bytes(ROWS)


def make_file_name_with_unicode(folder):
    (folder / "Zürich – 東京.csv").write_bytes(ROWS)


def make_file_name_with_newline(folder):
    (folder / "two\nlines.csv").write_bytes(ROWS)


def make_file_name_with_brackets(folder):
    """Both exist, and the second is called like the pattern for the first: it is meant."""
    (folder / "rows1.csv").write_bytes(ROWS)
    (folder / "rows[1].csv").write_bytes(b"id,name\n9,Zoe\n")


def make_file_name_with_star(folder):
    (folder / "rows*.csv").write_bytes(b"id,name\n9,Zoe\n")
    (folder / "rows1.csv").write_bytes(ROWS)


def make_file_name_with_percent(folder):
    (folder / "100%d {x} $y.csv").write_bytes(ROWS)


def make_unreadable_link(folder):
    (folder / "rows.csv").symlink_to(folder / "gone.csv")


def make_not_a_regular_file(folder):
    os.mkfifo(folder / "rows.csv")
