"""The chain facility - IT - rack - GPU, as sourced conversions between bases."""

from __future__ import annotations

from gigaplan.vocabulary.bases import Conversion, PowerBasis


def chain(
    *, facility_to_it_peak: float, it_per_rack_power: float, rack_kw: float | None = None, gpu_kw: float | None = None
) -> tuple[Conversion, ...]:
    """Return the conversions from one power basis to the next, to be used with ``Based.to``.

    Parameters
    ----------
    facility_to_it_peak : facility over IT power at the design peak.
    it_per_rack_power : IT over rack power, network and storage included.
    rack_kw, gpu_kw : rated rack power and the limits of all its GPUs added up [kW], if known.
    """
    known = [
        Conversion(PowerBasis.IT, PowerBasis.FACILITY, facility_to_it_peak, "facility.facility_to_it_peak"),
        Conversion(PowerBasis.RACK_TDP, PowerBasis.IT, it_per_rack_power, "facility.it_per_rack_power"),
    ]
    if rack_kw and gpu_kw:
        known.append(
            Conversion(PowerBasis.GPU_TGP, PowerBasis.RACK_TDP, rack_kw / gpu_kw, "rack power over GPU limits")
        )
    return tuple(known)
