"""Every verb of the interface as a question that can be posted: derived from the functions of :mod:`gigaplan.api`."""
