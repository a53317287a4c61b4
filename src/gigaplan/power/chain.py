"""Conversions of power from GPU to rack to IT to facility, as sourced factors between bases."""

from __future__ import annotations

from gigaplan.vocabulary.bases import Conversion, PowerBasis


def chain(
    *, facility_to_it_peak: float, it_per_rack_power: float, rack_kw: float | None = None, gpu_kw: float | None = None
) -> tuple[Conversion, ...]:
    """Return the conversions from one power basis to the next, to be used with ``Based.to``.

    Parameters
    ----------
    facility_to_it_peak : float
        Facility over IT power at the design peak [1].
    it_per_rack_power : float
        IT over rack power, network and storage included [1].
    rack_kw : float, optional
        Rated power of a rack [kW]; without it there is no conversion from GPUs to racks.
    gpu_kw : float, optional
        Limits of all GPUs of the rack added up [kW]; without it there is no conversion from GPUs to racks.

    Returns
    -------
    tuple of Conversion
        IT to facility, rack to IT and, where both powers are known, GPU to rack.

    Examples
    --------
    A rack of 132 kW with 72 GPUs of 1.2 kW: each GPU kilowatt is 1.53 rack kilowatts.

    >>> *_, gpu = chain(facility_to_it_peak=1.3, it_per_rack_power=1.1, rack_kw=132.0, gpu_kw=86.4)
    >>> round(gpu.factor, 2)
    1.53
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
