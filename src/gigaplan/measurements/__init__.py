"""Files of measurements: tables, and results and logs of other tools, recognised by their content and read as rows.

Each tool has a module with ``recognise(document)``, whether a document is one of its results, and ``rows(document)``,
its rows with the columns of gigaplan's own tables. A document is a value of a JSON or YAML file, or the whole text of
any other. :mod:`~gigaplan.measurements.files` lists the tools.
"""
