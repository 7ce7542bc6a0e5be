"""Holds the tables that diegate made of a lot against pystdf's reading of the same lot, value by value, and runs the SQL of docs/table.md in
DuckDB. Arguments: the lot (.stdf), its folder of tables, docs/table.md."""

import gzip
import json
import math
import pathlib
import re
import sys

import duckdb
import numpy as np
import pyarrow.parquet as parquet
from pystdf import V4
from pystdf.IO import Parser

lot, tables, page = (pathlib.Path(argument) for argument in sys.argv[1:])


def named(text):
    """A test's name, its spaces as a column has them."""
    return " ".join((text or "").split())


class Parts:
    """The usable results of each part by test number and name, as the PRRs come."""

    def __init__(self):
        self.parts, self.open, self.results, self.names = [], {}, 0, {}

    def after_send(self, source, data):
        record, fields = data
        if record is V4.pir:
            self.open[(fields[V4.pir.HEAD_NUM], fields[V4.pir.SITE_NUM])] = {}
        elif record is V4.ptr:
            self.results += 1
            number = fields[V4.ptr.TEST_NUM]
            # A record without a name means the name that its test had first.
            name = named(fields[V4.ptr.TEST_TXT]) or self.names.get(number, "")
            self.names.setdefault(number, name)
            value = fields[V4.ptr.RESULT]
            is_usable = fields[V4.ptr.TEST_FLG] & 0x3F == 0 and fields[V4.ptr.PARM_FLG] & 0x07 == 0
            if is_usable and value is not None and math.isfinite(value):
                self.open[(fields[V4.ptr.HEAD_NUM], fields[V4.ptr.SITE_NUM])][(number, name)] = np.float32(value)
        elif record is V4.prr:
            key = (fields[V4.prr.HEAD_NUM], fields[V4.prr.SITE_NUM])
            place = tuple(None if fields[at] in (None, -32768) else fields[at] for at in (V4.prr.X_COORD, V4.prr.Y_COORD))
            self.parts.append((fields[V4.prr.PART_ID], place, fields[V4.prr.HARD_BIN], self.open.pop(key, {})))


found = Parts()
with (gzip.open if lot.suffix == ".gz" else open)(lot, "rb") as file:
    reader = Parser(inp=file)
    reader.addSink(found)
    reader.parse()

table = parquet.read_table(tables / "lot.parquet")
assert table.num_rows == len(found.parts), (table.num_rows, len(found.parts))
columns = json.loads(table.schema.metadata[b"diegate_columns"])
tests = [column for column in columns if "testNumber" in column]
assert tests, "no column is a test"
compared = wrong = 0
for column in tests:
    key = (column["testNumber"], named(column.get("testName")))
    values = table.column(column["name"]).to_numpy()
    for row, (_, _, _, results) in enumerate(found.parts):
        expected, value = results.get(key), values[row]
        compared += 1
        if expected is None:
            wrong += not np.isnan(value)
        else:
            wrong += np.float32(value).tobytes() != expected.tobytes()
places = list(zip(table.column("x").to_pylist(), table.column("y").to_pylist()))
wrong += sum(place != part[1] for place, part in zip(places, found.parts))
wrong += sum(bin_ != part[2] for bin_, part in zip(table.column("hard_bin").to_pylist(), found.parts))
print(f"{lot.name}: {compared} cells of {len(tests)} tests and {table.num_rows} parts, {wrong} other than pystdf 1.4.0's")
assert wrong == 0

# The same by DuckDB, from Parquet and from CSV, and the long table.
database = duckdb.connect()
first = tests[0]["name"]
of_parquet = database.sql(f"""SELECT count(*), sum(CASE WHEN isnan("{first}") THEN 0 ELSE "{first}"::DOUBLE END) FROM '{tables}/lot.parquet'""").fetchall()[0]
header = next(name for name in database.sql(f"SELECT * FROM read_csv('{tables}/lot.csv') LIMIT 0").columns if name == first or name.startswith(f"{first} ("))
of_csv = database.sql(f"""SELECT count(*), sum("{header}"::FLOAT::DOUBLE) FROM read_csv('{tables}/lot.csv')""").fetchall()[0]
assert of_parquet[0] == of_csv[0] == len(found.parts), (of_parquet, of_csv)
assert math.isclose(of_parquet[1], of_csv[1], rel_tol=1e-12), (of_parquet, of_csv)
long = database.sql(f"SELECT count(*) FROM '{tables}/long.parquet' WHERE kind = 'Ptr'").fetchall()[0][0]
assert long == found.results, (long, found.results)
print(f"DuckDB {duckdb.__version__}: as many rows and the same sums from Parquet and CSV; {long} PTRs in the long table, as many as pystdf counts")

# The page's own queries, of this lot.
for query in re.search(r"```sql\n(.*?)```", page.read_text(), re.S)[1].splitlines():
    if query.startswith("SELECT"):
        rows = database.sql(query.replace("lot.parquet", f"{tables}/lot.parquet").replace("1000 vdd", first)).fetchall()
        assert rows, query
        print(f"docs/table.md: {len(rows)} rows by {query[:60]}...")
