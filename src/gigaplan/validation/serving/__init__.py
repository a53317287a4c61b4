"""Validation of serving: names, rows, tables, answers, fit, errors and calibration."""
