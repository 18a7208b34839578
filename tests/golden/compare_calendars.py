#!/usr/bin/env python3
"""Compares calendars with what Regard exported of them, with another reader of iCalendar.

    python3 tests/golden/compare_calendars.py ../shared/corpus/ical EXPORTED

EXPORTED is a folder of .ics files, one a record, whose names begin with the name of the original file. Written against icalendar
7.3.0; it shares no code with Regard. tests/tests/round_trip_calendars.rs says which differences mean nothing.
"""

import sys
from collections import Counter, defaultdict
from pathlib import Path

import icalendar

OF_THE_FILE = {"DTSTAMP", "PRODID", "VERSION"}


def facts(component, around=""):
    """Every property of a component and its parts: its place, name, parameters and value."""
    for name, value in component.property_items(recursive=False):
        if name in OF_THE_FILE | {"BEGIN", "END"}:
            continue
        params = tuple(sorted((key, str(param)) for key, param in getattr(value, "params", {}).items()))
        if name in ("CATEGORIES", "EXDATE"):
            values = value.cats if name == "CATEGORIES" else [time.dt for time in value.dts]
            yield from ((around, name, params, str(one)) for one in values)
        else:
            yield around, name, params, value.to_ical()
    for part in component.subcomponents:
        if part.name not in ("VEVENT", "VTODO"):
            yield from facts(part, f"{around}/{part.name}")


def records(path):
    """Events and to-dos of a file by what they are known by; none where the reader does not take the file."""
    found = defaultdict(list)
    for calendar in icalendar.Calendar.from_ical(path.read_bytes(), multiple=True):
        for component in calendar.walk():
            if component.name in ("VEVENT", "VTODO"):
                instance = component.get("RECURRENCE-ID")
                known_by = (component.name, str(component.get("UID", "")), instance and instance.to_ical())
                found[known_by].append(Counter(facts(component)))
    return found


def main(originals, exported):
    compared = lost = unread = 0
    for original in sorted(Path(originals).glob("*.ics")):
        try:
            expected = records(original)
        except Exception as error:
            print(f"{original.name}: not read: {error}")
            unread += 1
            continue
        found = defaultdict(list)
        for file in Path(exported).glob(f"{original.name}*"):
            for known_by, components in records(file).items():
                found[known_by].extend(components)
        for known_by, components in expected.items():
            for component in components:
                compared += sum(component.values())
                missing = min((component - other for other in found[known_by]), key=len, default=component)
                if missing:
                    lost += 1
                    print(f"{original.name}: {known_by}: {list(missing)[:3]}")
    print(f"{compared} properties compared, {lost} components lack something, {unread} files not read")
    return lost


if __name__ == "__main__":
    sys.exit(1 if main(*sys.argv[1:]) else 0)
