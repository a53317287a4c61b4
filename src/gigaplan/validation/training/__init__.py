"""Validation of training: rows, answers, fit, errors and calibration."""
