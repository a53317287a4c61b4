"""The kinds of single files that verbs write, each with the marks by which its own are known again."""

from __future__ import annotations

from gigaplan.vocabulary.files.write import Kind

PAGE = Kind("a page", ("<!doctype html>", "· gigaplan</title>"))
PICTURE = Kind("a picture", ('<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0', 'role="img" aria-label='))
MARKDOWN = Kind("a page of tables", ("Written by `gigaplan validate",))
OVERLAY = Kind("an overlay", ("overlay:", "who: gigaplan calibrate"))
SCHEMA = Kind("a schema", ("json-schema.org", "gigaplan"))
PLAN = Kind("a plan")
"""A plan is replaced only with --force, whatever it holds."""
DATA = Kind("a table of the package")
"""Rows that the fitting programmes of gigaplan renew in its source tree."""
HOURS = Kind("hours of a site", ("hour_utc,hour_local_standard,load_mw",))
LOADS = Kind("loads by year", ("site,year,months,design_mw,",))
TRACE = Kind("a trace of requests", ('{"traceEvents": [{"ph": "M"', '"name": "process_name"', '"requests"'))
NETWORK = Kind("a network of PyPSA")
"""Its bytes are compressed; a file of this name is the user's own choice."""
EXPORTS = {
    "csv": Kind("an exported table", ("variable,", ",value,", ",unit,kind")),
    "parquet": Kind("an exported table", ("PAR1", "variable", "value", "unit")),
    "netcdf": Kind("an exported dataset", ("CDF", "plan_hash")),
    "xlsx": Kind("a workbook", ("PK\x03\x04", "xl/workbook.xml", "gigaplan workbook")),
}
PREDICTIONS = Kind("a table of predictions", ("tokens_per_s_per_gpu", "low", "high", "validity"))
"""Of serving or of training: columns that all of them have."""
