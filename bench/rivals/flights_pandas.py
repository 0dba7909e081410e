# SPDX-License-Identifier: Apache-2.0
"""flights_pandas.py FOLDER OUT: what examples/flights does in steps 1 to 5, as written in pandas by
hand. Prints one JSON line with the rows per side of the split and the matches."""

import json
import sys
import time
from pathlib import Path

import pandas as pd

KEY = ["time_hour", "carrier", "flight"]
LATER = ["dep_time", "dep_delay", "arr_time", "arr_delay", "air_time"]
WEATHER = ["temp", "wind_speed", "precip", "visib", "pressure"]
HOUR = pd.Timedelta(hours=1)


def read(folder, name, types, times=()):
    frame = pd.read_csv(folder / f"{name}.csv", na_values=["", "NA"], keep_default_na=False,
                        dtype=types)
    for column in times:
        frame[column] = pd.to_datetime(frame[column], utc=True)
    return frame


def ingest(folder):
    return {
        "flights": read(folder, "flights", {"flight": str, "tailnum": str, "dep_delay": float,
                                            "arr_delay": float}, ["time_hour"]),
        "weather": read(folder, "weather", dict.fromkeys(WEATHER, float), ["time_hour"]),
        "planes": read(folder, "planes", {"year": "Int32", "speed": float}),
        "airports": read(folder, "airports", {}),
    }


def validate(tables):
    """Failing rows per check; flights without those that are to be quarantined."""
    flights, weather = tables["flights"], tables["weather"]
    known = flights["dest"].notna()
    failing = {
        "flights unique": flights.duplicated(KEY, keep=False).sum(),
        "origin in set": (~flights["origin"].isin(["EWR", "JFK", "LGA"])).sum(),
        "tailnum not null": flights["tailnum"].isna().sum(),
        "dest in airports": (known & ~flights["dest"].isin(tables["airports"]["faa"])).sum(),
        "wind_speed between": ((weather["wind_speed"] < 0) | (weather["wind_speed"] > 150)).sum(),
        "weather unique": weather.duplicated(["origin", "time_hour"], keep=False).sum(),
        "planes unique": tables["planes"].duplicated(["tailnum"], keep=False).sum(),
        "airports unique": tables["airports"].duplicated(["faa"], keep=False).sum(),
    }
    refused = (flights["arr_delay"] < -120) | (flights["arr_delay"] > 1500)
    failing["arr_delay between"] = refused.sum()
    tables["flights"] = flights[~refused]
    return {name: int(count) for name, count in failing.items()}


def minutes(clock):
    value = clock // 100 * 60 + clock % 100
    return value.where(clock.between(0, 2400) & (clock % 100 < 60))


def clean(tables):
    flights = tables["flights"].drop_duplicates(KEY)
    for column in ("sched_dep_time", "sched_arr_time"):
        flights[column] = minutes(flights[column])
    tables["flights"] = flights
    weather = tables["weather"]
    weather["wind_speed"] = weather["wind_speed"].mask(weather["wind_speed"] > 150)


def standardise(tables):
    flights, weather, planes = tables["flights"], tables["weather"], tables["planes"]
    flights["sched_dep"] = flights["time_hour"] + pd.to_timedelta(flights["minute"], unit="min")
    weather["temp"] = (weather["temp"] - 32) * 5 / 9
    weather["wind_speed"] = weather["wind_speed"] * 0.44704
    planes = planes.rename(columns={"year": "build_year"})
    planes["manufacturer"] = planes["manufacturer"].str.strip().str.upper()
    tables["planes"] = planes


def join(tables):
    """Each flight with the newest weather known two hours before it, at most six hours old."""
    rows = tables["flights"]
    rows["place"] = range(len(rows))
    rows["predict"] = rows["sched_dep"] - 2 * HOUR
    weather = tables["weather"][["origin", "time_hour", *WEATHER]].copy()
    weather["known"] = weather.pop("time_hour") + HOUR
    weather["weather_there"] = True
    rows = pd.merge_asof(rows.sort_values("predict"), weather.sort_values("known"),
                         left_on="predict", right_on="known", by="origin", tolerance=5 * HOUR)
    planes = tables["planes"][["tailnum", "build_year", "seats", "manufacturer"]]
    airports = tables["airports"][["faa", "lat", "lon", "alt"]]
    rows = rows.merge(planes.assign(planes_there=True), how="left", on="tailnum")
    rows = rows.merge(airports.assign(airports_there=True), how="left", left_on="dest",
                      right_on="faa")
    return rows.sort_values("place")


def split(rows):
    validation, test = (pd.Timestamp(day, tz="America/New_York").tz_convert("UTC")
                        for day in ("2013-10-01", "2013-11-01"))
    side = pd.Series("train", index=rows.index)
    side[rows["sched_dep"] >= validation] = "validation"
    side[rows["sched_dep"] >= test] = "test"
    return side


def curate(tables, out):
    rows = join(tables)
    matched = {name: int(rows[f"{name}_there"].sum()) for name in ("weather", "planes", "airports")}
    if len(rows) != len(tables["flights"]):
        raise SystemExit("the joins changed the number of rows")
    rows["delay"] = rows["arr_delay"]
    rows["_split"] = split(rows)
    rows = rows.drop(columns=[*LATER, "place", "predict", "known", "faa", "weather_there",
                              "planes_there", "airports_there"])
    labelled = rows[rows["delay"].notna()]
    labelled.to_parquet(out / "training.parquet", compression="zstd")
    unlabelled = rows[rows["delay"].isna()].drop(columns=["delay", "_split"])
    unlabelled.to_parquet(out / "unlabelled.parquet", compression="zstd")
    sides = {side: int(n) for side, n in labelled["_split"].value_counts().items()}
    return {"sides": sides, "unlabelled": len(unlabelled), "matched": matched}


def main(folder, out):
    start = time.perf_counter()
    tables = ingest(folder)
    failing = validate(tables)
    clean(tables)
    standardise(tables)
    answer = curate(tables, out)
    answer["failing"] = failing
    answer["seconds"] = time.perf_counter() - start
    print(json.dumps(answer))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
