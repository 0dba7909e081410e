# SPDX-License-Identifier: Apache-2.0
"""The 44 checks in Great Expectations over a pandas frame, as its documentation shows it."""

import logging
import warnings

import great_expectations as gx
import great_expectations.expectations as gxe
import pandas

from answering import answer


def bound(value):
    return pandas.Timestamp(value).to_pydatetime() if isinstance(value, str) else value


def bounds(check):
    return {"column": check["column"], "min_value": bound(check["min"]),
            "max_value": bound(check["max"])}


def expectation(check):
    kind, column = check["check"], check.get("column")
    if kind == "not_null":
        return gxe.ExpectColumnValuesToNotBeNull(column=column)
    if kind == "unique":
        return gxe.ExpectColumnValuesToBeUnique(column=check["columns"][0])
    if kind == "in_set":
        return gxe.ExpectColumnValuesToBeInSet(column=column, value_set=check["values"])
    if kind == "not_in_set":
        return gxe.ExpectColumnValuesToNotBeInSet(column=column, value_set=check["values"])
    if kind == "matches":
        return gxe.ExpectColumnValuesToMatchRegex(column=column, regex=check["pattern"])
    if kind == "not_matches":
        return gxe.ExpectColumnValuesToNotMatchRegex(column=column, regex=check["pattern"])
    if kind == "row_count":
        return gxe.ExpectTableRowCountToEqual(value=check["equals"])
    kinds = {"between": gxe.ExpectColumnValuesToBeBetween,
             "length": gxe.ExpectColumnValueLengthsToBeBetween,
             "mean": gxe.ExpectColumnMeanToBeBetween,
             "stdev": gxe.ExpectColumnStdevToBeBetween,
             "sum": gxe.ExpectColumnSumToBeBetween,
             "distinct_count": gxe.ExpectColumnUniqueValueCountToBeBetween}
    return kinds[kind](**bounds(check))



def read(file):
    """With the types for which it compares whole columns at once; others it takes value by value,
    which takes about twice as long in all."""
    frame = pandas.read_parquet(file)
    wide = {"int32": "int64", "datetime64[us]": "datetime64[ns]"}
    return frame.astype({name: wide[str(kind)] for name, kind in frame.dtypes.items()
                         if str(kind) in wide})


def work(file, checks):
    frame = read(file)
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    asset = context.data_sources.add_pandas("pandas").add_dataframe_asset("rows")
    batch = asset.add_batch_definition_whole_dataframe("all").get_batch({"dataframe": frame})
    suite = gx.ExpectationSuite("checks")
    for number, check in enumerate(checks):
        each = expectation(check)
        each.meta = {"number": number}
        suite.add_expectation(each)
    outcome = batch.validate(suite, result_format="BASIC")
    counts = [None] * len(checks)
    for each in outcome.results:
        if each.exception_info.get("raised_exception"):
            raise RuntimeError(each.exception_info)
        count = each.result.get("unexpected_count")
        counts[each.expectation_config.meta["number"]] = (
            int(not each.success) if count is None else count)
    return counts


logging.disable(logging.WARNING)
warnings.simplefilter("ignore")
answer(work)
