"""What is known of a screen: when it was measured, by whom, its darkest and brightest.

DICOM PS3.14 wants P-values on a calibrated screen. This program cannot measure one; it keeps what
a person measured and says when nothing, or nothing recent, is known.
"""

from __future__ import annotations

import dataclasses
import json
import logging
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from workstation.domain.errors import N_, BadInput, Message

FILE = "screens.json"
VALID = timedelta(days=365)
# ACR-AAPM-SIIM Technical Standard for Electronic Practice of Medical Imaging (2018), primary
# diagnostic displays: at least 350 cd/m2, at least 250 times the darkest.
LEAST_MAXIMUM = 350.0
LEAST_RATIO = 250.0

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Calibration:
    """One measurement of one screen; luminance in cd/m2, ambient light included.

    screen: what names it (maker, model, serial number, pixels). day: ISO 8601. gsdf: whether the
    grey scale standard display function was set and checked.
    """

    screen: str
    day: str
    tester: str
    minimum: float
    maximum: float
    gsdf: bool


def checked(record: Calibration) -> Calibration:
    """The record if it can be true; ``BadInput`` says what is wrong with it."""
    if not record.tester.strip():
        raise BadInput(N_("Please say who measured the screen."))
    if not 0.0 < record.minimum < record.maximum < 10_000.0:
        raise BadInput(N_("The darkest must be above 0 and below the brightest (cd/m²)."))
    try:
        date.fromisoformat(record.day)
    except ValueError:
        raise BadInput(N_("Please give the day as year-month-day.")) from None
    return record


def load_calibrations(home: Path) -> dict[str, Calibration]:
    """The last record of every screen of this workstation; faulty entries are left out."""
    try:
        given = json.loads((home / FILE).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        log.warning("screen records cannot be read: %s", type(error).__name__)
        return {}
    found = {}
    for entry in given if isinstance(given, list) else []:
        try:
            record = Calibration(
                str(entry["screen"]),
                str(entry["day"]),
                str(entry["tester"]),
                float(entry["minimum"]),
                float(entry["maximum"]),
                bool(entry["gsdf"]),
            )
            found[record.screen] = checked(record)
        except (KeyError, TypeError, ValueError, BadInput) as error:
            log.warning("a screen record cannot be used: %s", type(error).__name__)
    return found


def save_calibration(home: Path, record: Calibration) -> None:
    """Keep a record in place of the screen's last one; ``BadInput`` where it cannot be true."""
    known = load_calibrations(home) | {record.screen: checked(record)}
    path = home / FILE
    beside = path.with_suffix(".part")
    said = [dataclasses.asdict(each) for each in known.values()]
    beside.write_text(json.dumps(said, ensure_ascii=False, indent=1), encoding="utf-8")
    beside.replace(path)


def is_valid(record: Calibration | None, today: date) -> bool:
    """Whether a screen was measured within the year, and not in the future."""
    if record is None or not record.gsdf:
        return False
    age = today - date.fromisoformat(record.day)
    return timedelta(0) <= age <= VALID


def standing(record: Calibration | None, today: date) -> Message:
    """What there is to say about a screen."""
    if record is None:
        return Message(N_("This screen has no calibration record: greys may look wrong."))
    if not is_valid(record, today):
        if not record.gsdf:
            return Message(N_("This screen is not set to the DICOM grey scale (GSDF)."))
        return Message(
            N_("This screen was last calibrated on {day}: more than a year ago."),
            {"day": record.day},
        )
    short = record.maximum < LEAST_MAXIMUM or record.maximum / record.minimum < LEAST_RATIO
    if short:
        return Message(
            N_("Calibrated on {day}, but below 350 cd/m² or a ratio of 250: not for diagnosis."),
            {"day": record.day},
        )
    return Message(
        N_("Calibrated on {day} by {tester}."), {"day": record.day, "tester": record.tester}
    )


def warns(record: Calibration | None, today: date) -> bool:
    """Whether a reader must be warned."""
    if record is None or not is_valid(record, today):
        return True
    return record.maximum < LEAST_MAXIMUM or record.maximum / record.minimum < LEAST_RATIO
